//! The workspace that a new package comes into.

use std::fs::File;
use std::path::{Path, PathBuf};

use cargo_metadata::Metadata;

use crate::cargo::{self, CargoError};
use crate::cargo_manifest::{self, EditError, Membership};
use crate::crate_name;
use crate::error::Error;
use crate::files;
use crate::plan::CargoOptions;
use crate::template::Files;
use crate::template_files::Put;

/// The manifest of a package.
const MANIFEST: &str = "Cargo.toml";

/// What stands above the place of a package.
pub(super) enum Home {
    /// No workspace, or one that leaves it out.
    None,
    /// A workspace, by its manifest, and the folder as it is reached from there.
    Workspace { manifest: PathBuf, folder: String },
}

/// Whether a workspace has its root in this place, and would have none once these files are there.
pub(super) fn would_end(place: &Path, files: &Files) -> bool {
    let Some(own) = files.get(MANIFEST) else { return false };
    let there = files::read_text(&place.join(MANIFEST));
    there.is_ok_and(|text| cargo_manifest::is_workspace(&text))
        && !cargo_manifest::is_workspace(&String::from_utf8_lossy(&own.bytes))
}

impl Home {
    /// Asks cargo, which looks for manifests in the folders above.
    pub(super) fn of(place: &Path) -> Result<Self, Error> {
        let above = place.ancestors().skip(1).find(|folder| folder.is_dir());
        let above = above.map(cargo::workspace_manifest).transpose()?.flatten();
        let Some(manifest) = above else { return Ok(Self::None) };
        let root = manifest.parent().unwrap_or(Path::new("/"));
        let Ok(folder) = place.strip_prefix(root) else { return Ok(Self::None) };
        let folder = folder.to_string_lossy().into_owned();
        let membership = membership(&manifest, &folder)?;
        Ok(if membership == Membership::Apart {
            Self::None
        } else {
            Self::Workspace { manifest, folder }
        })
    }

    pub(super) fn is_workspace(&self) -> bool {
        matches!(self, Self::Workspace { .. })
    }

    /// Takes the files of a package in, which then have what the workspace has for its members. A workspace cannot
    /// be in another one.
    pub(super) fn take_in(&self, files: &mut Files, place: &Path, name: &str) -> Result<(), Error> {
        let Some(own) = files.get_mut(MANIFEST) else {
            if place.join(MANIFEST).is_file() {
                return Ok(());
            }
            let what =
                "the template writes no Cargo.toml, so it makes no package: nothing was written";
            return Err(Error::Usage(what.to_owned()));
        };
        let Self::Workspace { manifest, .. } = self else { return Ok(()) };
        let text = String::from_utf8_lossy(&own.bytes);
        if cargo_manifest::is_workspace(&text) {
            let what = format!(
                "`{name}` would be a workspace in the workspace of {}: choose a folder outside, or put it \
                 into `exclude` there",
                manifest.display()
            );
            return Err(Error::Usage(what));
        }
        let inherited = cargo_manifest::inherit(&text, &files::read_text(manifest)?);
        own.bytes = inherited.map_err(edit(&place.join(MANIFEST)))?.into_bytes();
        Ok(())
    }

    /// Nobody else joins the workspace while this is held (an advisory lock on its folder).
    pub(super) fn hold(&self) -> Option<File> {
        let folder = File::open(self.manifest()?.parent()?).ok()?;
        // Some file systems have no locks; then two at once are the user's to avoid.
        let _ = folder.lock();
        Some(folder)
    }

    /// Writes the manifest of the workspace as it is now, with the package. Whether it changes.
    pub(super) fn join(&self, put: &mut Put) -> Result<bool, Error> {
        let Self::Workspace { manifest, folder } = self else { return Ok(false) };
        let Membership::With(text) = membership(manifest, folder)? else { return Ok(false) };
        put.rewrite(manifest, &text)?;
        Ok(true)
    }

    /// Whether cargo takes what was made: the package by its name, in this workspace or alone.
    pub(super) fn judge(&self, place: &Path, files: &Files, name: &str) -> Result<(), Error> {
        let own = place.join(MANIFEST);
        let options = CargoOptions {
            manifest_path: Some(own.clone()),
            offline: true,
            ..CargoOptions::default()
        };
        let metadata = cargo::metadata(&options).map_err(|error| match error {
            CargoError::Metadata => {
                let what = "cargo does not take what the template makes here: nothing was written";
                Error::Usage(what.to_owned())
            }
            error => error.into(),
        })?;
        let root = self.manifest().and_then(Path::parent).unwrap_or(place);
        let found = metadata.workspace_root.as_std_path();
        if !is_same(found, root) {
            let (root, found) = (root.display(), found.display());
            let what = format!("cargo takes it for a package of {found}, not of {root}");
            return Err(Error::Usage(format!("{what}: nothing was written")));
        }
        judge_names(&metadata, place, files, name)
    }

    /// The manifest of the workspace.
    pub(super) fn manifest(&self) -> Option<&Path> {
        match self {
            Self::Workspace { manifest, .. } => Some(manifest),
            Self::None => None,
        }
    }
}

fn membership(manifest: &Path, folder: &str) -> Result<Membership, Error> {
    cargo_manifest::join(&files::read_text(manifest)?, folder).map_err(edit(manifest))
}

fn edit(manifest: &Path) -> impl Fn(EditError) -> Error {
    let path = manifest.display().to_string();
    move |source| Error::Edit { path: path.clone(), source: Box::new(source) }
}

fn is_same(one: &Path, other: &Path) -> bool {
    files::real(one) == files::real(other)
}

/// Whether the package is called as it was to be, and each that came with it as a function can be.
fn judge_names(metadata: &Metadata, place: &Path, files: &Files, name: &str) -> Result<(), Error> {
    for package in &metadata.packages {
        let manifest = package.manifest_path.as_std_path();
        let manifest = files::real(manifest).unwrap_or_else(|| manifest.to_path_buf());
        let Ok(below) = manifest.strip_prefix(place) else { continue };
        let below = below.to_string_lossy();
        if !files.contains_key(&*below) {
            continue;
        }
        let called = &*package.name;
        if below == MANIFEST && called != name {
            let what = format!("the template calls the package `{called}`, not `{name}`");
            return Err(Error::Usage(format!("{what}: nothing was written")));
        }
        crate_name::check(called).map_err(|why| {
            let what = format!("`{called}` of the template cannot be the name of a package: {why}");
            Error::Usage(format!("{what}: nothing was written"))
        })?;
    }
    Ok(())
}
