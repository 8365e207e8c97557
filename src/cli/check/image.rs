//! `check IMAGE`: whether Lambda would take an image, and a mended copy of it.

#[cfg(feature = "registry")]
use std::path::Path;

use super::Checked;
#[cfg(feature = "registry")]
use crate::blobs::Store;
use crate::blobs::{self, Image, Place};
use crate::cli::args::Check;
use crate::error::Error;
use crate::image::lint::{Seen, lint};
use crate::jobs::cores;
use crate::shell::Shell;
use crate::target::Arch;

/// Where an image is that is to be checked.
pub(super) enum Where {
    Disk(Place),
    #[cfg(feature = "registry")]
    Registry(crate::reference::Reference),
}

impl Where {
    /// What stands at a path, else a reference: by its prefix, or with the host of a registry.
    pub(super) fn of(text: &str) -> Option<Self> {
        if let Some(place) = Place::of(text) {
            return Some(Self::Disk(place));
        }
        Self::of_registry(text)
    }

    #[cfg(feature = "registry")]
    fn of_registry(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("docker://");
        let host = text.split_once('/').map_or("", |(host, _)| host);
        let is_host = host.contains(['.', ':']) && !host.starts_with('.') || host == "localhost";
        if bare.is_none() && (Path::new(text).exists() || !is_host) {
            return None;
        }
        bare.unwrap_or(text).parse().ok().map(Self::Registry)
    }

    #[cfg(not(feature = "registry"))]
    fn of_registry(_: &str) -> Option<Self> {
        None
    }
}

/// Looks at an image; with `--fix`, at its mended copy.
pub(super) fn check(
    args: &Check,
    text: &str,
    place: &Where,
    shell: &Shell,
) -> Result<Checked, Error> {
    // clap has checked the name.
    let asked: Option<Arch> =
        args.build.compile.target.arch.as_deref().and_then(|name| name.parse().ok());
    let arch = asked.unwrap_or(Arch::of_this_machine());
    let (image, _kept) = open(place, arch, args, shell)?;
    let seen = scan(text, &image, asked, args);
    let before = checked(&seen);
    match &args.fix {
        Some(out) => super::mend::mend(args, (image, seen), before, out, (arch, asked), shell),
        None => Ok(before),
    }
}

/// Opens it; of a registry by way of a folder, which is gone when it is dropped.
#[cfg_attr(not(feature = "registry"), expect(unused_variables, reason = "for registries"))]
fn open(
    place: &Where,
    arch: Arch,
    args: &Check,
    shell: &Shell,
) -> Result<(Image, Option<tempfile::TempDir>), Error> {
    match place {
        Where::Disk(place) => Ok((blobs::open(place, arch)?, None)),
        #[cfg(feature = "registry")]
        Where::Registry(reference) => {
            let folder = blobs::scratch()?;
            let store = Store::new(folder.path().to_path_buf());
            let manifest = &args.build.manifest;
            let offline = manifest.offline || manifest.frozen;
            let pulled = crate::cli::pull::pull(reference, arch, &store, offline, shell)?;
            Ok((pulled.1, Some(folder)))
        }
    }
}

fn scan(thing: &str, image: &Image, arch: Option<Arch>, args: &Check) -> Seen {
    blobs::scan(thing, image, arch, entries(args), cores())
}

/// The entry points that functions are given beside the image's own.
pub(super) fn entries(args: &Check) -> Vec<Vec<String>> {
    args.entry_point.iter().map(|entry| vec![entry.clone()]).collect()
}

pub(super) fn checked(seen: &Seen) -> Checked {
    Checked {
        thing: seen.thing.clone(),
        arch: seen.config.as_ref().ok().and_then(crate::image::config::Config::arch),
        runtime: None,
        glibc: None,
        findings: lint(seen),
    }
}
