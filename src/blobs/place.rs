//! Where images are: an OCI layout, an archive of one, or an archive of docker's.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::members::{Members, Seems};
use super::source::At;
use super::unpack::Unpacked;
use crate::image::record::ImageRecord;
use crate::tar;

/// So far a packed archive is looked through, in bytes of what is in it.
const MAX_UNPACKED: u64 = 12 << 30;

/// Where an image is, as skopeo writes it (containers-transports(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `oci:DIR[:NAME]`.
    Layout(PathBuf, Option<String>),
    /// `oci-archive:FILE[:NAME]`.
    OciArchive(PathBuf, Option<String>),
    /// `docker-archive:FILE[:NAME]`.
    DockerArchive(PathBuf, Option<String>),
}

impl Place {
    /// By its prefix, or by what is there; none if it is none of these.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        type Make = fn(PathBuf, Option<String>) -> Place;
        let prefixes: [(&str, Make); 3] = [
            ("oci:", Self::Layout),
            ("oci-archive:", Self::OciArchive),
            ("docker-archive:", Self::DockerArchive),
        ];
        for (prefix, make) in prefixes {
            if let Some(rest) = text.strip_prefix(prefix) {
                let whole = Path::new(rest).exists();
                return Some(match rest.split_once(':').filter(|_| !whole) {
                    Some((path, name)) => make(path.into(), Some(name.to_owned())),
                    None => make(rest.into(), None),
                });
            }
        }
        let path = Path::new(text);
        // Some tools leave the file out that says so.
        let blobs = || path.join("index.json").is_file() && path.join("blobs/sha256").is_dir();
        if path.join("oci-layout").is_file() || blobs() {
            return Some(Self::Layout(path.to_path_buf(), None));
        }
        // What `package` writes.
        if path.join(ImageRecord::FILE).is_file() && path.join(ImageRecord::LAYOUT).is_dir() {
            return Some(Self::Layout(path.join(ImageRecord::LAYOUT), None));
        }
        let members = path.is_file().then(|| Members::read(path).ok()).flatten()?;
        // Newer dockers write both into one archive.
        let has = |name: &str| members.has(name);
        if has("index.json") && (has("oci-layout") || members.has_blobs()) {
            Some(Self::OciArchive(path.to_path_buf(), None))
        } else {
            has("manifest.json").then(|| Self::DockerArchive(path.to_path_buf(), None))
        }
    }

    /// The folder or the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        let (Self::Layout(path, _) | Self::OciArchive(path, _) | Self::DockerArchive(path, _)) =
            self;
        path
    }

    /// How one of its images is named.
    pub(super) fn spelled(&self, name: &str) -> String {
        match self {
            Self::Layout(path, _) => format!("oci:{}:{name}", path.display()),
            Self::OciArchive(path, _) => format!("oci-archive:{}:{name}", path.display()),
            Self::DockerArchive(path, _) => format!("docker-archive:{}:{name}", path.display()),
        }
    }

    /// What it is and what to do, where an image is in a form that is not read.
    #[must_use]
    pub fn other_form(path: &Path) -> Option<String> {
        let shown = path.display();
        // Pipes would be waited for.
        let version = At::whole(&path.join("version"));
        let version = version.and_then(|at| at.open().ok()).map(|from| {
            let mut start = String::new();
            let _ = from.take(64).read_to_string(&mut start);
            start
        });
        if version.unwrap_or_default().starts_with("Directory Transport Version") {
            return Some(format!(
                "{shown} is an image as skopeo's `dir:` has it: `skopeo copy dir:{shown} oci:OUT` makes \
                 a layout of it"
            ));
        }
        At::whole(path).and_then(|_| odd_file(path))
    }
}

/// What a file is that is meant to be an image, as it seems, and what to do; none of anything else.
fn odd_file(path: &Path) -> Option<String> {
    let shown = path.display();
    let mut start = Vec::new();
    File::open(path).ok()?.take(512).read_to_end(&mut start).ok()?;
    let is_named = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("tar"));
    if let Some((tool, read)) = packed_by(&start) {
        let what = match read {
            false => format!("packed with {tool}"),
            true if holds_image(path) => "an archive of an image, packed once more".to_owned(),
            true => format!("packed with {tool}, and no whole archive of an image is in it"),
        };
        return Some(format!("{shown} is {what}: unpack it (`{tool} -dk {shown}`)"));
    }
    if start.get(257..262) != Some(b"ustar") && !is_named {
        return None;
    }
    if start.is_empty() {
        return Some(format!("{shown} is empty"));
    }
    Some(match Members::read(path) {
        Err(_) if start.get(257..262) != Some(b"ustar") => {
            format!("{shown} is no tar archive, whatever its name says")
        }
        Err(error) => {
            let why =
                std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
            format!("{shown} is a damaged archive: {why}; copy or save the image again")
        }
        Ok(members) => match members.seems() {
            Seems::Below(folder) => format!(
                "{shown} has a layout in its folder `{folder}`: pack what is in it \
                 (`tar -C {folder} -cf OUT.tar .`)"
            ),
            Seems::Part(missing) => {
                format!(
                    "{shown} is an archive of an image without `{missing}`: save the image again"
                )
            }
            Seems::Other => format!(
                "{shown} is a tar archive and no image: neither `index.json` nor `manifest.json` is in it"
            ),
        },
    })
}

/// What packed bytes that begin so, and whether we read that.
fn packed_by(start: &[u8]) -> Option<(&'static str, bool)> {
    let all: [(&[u8], &str, bool); 4] = [
        (&[0x1f, 0x8b], "gzip", true),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", true),
        (b"\xfd7zXZ\0", "xz", false),
        (b"BZh", "bzip2", false),
    ];
    all.into_iter().find(|(magic, ..)| start.starts_with(magic)).map(|(_, tool, read)| (tool, read))
}

/// Whether an archive of an image is in what is packed.
fn holds_image(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let Ok(tar) = Unpacked::new(Box::new(io::BufReader::new(file)) as Box<dyn Read>) else {
        return false;
    };
    let mut reader = tar::Reader::new(tar.take(MAX_UNPACKED));
    while let Ok(Some(header)) = reader.advance() {
        let name = header.path.trim_start_matches("./");
        if matches!(name, "manifest.json" | "index.json" | "oci-layout") {
            return true;
        }
    }
    false
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}
