//! What cargo built.

use std::path::PathBuf;

use cargo_metadata::PackageId;

use crate::function::TargetKind;

/// One executable, as cargo reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The package it was built from.
    pub package_id: PackageId,
    /// The name of the cargo target.
    pub target: String,
    /// Binary or example.
    pub kind: TargetKind,
    /// Where cargo put it (an absolute path out of cargo's own message).
    pub executable: PathBuf,
    /// The folders that build scripts gave to the linker (`cargo::rustc-link-search`): those of the
    /// packages that were ready before it, which its own dependencies always are, in the order of
    /// the packages' names.
    pub link_folders: Vec<PathBuf>,
}
