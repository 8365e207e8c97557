//! What is in an archive, and where.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;

use super::source::At;
use super::{BlobError, unread};
use crate::tar::{self, Kind};

/// The most members of an archive.
const MAX_MEMBERS: usize = 10_000;

/// Where blobs are in a layout.
const BLOBS: &str = "blobs/sha256/";

/// What an archive seems to be.
pub(super) enum Seems {
    /// One of an image's folder, which is this one in it.
    Below(String),
    /// A part of one, without that.
    Part(&'static str),
    Other,
}

/// The files of an archive, by name: where each begins, and its length.
pub(super) struct Members(BTreeMap<String, (u64, u64)>);

impl Members {
    pub(super) fn read(file: &Path) -> Result<Self, BlobError> {
        let failed = unread(file);
        let mut from = File::open(file).map_err(&failed)?;
        let mut links = Vec::new();
        let mut all = BTreeMap::new();
        let mut reader = tar::Reader::new(Counted { inner: &mut from, at: 0 });
        loop {
            let header = match reader.advance() {
                Ok(Some(header)) if all.len() < MAX_MEMBERS => header,
                Ok(Some(_)) => return Err(failed(io::Error::other("it has too many members"))),
                Ok(None) => break,
                Err(error) => return Err(failed(io::Error::other(error))),
            };
            let name = header.path.trim_start_matches("./").to_owned();
            match header.kind {
                Kind::File => drop(all.insert(name, (reader.get_ref().at, header.size))),
                // Older dockers link layers that repeat.
                Kind::Symlink(to) | Kind::HardLink(to) => links.push((name, to)),
                _ => {}
            }
            reader.skip_by(Counted::skip).map_err(&failed)?;
        }
        let length = from.metadata().map_err(&failed)?.len();
        if all.values().any(|(at, size)| at.saturating_add(*size) > length) {
            return Err(failed(io::Error::other(tar::TarError::Truncated)));
        }
        for (name, to) in links {
            let beside = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let joined = crate::image::root::Root::default().real(&format!("{beside}/{to}"));
            let found =
                [Some(to), joined].into_iter().flatten().find_map(|to| all.get(&to).copied());
            if let Some(found) = found {
                all.insert(name, found);
            }
        }
        Ok(Self(all))
    }

    /// Whether there is one of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether blobs of a layout are in it.
    pub(super) fn has_blobs(&self) -> bool {
        self.0.keys().any(|name| name.starts_with(BLOBS))
    }

    /// What it seems to be, where it is no image that is read.
    pub(super) fn seems(&self) -> Seems {
        let below = |name: &String| {
            let (folder, last) = name.rsplit_once('/')?;
            matches!(last, "index.json" | "oci-layout" | "manifest.json").then(|| folder.to_owned())
        };
        if let Some(folder) = self.0.keys().find_map(below) {
            return Seems::Below(folder);
        }
        let is_layer = |name: &String| name.ends_with("/layer.tar");
        if self.has_blobs() || self.has("oci-layout") || self.has("index.json") {
            Seems::Part(if self.has("index.json") { "blobs/sha256" } else { "index.json" })
        } else if self.0.keys().any(is_layer) || self.has("repositories") {
            Seems::Part("manifest.json")
        } else {
            Seems::Other
        }
    }

    pub(super) fn at(&self, file: &Path, name: &str) -> Option<At> {
        let &(offset, size) = self.0.get(name.trim_start_matches("./"))?;
        Some(At { path: file.to_path_buf(), offset, size })
    }
}

/// A file, and how far it was read.
struct Counted<'f> {
    inner: &'f mut File,
    at: u64,
}

impl Counted<'_> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        self.at += count;
        self.inner.seek(SeekFrom::Start(self.at)).map(drop)
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}
