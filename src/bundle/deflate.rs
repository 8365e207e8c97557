//! Compression of one file (RFC 1951).
//!
//! Files up to 64 MiB are compressed whole by libdeflate, the smallest output per second there is;
//! larger ones pass through zlib-rs into a spool file, so that memory stays bounded.

use std::fs::File;
use std::io::{self, Read, Seek as _, Write};
use std::sync::{Condvar, Mutex, PoisonError};

use libdeflater::{CompressionLvl, Compressor, Crc};

use super::Access;
use crate::digest::{HashingWriter, Sha256};
use crate::function::Level;
use crate::tree::Entry;

/// The largest file that is compressed in memory, in bytes (64 MiB).
pub const WHOLE_FILE_LIMIT: u64 = 64 << 20;
/// How many files may be held whole at one time.
const WHOLE_FILES_AT_ONCE: usize = 2;

impl Level {
    fn libdeflate(self) -> CompressionLvl {
        match self {
            Self::Fast => CompressionLvl::default(),
            Self::Best => CompressionLvl::best(),
        }
    }

    fn zlib(self) -> flate2::Compression {
        flate2::Compression::new(match self {
            Self::Fast => 6,
            Self::Best => 9,
        })
    }
}

/// Lets at most two in at once.
#[derive(Debug, Default)]
pub struct Gate {
    inside: Mutex<usize>,
    left: Condvar,
}

/// A place inside the gate, given back when dropped.
pub struct Permit<'a>(&'a Gate);

impl Gate {
    /// Waits for a place.
    pub fn enter(&self) -> Permit<'_> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inside = self
            .left
            .wait_while(inside, |inside| *inside >= WHOLE_FILES_AT_ONCE)
            .unwrap_or_else(PoisonError::into_inner);
        *inside += 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}

/// The compression methods that Lambda takes (APPNOTE 4.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflate,
}

/// What a zip says of a member before its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) crc32: u32,
    /// Uncompressed, in bytes.
    pub(super) length: u64,
    /// As it stands in the zip, in bytes.
    pub(super) compressed: u64,
}

/// Where the bytes wait that go into the zip.
pub(super) enum Body {
    Memory(Vec<u8>),
    Spool(File),
    /// Nothing is gained by compressing: they are read again.
    Source,
}

/// A file, compressed.
pub(super) struct Packed {
    pub(super) head: Head,
    pub(super) body: Body,
    pub(super) digest: Sha256,
}

/// Reads and compresses an entry. It is stored as it is where deflate does not make it smaller.
pub(super) fn pack(entry: &Entry, level: Level, access: &Access<'_>) -> io::Result<Packed> {
    let mut reader = (access.open)(entry)?;
    if entry.length > WHOLE_FILE_LIMIT {
        return pack_streamed(&mut reader, level, access);
    }
    let capacity = usize::try_from(entry.length).unwrap_or_default();
    let mut bytes = Vec::with_capacity(capacity);
    reader.take(WHOLE_FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != entry.length {
        return Err(changed());
    }
    Ok(pack_whole(bytes, level))
}

fn pack_whole(bytes: Vec<u8>, level: Level) -> Packed {
    let digest = Sha256::of(&bytes);
    let mut crc = Crc::new();
    crc.update(&bytes);
    let length = bytes.len() as u64;
    let mut compressor = Compressor::new(level.libdeflate());
    // One byte less than the input: what does not fit is better stored.
    let mut compressed = vec![0; bytes.len().saturating_sub(1)];
    let head = |method, compressed| Head { method, crc32: crc.sum(), length, compressed };
    match compressor.deflate_compress(&bytes, &mut compressed) {
        Ok(size) => {
            compressed.truncate(size);
            let head = head(Method::Deflate, size as u64);
            Packed { head, body: Body::Memory(compressed), digest }
        }
        Err(libdeflater::CompressionError::InsufficientSpace) => {
            Packed { head: head(Method::Stored, length), body: Body::Memory(bytes), digest }
        }
    }
}

fn pack_streamed(reader: &mut dyn Read, level: Level, access: &Access<'_>) -> io::Result<Packed> {
    let spool = HashingWriter::new((access.spool)()?);
    let encoder = flate2::write::DeflateEncoder::new(spool, level.zlib());
    let mut hashing = HashingWriter::new(encoder);
    let mut crc = crc32fast::Hasher::new();
    copy(reader, |bytes| {
        crc.update(bytes);
        hashing.write_all(bytes)
    })?;
    let (encoder, digest, length) = hashing.finish();
    let (mut spool, _, compressed) = encoder.finish()?.finish();
    let crc32 = crc.finalize();
    if compressed >= length {
        let head = Head { method: Method::Stored, crc32, length, compressed: length };
        return Ok(Packed { head, body: Body::Source, digest });
    }
    spool.rewind()?;
    let head = Head { method: Method::Deflate, crc32, length, compressed };
    Ok(Packed { head, body: Body::Spool(spool), digest })
}

impl Body {
    /// Writes the bytes that the head announced, or fails.
    pub(super) fn copy_to(
        &mut self,
        head: &Head,
        entry: &Entry,
        access: &Access<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => out.write_all(bytes),
            Self::Spool(file) => copy(file, |bytes| out.write_all(bytes)),
            Self::Source => {
                let mut crc = crc32fast::Hasher::new();
                let mut length = 0;
                copy(&mut (access.open)(entry)?, |bytes| {
                    crc.update(bytes);
                    length += bytes.len() as u64;
                    out.write_all(bytes)
                })?;
                if (crc.finalize(), length) == (head.crc32, head.length) {
                    Ok(())
                } else {
                    Err(changed())
                }
            }
        }
    }
}

fn changed() -> io::Error {
    io::Error::other("the file changed while it was being packed")
}

/// Hands over all bytes of a reader, 64 KiB at a time.
fn copy(
    reader: &mut (impl Read + ?Sized),
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
