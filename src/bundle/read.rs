//! Zips that others made, as `check` meets them: hostile until read otherwise.
//!
//! No size is believed: contents are read up to what a member claims, and one byte more to catch a
//! lie. Overlapping and doubled members are refused, which is how archives claim more than they are.
//! Nor may opening cost more than in proportion to the length: half a megabyte of end records
//! would keep the crate's search for the right one busy for minutes.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zip::{CompressionMethod, ExtraField, ZipArchive};

use super::DosTime;

/// A member of a zip, by its central directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, as it is stored.
    pub name: String,
    /// Permission bits, if the zip holds UNIX modes.
    pub mode: Option<u32>,
    /// The length that it claims to have, in bytes.
    pub claimed: u64,
    /// The bytes that it takes in the zip.
    pub compressed: u64,
    /// Is not compressed.
    pub stored: bool,
    /// Its time; the earliest where it has none that there is.
    pub time: DosTime,
    /// Ends in `/`.
    pub folder: bool,
    /// Is a symbolic link.
    pub symlink: bool,
    /// Has a second name, which other readers may take for the first.
    pub named_twice: bool,
    /// Why Lambda could not unpack it, if it is not stored or deflated, or is encrypted.
    pub refused: Option<String>,
}

/// A zip that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not a zip, or a damaged one.
    #[error("not a sound zip file: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// Contents that go on past the claimed length.
    #[error("the member holds more than the {0} bytes that it claims")]
    Longer(u64),
    /// Contents that end before the claimed length.
    #[error("the member holds {held} of the {claimed} bytes that it claims")]
    Shorter {
        /// What was there.
        held: u64,
        /// What was claimed.
        claimed: u64,
    },
    /// The file could not be read, or the contents not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What opening may cost: so many bytes read for each byte of the file, and so many more. Sound
/// archives cost less than two thirds of it, even those of nothing but empty members.
const COST_PER_BYTE: u64 = 16;
const COST_IN_ANY_CASE: u64 = 4096;
/// What a call costs, as bytes that could have been read instead.
const COST_OF_CALL: u64 = 64;

/// A zip that is open for reading.
pub struct ZipFile<R> {
    archive: ZipArchive<Metered<R>>,
}

impl<R: Read + Seek> ZipFile<R> {
    /// Reads the central directory.
    pub fn open(mut reader: R) -> Result<Self, ReadError> {
        let length = reader.seek(SeekFrom::End(0))?;
        let most = length.saturating_mul(COST_PER_BYTE).saturating_add(COST_IN_ANY_CASE);
        let left = Arc::new(AtomicU64::new(most));
        let mut archive = ZipArchive::new(Metered { reader, left: Arc::clone(&left) })?;
        let unsound =
            |why: &'static str| Err(zip::result::ZipError::InvalidArchive(why.into()).into());
        if archive.has_duplicate_names() {
            return unsound("two members have the same name");
        }
        if archive.has_overlapping_entries()? {
            return unsound("members overlap");
        }
        archive.validate_header_consistency()?;
        // What is extracted is bounded by what the members claim.
        left.store(u64::MAX, Ordering::Relaxed);
        Ok(Self { archive })
    }

    /// The members, in the order of the central directory.
    pub fn members(&mut self) -> Result<Vec<Member>, ReadError> {
        (0..self.archive.len())
            .map(|index| {
                let named_twice = self.named_twice(index)?;
                let entry = self.archive.by_index_data(index)?;
                let refused = match entry.compression() {
                    _ if entry.encrypted() => Some("encrypted".to_owned()),
                    CompressionMethod::Stored | CompressionMethod::Deflated => None,
                    other => Some(format!("compressed with {other}")),
                };
                Ok(Member {
                    name: String::from_utf8_lossy(entry.name_raw()).into_owned(),
                    // `unix_mode` makes one up for DOS attributes: only the real one counts.
                    mode: entry
                        .unix_mode()
                        .filter(|_| entry.external_attributes() >> 16 != 0)
                        .map(|mode| mode & 0o7777),
                    claimed: entry.size(),
                    compressed: entry.compressed_size(),
                    stored: entry.compression() == CompressionMethod::Stored,
                    time: entry.last_modified().map_or(DosTime::EARLIEST, |time| {
                        DosTime::of_parts(time.datepart(), time.timepart())
                    }),
                    // `is_dir` takes a backslash too.
                    folder: entry.name_raw().ends_with(b"/"),
                    symlink: entry.is_symlink(),
                    named_twice,
                    refused,
                })
            })
            .collect()
    }

    /// Whether a plain ASCII name comes out of a Unicode Path field (APPNOTE 4.6.9), which has no
    /// honest use for one: readers disagree about which of the two names counts.
    fn named_twice(&mut self, index: usize) -> Result<bool, ReadError> {
        let entry = self.archive.by_index_raw(index)?;
        let unicode = |field: &ExtraField| matches!(field, ExtraField::UnicodePath(_));
        Ok(entry.name_raw().is_ascii() && entry.extra_data_fields().any(unicode))
    }

    /// Writes the contents of a member (by its place in `members`), at most what it claims.
    pub fn extract(&mut self, index: usize, out: &mut impl Write) -> Result<(), ReadError> {
        let member = self.archive.by_index(index)?;
        let claimed = member.size();
        let held = io::copy(&mut member.take(claimed.saturating_add(1)), out)?;
        match held.cmp(&claimed) {
            std::cmp::Ordering::Greater => Err(ReadError::Longer(claimed)),
            std::cmp::Ordering::Less => Err(ReadError::Shorter { held, claimed }),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }
}

/// A reader that fails once it has cost too much.
struct Metered<R> {
    reader: R,
    left: Arc<AtomicU64>,
}

impl<R> Metered<R> {
    /// Pays, and tells what is left.
    fn spend(&self, cost: u64) -> io::Result<u64> {
        let left = self.left.load(Ordering::Relaxed).checked_sub(cost).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "its directory takes too long to find")
        })?;
        self.left.store(left, Ordering::Relaxed);
        Ok(left)
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.spend(COST_OF_CALL)?).unwrap_or(usize::MAX);
        let affordable = buffer.len().min(left);
        let count = self.reader.read(buffer.get_mut(..affordable).unwrap_or_default())?;
        self.spend(count as u64)?;
        Ok(count)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.spend(COST_OF_CALL)?;
        self.reader.seek(to)
    }
}
