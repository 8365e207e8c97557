//! What `prune` says.

use serde::Serialize;

/// A published version of a function.
#[derive(Debug, Serialize)]
pub struct FunctionVersion<'a> {
    /// The function.
    pub function: &'a str,
    /// Its number.
    pub version: String,
    /// The length of its code in bytes; zero of an image.
    pub code_size: u64,
    /// When it was published, as AWS says it.
    pub published: &'a str,
    /// `goes`, `deleted`, `kept`, `gone` (somebody else has deleted it meanwhile) or `failed`.
    pub fate: &'static str,
    /// What it is needed for.
    pub why: Vec<String>,
}

/// All that goes or went.
#[derive(Debug, Serialize)]
pub struct PrunedVersions {
    /// How many versions of functions.
    pub versions: usize,
    /// The length of their code in bytes; layers are not in it.
    pub bytes: u64,
    /// How many versions of layers.
    pub layer_versions: usize,
    /// Whether they were deleted, or only would be.
    pub deleted: bool,
}
