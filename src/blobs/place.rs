//! Where images are: an OCI layout, an archive of one, or an archive of docker's.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::members::Members;
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
        if has("index.json") && has("oci-layout") {
            Some(Self::OciArchive(path.to_path_buf(), None))
        } else {
            has("manifest.json").then(|| Self::DockerArchive(path.to_path_buf(), None))
        }
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
        let tool = packed_archive(path)?;
        Some(format!(
            "{shown} is an archive of an image, packed once more: unpack it (`{tool} -dk {shown}`)"
        ))
    }
}

/// What unpacks an archive of an image, if that is what it is, packed.
fn packed_archive(path: &Path) -> Option<&'static str> {
    let mut start = [0; 4];
    At::whole(path)?;
    File::open(path).ok()?.read_exact(&mut start).ok()?;
    let tool = match start {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd] => "zstd",
        _ => return None,
    };
    let file = io::BufReader::new(File::open(path).ok()?);
    let tar = Unpacked::new(Box::new(file) as Box<dyn Read>).ok()?;
    let mut reader = tar::Reader::new(tar.take(MAX_UNPACKED));
    while let Ok(Some(header)) = reader.advance() {
        let name = header.path.trim_start_matches("./");
        if matches!(name, "manifest.json" | "index.json" | "oci-layout") {
            return Some(tool);
        }
    }
    None
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(path, _) | Self::OciArchive(path, _) | Self::DockerArchive(path, _) => {
                path.display().fmt(f)
            }
        }
    }
}
