//! What `layer` says.

use std::collections::BTreeMap;

use serde::Serialize;

/// A layer that would be made.
#[derive(Debug, Serialize)]
pub struct PlannedLayer<'a> {
    /// Its name.
    pub layer: &'a str,
    /// AWS's name of the architecture.
    pub architecture: &'a str,
    /// How often what is in it changes.
    pub kinds: Vec<&'a str>,
    /// The functions that use it, built now or by the lock.
    pub functions: Vec<&'a str>,
    /// The paths in it, below `/opt`.
    pub files: Vec<&'a str>,
    /// All files, in bytes.
    pub unpacked: u64,
    /// Its zip, in bytes.
    pub zip: u64,
    /// What it saves over all functions, in bytes before compression.
    pub saves: u64,
}

/// A function, whole and split.
#[derive(Debug, Serialize)]
pub struct PlannedFunction<'a> {
    /// Its name.
    pub function: &'a str,
    /// AWS's name of the architecture.
    pub architecture: &'a str,
    /// Its zip where no library is in a layer, in bytes.
    pub whole: u64,
    /// Its zip, in bytes: what a change of its code uploads.
    pub split: u64,
    /// Its layers, in order.
    pub layers: Vec<&'a str>,
    /// What could be in a layer and stays, by path, with the reason.
    pub stays: BTreeMap<&'a str, String>,
}

/// A crate that functions have in common.
#[derive(Debug, Serialize)]
pub struct SharedCrate<'a> {
    /// Its name.
    pub package: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The binaries of functions that use it.
    pub functions: Vec<&'a str>,
}
