//! Layers of ours: placed on what is below, compressed once, kept by what they are made of.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::blobs::{BlobError, Kept, Store};
use crate::digest::Sha256;
use crate::error::Error;
use crate::files;
use crate::function::Level;
use crate::gzip::COMPRESSOR;
use crate::image::place::{Placed, Thing, place};
use crate::image::root::Root;
use crate::tar::Writer;
use crate::tree::Source;

/// The time of what has none of its own (`SOURCE_DATE_EPOCH` counts where it is set).
pub(super) const EPOCH: &str = "1980-01-01T00:00:00Z";

/// How layers are made.
pub(super) struct Maker<'a> {
    pub(super) store: &'a Store,
    pub(super) level: Level,
    pub(super) threads: usize,
    /// The time of every entry, in seconds since 1970.
    pub(super) time: u64,
}

impl Maker<'_> {
    /// Puts things on a root as one layer.
    pub(super) fn layer(
        &self,
        root: &mut Root,
        number: usize,
        things: &BTreeMap<String, Thing<'_>>,
    ) -> Result<Kept, Error> {
        let placed =
            place(root, number, things).map_err(|error| Error::Usage(error.to_string()))?;
        let key = self.key(&placed)?;
        if let Some(kept) = self.store.layer(&key) {
            return Ok(kept);
        }
        self.store.compress(Some(&key), self.zlib(), self.threads, |out| {
            let mut tar = Writer::new(out, self.time);
            for one in &placed {
                let mut from: Box<dyn Read> = Box::new(io::empty());
                let mut path = String::new();
                if let Some(entry) = one.entry {
                    path = entry.source.to_string();
                    from = files::open(entry).map_err(|error| unread(&path, error))?;
                }
                tar.write(&one.member, &mut from).map_err(|error| unread(&path, error))?;
            }
            tar.finish().map(drop).map_err(|error| unread("", error))
        })
    }

    /// Level 9 takes three times as long as 6 for 4 % fewer bytes (benches/RESULTS.md).
    fn zlib(&self) -> u32 {
        match self.level {
            Level::Fast => 3,
            Level::Best => 6,
        }
    }

    /// What decides the bytes of a layer: its entries, the contents, the time and the compressor.
    fn key(&self, placed: &[Placed<'_>]) -> Result<Sha256, Error> {
        let mut text = format!("{COMPRESSOR} {} {}\n", self.zlib(), self.time);
        for one in placed {
            let digest = match one.entry.map(|entry| &entry.source) {
                None => None,
                Some(Source::Bytes(bytes)) => Some(Sha256::of(bytes)),
                Some(Source::File(path)) => {
                    let missing = || io::Error::from(io::ErrorKind::NotFound);
                    Some(files::digest(path).ok_or_else(|| files::unread(path, missing()))?)
                }
            };
            text.push_str(&format!("{:?} {digest:?}\n", one.member));
        }
        Ok(Sha256::of(text.as_bytes()))
    }
}

fn unread(path: &str, source: io::Error) -> Error {
    BlobError::Read { path: path.into(), source }.into()
}
