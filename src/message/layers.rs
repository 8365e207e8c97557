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

/// What `layer init` has made of the crates that functions have in common, or would.
#[derive(Debug, Serialize)]
pub struct Shared<'a> {
    /// The crate that holds them.
    pub name: &'a str,
    /// The crates.
    pub crates: Vec<SharedCrate<'a>>,
    /// Crates that functions have in common and that are not in it.
    pub left_out: Vec<LeftOut<'a>>,
    /// The files that change.
    pub files: Vec<String>,
    /// Whether they were changed.
    pub kept: bool,
    /// All zips together without the library, in bytes; null where nobody has measured it.
    pub whole: Option<u64>,
    /// All zips together with it, layers too, in bytes.
    pub split: Option<u64>,
}

/// A crate that functions have in common, and that no shared library holds.
#[derive(Debug, Serialize)]
pub struct LeftOut<'a> {
    /// Its name.
    pub package: &'a str,
    /// Why.
    pub why: &'a str,
    /// The binaries of functions that use it.
    pub functions: Vec<&'a str>,
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

/// A layer that was to be published.
#[derive(Debug, Serialize)]
pub struct PublishedLayer<'a> {
    /// Its name.
    pub layer: &'a str,
    /// AWS's name of the architecture.
    pub architecture: &'a str,
    /// `published`, `there`, `to-publish` (of a dry run) or `stopped`.
    pub state: &'static str,
    /// The ARN of the version; null while there is none.
    pub arn: Option<&'a str>,
    /// The digest of what it holds, 64 hexadecimal digits.
    pub tree: &'a str,
    /// The digest of its zip as AWS reports it.
    pub code_sha256: &'a str,
    /// Its zip, in bytes.
    pub size: u64,
    /// The functions that it was packaged for.
    pub functions: Vec<&'a str>,
    /// The operations of the API that were called, or would be.
    pub changes: Vec<&'static str>,
    /// Why it was not published.
    pub stopped: Option<String>,
}

/// A version of a layer of ours.
#[derive(Debug, Serialize)]
pub struct LayerVersion<'a> {
    /// The layer's name.
    pub layer: &'a str,
    /// Its number.
    pub version: u64,
    /// Its ARN.
    pub arn: &'a str,
    /// AWS's names of the architectures that it is for.
    pub architectures: &'a [String],
    /// The digest of what it holds, as it says.
    pub tree: &'a str,
    /// Its zip, in bytes; null where no function tells it.
    pub size: Option<u64>,
    /// When it was published, as AWS says it.
    pub created: &'a str,
    /// The versions of functions that use it, by function; null where that cannot be seen.
    pub used_by: Option<BTreeMap<&'a str, Vec<&'a str>>>,
    /// Whether it is what was packaged last (`packaged`), or what the lock says (`locked`); null if neither.
    pub now: Option<&'static str>,
    /// Of `layer prune`: `goes`, `deleted`, `used`, `newest`, `shared` or `failed`; null of `layer list`.
    pub fate: Option<&'static str>,
}
