//! Bounded reads: a stream of known length, and tables copied out of it.

use std::io::{Read, Seek, SeekFrom};

use super::ElfError;

/// No table is read beyond this size.
const TABLE_CAP: u64 = 64 << 20;

/// The file.
pub(super) struct Source<'r, R> {
    reader: &'r mut R,
    len: u64,
}

impl<'r, R: Read + Seek> Source<'r, R> {
    pub(super) fn new(reader: &'r mut R) -> Result<Self, ElfError> {
        let len = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, len })
    }

    /// How many bytes there are from `offset` to the end of the file.
    pub(super) fn len_from(&self, offset: u64) -> u64 {
        self.len.saturating_sub(offset)
    }

    /// The `size` bytes at `offset`.
    pub(super) fn read(
        &mut self,
        what: &'static str,
        offset: u64,
        size: u64,
    ) -> Result<Table, ElfError> {
        let truncated = || ElfError::Truncated { what, offset, needed: size };
        if size > self.len_from(offset) {
            return Err(truncated());
        }
        if size > TABLE_CAP {
            return Err(ElfError::Malformed { what, offset, reason: "it is larger than 64 MiB" });
        }
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| truncated())?];
        if size > 0 {
            self.reader.seek(SeekFrom::Start(offset))?;
            self.reader.read_exact(&mut bytes)?;
        }
        Ok(Table { what, offset, bytes })
    }
}

/// A copy of some bytes of the file, which knows where they came from.
pub(super) struct Table {
    what: &'static str,
    offset: u64,
    bytes: Vec<u8>,
}

impl Table {
    pub(super) fn empty(what: &'static str) -> Self {
        Self { what, offset: 0, bytes: Vec::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes from `at` to the end.
    pub(super) fn tail(&self, at: u64) -> Option<&[u8]> {
        self.bytes.get(usize::try_from(at).ok()?..)
    }

    /// The `N` bytes at `at`.
    pub(super) fn array<const N: usize>(&self, at: u64) -> Result<[u8; N], ElfError> {
        self.tail(at).and_then(<[u8]>::first_chunk).copied().ok_or_else(|| ElfError::Truncated {
            what: self.what,
            offset: self.offset.saturating_add(at),
            needed: u64::try_from(N).unwrap_or(u64::MAX),
        })
    }

    pub(super) fn u8(&self, at: u64) -> Result<u8, ElfError> {
        self.array(at).map(u8::from_le_bytes)
    }

    pub(super) fn u16(&self, at: u64) -> Result<u16, ElfError> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&self, at: u64) -> Result<u32, ElfError> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&self, at: u64) -> Result<u64, ElfError> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// The error that says what is wrong at `at`.
    pub(super) fn malformed(&self, at: u64, reason: &'static str) -> ElfError {
        ElfError::Malformed { what: self.what, offset: self.offset.saturating_add(at), reason }
    }

    /// Where the byte at `at` stands in the file.
    pub(super) fn offset_of(&self, at: u64) -> u64 {
        self.offset.saturating_add(at)
    }
}
