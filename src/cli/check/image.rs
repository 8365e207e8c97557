//! `check IMAGE`: whether Lambda would take an image, and a mended copy of it.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

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

/// How places on the disk are named.
const OURS: [(&str, &str); 4] = [
    ("oci:", "DIR"),
    ("oci-archive:", "FILE"),
    ("docker-archive:", "FILE"),
    ("docker://", "REFERENCE"),
];
/// Other transports (containers-transports(5)).
const OTHERS: [&str; 5] = ["containers-storage:", "docker-daemon:", "dir:", "ostree:", "sif:"];

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

/// What is named and is not looked into, as it stands there; and what to do.
pub(super) fn elsewhere(text: &str) -> Option<String> {
    if Path::new(text).exists() {
        return None;
    }
    if let Some((prefix, what)) = OURS.iter().find(|(prefix, _)| *prefix == text) {
        return Some(format!("`{prefix}` names no place: `{prefix}{what}`"));
    }
    if OTHERS.iter().any(|prefix| text.starts_with(prefix)) {
        return Some(format!(
            "{text} is not looked into: `skopeo copy {text} oci:OUT` makes a layout of it"
        ));
    }
    let (name, tag) = text.split_once(':')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_short = !name.is_empty() && !tag.is_empty();
    (is_short && name.chars().all(|c| is_part(c) || c == '/') && tag.chars().all(is_part))
        .then(|| ours(text))?
}

/// What has the form of docker's short names, `alpine:3`.
fn ours(text: &str) -> Option<String> {
    Where::of(text).is_none().then(|| {
        format!("there is no file {text}; an image of a registry is named `docker://{text}`")
    })
}

/// Looks at an image; with `--fix`, at its mended copy. Of one for several platforms at that for this machine
/// or else for the other kind, unless one is asked for, or both.
pub(super) fn check(
    args: &Check,
    text: &str,
    place: &Where,
    shell: &Shell,
) -> Vec<Result<Checked, Error>> {
    // clap has checked the name.
    let name = args.build.compile.target.arch.as_deref();
    let asked: Option<Arch> = name.and_then(|name| name.parse().ok());
    if name == Some("both") {
        return both(args, text, place, shell).unwrap_or_else(|error| vec![Err(error)]);
    }
    vec![one(args, text, place, asked, shell)]
}

fn one(
    args: &Check,
    text: &str,
    place: &Where,
    asked: Option<Arch>,
    shell: &Shell,
) -> Result<Checked, Error> {
    let (image, _kept) = open(place, &archs(asked), args, shell)?;
    let seen = scan(text, &image, asked, args);
    let before = checked(&seen);
    match &args.fix {
        Some(out) => super::mend::mend(args, (image, seen), before, out, asked, shell),
        None => Ok(before),
    }
}

/// What is no index is one image, whatever it is for.
fn both(
    args: &Check,
    text: &str,
    place: &Where,
    shell: &Shell,
) -> Result<Vec<Result<Checked, Error>>, Error> {
    let (image, _kept) = open(place, &archs(None), args, shell)?;
    if image.index.is_none() {
        return Ok(vec![one(args, text, place, None, shell)]);
    }
    if let Some(out) = &args.fix {
        let out = out.display();
        let message = format!("`--fix {out}` mends one image, and `--arch both` means two");
        return Err(Error::Usage(message));
    }
    drop(image);
    Ok(Arch::ALL.into_iter().map(|arch| one(args, text, place, Some(arch), shell)).collect())
}

/// The architectures of which an image is looked at, in their order.
fn archs(asked: Option<Arch>) -> Vec<Arch> {
    let this = Arch::of_this_machine();
    let others = Arch::ALL.into_iter().filter(|arch| *arch != this);
    asked.map_or_else(|| [this].into_iter().chain(others).collect(), |asked| vec![asked])
}

/// Opens it; of a registry by way of a folder, which is gone when it is dropped.
#[cfg_attr(not(feature = "registry"), expect(unused_variables, reason = "for registries"))]
fn open(
    place: &Where,
    archs: &[Arch],
    args: &Check,
    shell: &Shell,
) -> Result<(Image, Option<tempfile::TempDir>), Error> {
    match place {
        Where::Disk(place) => Ok((blobs::open_any(place, archs)?, None)),
        #[cfg(feature = "registry")]
        Where::Registry(reference) => {
            let folder = blobs::scratch()?;
            let store = Store::new(folder.path().to_path_buf());
            let manifest = &args.build.manifest;
            let offline = manifest.offline || manifest.frozen;
            let pulled = crate::cli::pull::pull(reference, archs, &store, offline, shell)?;
            Ok((pulled.1, Some(folder)))
        }
    }
}

/// In a thread of its own, as the mended copy is read later: glibc gives the memory of a thread that has ended to
/// the next one, which so has room for its tree where the first was.
fn scan(thing: &str, image: &Image, arch: Option<Arch>, args: &Check) -> Seen {
    let scan = || blobs::scan(thing, image, arch, entries(args), cores());
    thread::scope(|scope| scope.spawn(scan).join()).unwrap_or_else(|panic| resume_unwind(panic))
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
