//! `image.json`: what an image is, for people and for other tools. Keys are only ever added.

use serde::{Deserialize, Serialize};

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The version of this format.
    pub format: u32,
    /// The image's name.
    pub image: String,
    /// AWS's name of the architecture.
    pub architecture: String,
    /// What it is put on, as it was named.
    pub base: String,
    /// The digest of the base's manifest; none of `scratch` and of an archive of docker's.
    pub base_digest: Option<String>,
    /// The digest of the manifest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// The lengths of manifest, configuration and all layers together, in bytes: what is pushed.
    pub size: u64,
    /// The lengths of all files in it, in bytes.
    pub unpacked: u64,
    /// The layers, the lowest first.
    pub layers: Vec<LayerRecord>,
    /// What runs in it.
    pub functions: Vec<FunctionRecord>,
    /// The archive beside the layout, if one was asked for.
    pub archive: Option<String>,
    /// The commit that was built, with `-dirty` if files were changed.
    pub commit: Option<String>,
}

impl ImageRecord {
    /// The current version of the format.
    pub const FORMAT: u32 = 1;
    /// The name of the file, beside the layout.
    pub const FILE: &str = "image.json";
    /// The folder of the layout.
    pub const LAYOUT: &str = "oci";
    /// The name of the archive.
    pub const ARCHIVE: &str = "image.tar";
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// What is in it: `base`, `system`, `native libraries`, `assets`, `extensions`, `functions`.
    pub what: String,
    /// The digest of the compressed bytes.
    pub digest: String,
    /// How many they are.
    pub size: u64,
    /// The digest of the tar.
    pub diff_id: String,
}

/// One function of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionRecord {
    /// Its name.
    pub function: String,
    /// The package of the handler.
    pub package: String,
    /// The binary or example.
    pub handler: String,
    /// `ImageConfig.EntryPoint`, where it is not the image's own; none if it is.
    pub entry_point: Option<Vec<String>>,
}
