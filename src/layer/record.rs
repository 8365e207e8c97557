//! `layer.json`: what a packaged layer is, for people and for other tools. Keys are only ever added.

use serde::{Deserialize, Serialize};

use crate::bundle::FileRecord;

/// One layer, beside its zip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The version of this format.
    pub format: u32,
    /// Its name.
    pub layer: String,
    /// How often what is in it changes: `toolchain`, `native`, `asset`, `extension`, `workspace`.
    pub kinds: Vec<String>,
    /// AWS's name of the architecture.
    pub architecture: String,
    /// AWS's names of the runtimes of its functions.
    pub runtimes: Vec<String>,
    /// What it is, whatever its zip: SHA-256 over its sorted paths, modes and contents, 64 hexadecimal
    /// digits.
    pub tree: String,
    /// The digest of the zip as AWS reports it: SHA-256 in base64.
    #[serde(rename = "CodeSha256")]
    pub code_sha256: String,
    /// The lengths of all files together, in bytes.
    pub unpacked: u64,
    /// The length of the zip in bytes.
    pub size: u64,
    /// The zip's file name, beside this file.
    pub zip: String,
    /// Every file in the zip, in order.
    pub files: Vec<FileRecord>,
    /// The functions that were packaged to use it.
    pub functions: Vec<String>,
}

impl LayerRecord {
    /// The current version of the format.
    pub const FORMAT: u32 = 1;
    /// The name of the file, beside the zip.
    pub const FILE: &str = "layer.json";
    /// The name of the zip.
    pub const ZIP: &str = "layer.zip";
    /// The folder of both, below one of the layer's name.
    pub const FOLDER: &str = "layer";

    /// What the description of a version that we published begins with.
    pub const OURS: &str = "lp1 sha256:";

    /// What the description of a version says, by which the same content is found again.
    #[must_use]
    pub fn description(&self) -> String {
        format!("{}{}", Self::OURS, self.tree)
    }
}
