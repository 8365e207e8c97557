//! Images for the embedded Lambda: what an `ImageUri` stands for on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::root::laid;
use crate::audit::{Code, Finding, Level};
use crate::blobs::{self, Image as Opened, Place};
use crate::cli::package;
use crate::error::Error;
use crate::image::lint::{Seen, lint};
use crate::image::record::ImageRecord;
use crate::jobs::cores;
use crate::local::{Image, Images};
use crate::shell::Shell;
use crate::target::Arch;

/// The images of registries on this machine, and those of layouts that are named with the digest of their
/// manifest (`oci:/folder@sha256:…`), as `deploy --local` names them.
pub(in crate::cli) fn of_this_machine(shell: Shell) -> Images {
    Images::new(move |uri, arch, folder| {
        if let Some((path, digest)) = uri.strip_prefix("oci:").and_then(|it| it.rsplit_once('@')) {
            let image = laid_out(Path::new(path), uri, arch, folder)?;
            if image.digest.to_string() != digest {
                return Err(format!("Source image {uri} does not exist: {path} holds another one"));
            }
            return Ok(Some(image));
        }
        match pulled(uri, arch, folder, &shell) {
            Ok(Some(image)) => running(uri, &image, arch, folder).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(why(&error)),
        }
    })
}

fn laid_out(layout: &Path, uri: &str, arch: Arch, roots: &Path) -> Result<Image, String> {
    let image = blobs::open(&Place::Layout(layout.to_path_buf(), None), arch);
    running(uri, &image.map_err(|error| why(&error.into()))?, arch, roots)
}

/// The images of these layouts, by the URIs that they are given; laid out below `roots`.
pub(in crate::cli) fn of_layouts(layouts: BTreeMap<String, PathBuf>, roots: PathBuf) -> Images {
    Images::new(move |uri, arch, _| {
        let Some(layout) = layouts.get(uri) else { return Ok(None) };
        laid_out(layout, uri, arch, &roots).map(Some)
    })
}

#[cfg(feature = "registry")]
fn pulled(uri: &str, arch: Arch, folder: &Path, shell: &Shell) -> Result<Option<Opened>, Error> {
    let Ok(reference) = uri.parse::<crate::reference::Reference>() else { return Ok(None) };
    if !reference.is_loopback() {
        return Ok(None);
    }
    let store = blobs::Store::new(folder.join("blobs"));
    crate::cli::pull::pull(&reference, &[arch], &store, false, shell).map(|(_, image)| Some(image))
}

#[cfg(not(feature = "registry"))]
#[expect(clippy::unnecessary_wraps, reason = "with registries it may fail")]
fn pulled(_: &str, _: Arch, _: &Path, _: &Shell) -> Result<Option<Opened>, Error> {
    Ok(None)
}

/// An image whose files are in a folder below `roots`. What Lambda would refuse is refused.
fn running(uri: &str, image: &Opened, arch: Arch, roots: &Path) -> Result<Image, String> {
    let seen = blobs::scan(uri, image, Some(arch), Vec::new(), cores());
    if let Some(finding) = lint(&seen).iter().find(|finding| is_refused(finding)) {
        let path = finding.path.as_ref().map(|path| format!("{path}: ")).unwrap_or_default();
        return Err(format!(
            "The image {uri} is not supported: {path}{} (`cargo lambda-pack check` tells all)",
            finding.message
        ));
    }
    let Seen { root, config, .. } = seen;
    let digest = image.manifest.as_ref().map(|(_, digest, _)| *digest);
    let digest = digest.ok_or_else(|| format!("The image {uri} has no manifest"))?;
    let folder = roots.join(digest.hex().get(..32).unwrap_or_default());
    let laid = laid(&folder, |to| Ok(blobs::lay_out(image, &root, to)?));
    laid.map_err(|error| why(&error))?;
    Ok(Image { digest, folder, root, config: config? })
}

/// What is found out when a function is created; how it is started, when it is.
fn is_refused(finding: &Finding) -> bool {
    finding.level == Level::Error
        && match finding.code {
            Code::ImageConfig
            | Code::ImageIndex
            | Code::ImageMediaType
            | Code::ImageParent
            | Code::ImageLayer
            | Code::ImageManifest
            | Code::UnpackedSize => true,
            Code::WrongArchitecture => finding.path.is_none(),
            // What only the specification forbids, Lambda need not refuse.
            Code::ImageEntry => finding.message.contains("Lambda answers"),
            _ => false,
        }
}

/// An error in one line.
fn why(error: &Error) -> String {
    std::iter::once(error.to_string()).chain(error.causes()).collect::<Vec<_>>().join(": ")
}

/// The record beside an image's layout.
pub(in crate::cli) fn recorded(folder: &Path) -> Result<ImageRecord, Error> {
    package::read_record(&folder.join(ImageRecord::FILE))
}

/// The records of all images below a folder that `package` has written, in the order of their names.
pub(in crate::cli) fn records(base: &Path) -> Vec<PathBuf> {
    let below = |folder: &Path| -> Vec<PathBuf> {
        let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
        items.map(|item| item.path()).collect()
    };
    let folders = below(base).into_iter().flat_map(|folder| below(&folder));
    let records = folders.map(|folder| folder.join(ImageRecord::FILE));
    let mut all: Vec<PathBuf> = records.filter(|record| record.is_file()).collect();
    all.sort();
    all
}
