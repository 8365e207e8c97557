//! The workspace that a new package comes into.

use std::path::{Path, PathBuf};

use crate::cargo;
use crate::cargo_manifest::{self, Membership};
use crate::error::Error;
use crate::files;
use crate::template::Files;

/// What stands above the place of a package.
pub(super) enum Home {
    /// No workspace, or one that leaves it out.
    None,
    /// A workspace, by its manifest.
    Workspace { manifest: PathBuf, becomes: Option<String> },
}

impl Home {
    /// Asks cargo, which looks for manifests in the folders above.
    pub(super) fn of(place: &Path) -> Result<Self, Error> {
        let above = place.ancestors().skip(1).find(|folder| folder.is_dir());
        let Some(manifest) = above.and_then(cargo::workspace_manifest) else {
            return Ok(Self::None);
        };
        let root = manifest.parent().unwrap_or(Path::new("/"));
        let Ok(folder) = place.strip_prefix(root) else { return Ok(Self::None) };
        let folder = folder.to_string_lossy();
        let edit = |source| {
            let path = manifest.display().to_string();
            Error::Edit { path, source: Box::new(source) }
        };
        let becomes =
            match cargo_manifest::join(&files::read_text(&manifest)?, &folder).map_err(edit)? {
                Membership::Apart => return Ok(Self::None),
                Membership::Already => None,
                Membership::With(text) => Some(text),
            };
        Ok(Self::Workspace { manifest, becomes })
    }

    pub(super) fn is_workspace(&self) -> bool {
        matches!(self, Self::Workspace { .. })
    }

    /// The same where what is written is a package: what is none is not added, and a workspace cannot be in
    /// another one.
    pub(super) fn for_package(self, files: &Files, name: &str) -> Result<Self, Error> {
        let Self::Workspace { manifest, .. } = &self else { return Ok(self) };
        let Some(own) = files.get("Cargo.toml") else { return Ok(Self::None) };
        let own = String::from_utf8_lossy(&own.bytes);
        if cargo_manifest::is_workspace(&own) {
            let what = format!(
                "`{name}` would be a workspace in the workspace of {}: choose a folder outside, or put it \
                 into `exclude` there",
                manifest.display()
            );
            return Err(Error::Usage(what));
        }
        Ok(self)
    }

    /// Writes the manifest of the workspace, if it changes.
    pub(super) fn join(&self) -> Result<(), Error> {
        if let Self::Workspace { manifest, becomes: Some(text) } = self {
            // Where a link leads.
            let manifest = files::real(manifest).unwrap_or_else(|| manifest.clone());
            files::write_atomically(&manifest, text.as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn manifest(&self) -> Option<&Path> {
        match self {
            Self::Workspace { manifest, .. } => Some(manifest),
            Self::None => None,
        }
    }

    /// The manifest of the workspace where it changes.
    pub(super) fn changed(&self) -> Option<&Path> {
        match self {
            Self::Workspace { manifest, becomes: Some(_) } => Some(manifest),
            _ => None,
        }
    }
}
