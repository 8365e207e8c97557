//! Layers and their versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Code, Object, Policy};

/// A layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Its versions by number, without those that were deleted.
    pub versions: BTreeMap<u64, LayerVersion>,
    /// The last number that was given.
    pub last_version: u64,
}

/// One version of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerVersion {
    /// What was said of it (`Description`, `LicenseInfo`, `CompatibleRuntimes`…).
    pub settings: Object,
    /// Its zip.
    pub code: Code,
    /// When it was published (ms since 1970).
    pub created: i64,
    /// Who may use it.
    pub policy: Option<Policy>,
}
