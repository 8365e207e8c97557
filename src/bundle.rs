//! Bundles: a tree becomes one stream of bytes, with its digest.
//!
//! What decides the bytes of a zip: the tree (sorted paths, two modes), the contents, the level, the
//! time in the plan. Never the clock, the umask, the folder, the locale or the number of threads.

mod deflate;
mod read;
mod record;
mod zip;

use std::fs::File;
use std::io::{self, Read, Write};

pub use crate::function::Level;
pub use deflate::{Gate, WHOLE_FILE_LIMIT};
pub use read::{Member, ReadError, ZipFile};
pub use record::{Beside, BuildRecord, FileRecord, LayerUse, LinkerRecord, Record, Sizes};
pub use zip::{DosTime, ZipError};

use crate::digest::{HashingWriter, Sha256};
use crate::tree::{ArchivePath, Entry, Mode, Tree};

/// A file as it was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFile {
    /// Its path in the archive.
    pub path: ArchivePath,
    /// Its mode.
    pub mode: Mode,
    /// Its length in bytes, as it was read.
    pub length: u64,
    /// The digest of its contents.
    pub digest: Sha256,
}

/// A zip that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The digest of the zip; in base64 it is AWS's `CodeSha256`.
    pub digest: Sha256,
    /// The length of the zip in bytes.
    pub length: u64,
    /// The files in it, in order.
    pub files: Vec<PackedFile>,
}

impl Bundle {
    /// The sum of the files' lengths.
    #[must_use]
    pub fn unpacked_size(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }
}

/// Why a bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The zip could not be written.
    #[error("cannot write the zip")]
    Write(#[source] io::Error),
    /// The format does not take it.
    #[error(transparent)]
    Zip(#[from] ZipError),
}

/// How the contents of entries are had, and where large ones wait. The edge gives both.
pub struct Access<'a> {
    /// Opens the source of an entry.
    pub open: &'a (dyn Fn(&Entry) -> io::Result<Box<dyn Read>> + Sync),
    /// Makes an unnamed file for compressed bytes that shall not be held in memory.
    pub spool: &'a (dyn Fn() -> io::Result<File> + Sync),
    /// Bounds the files that are held whole at one time.
    pub gate: &'a Gate,
}

/// Writes a tree as a zip.
///
/// Memory: one file up to 64 MiB and its compressed form at a time; larger ones pass through.
pub fn write_zip(
    tree: &Tree,
    level: Level,
    time: DosTime,
    access: &Access<'_>,
    out: impl Write,
) -> Result<Bundle, BundleError> {
    if tree.len() > usize::from(u16::MAX) {
        return Err(ZipError::TooManyMembers.into());
    }
    let mut writer = zip::Writer::new(HashingWriter::new(out), time);
    let mut files = Vec::with_capacity(tree.len());
    for (path, entry) in tree.iter() {
        // Held until the entry is written: its memory is in use as long.
        let _permit = (entry.length <= WHOLE_FILE_LIMIT).then(|| access.gate.enter());
        let failed = |source: io::Error| match source.kind() {
            // The spool file's, not the source's.
            io::ErrorKind::StorageFull => BundleError::Write(source),
            _ => BundleError::Read { path: entry.source.to_string(), source },
        };
        let mut packed = deflate::pack(entry, level, access).map_err(failed)?;
        writer.member(path, entry.mode, &packed.head)?;
        packed
            .body
            .copy_to(&packed.head, entry, access, writer.body())
            .map_err(BundleError::Write)?;
        writer.passed(packed.head.compressed);
        files.push(PackedFile {
            path: path.clone(),
            mode: entry.mode,
            length: packed.head.length,
            digest: packed.digest,
        });
    }
    let (_, digest, length) = writer.finish()?.finish();
    Ok(Bundle { digest, length, files })
}
