//! Zips that others made, as `check` meets them: hostile until read otherwise.
//!
//! No size is believed: contents are read up to what a member claims, and one byte more to catch a
//! lie. Overlapping and doubled members are refused, which is how archives claim more than they are.

use std::io::{self, Read, Seek, Write};

use zip::{CompressionMethod, ZipArchive};

/// A member of a zip, by its central directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, as it is stored.
    pub name: String,
    /// Permission bits, if the zip holds UNIX modes.
    pub mode: Option<u32>,
    /// The length that it claims to have, in bytes.
    pub claimed: u64,
    /// Ends in `/`.
    pub folder: bool,
    /// Is a symbolic link.
    pub symlink: bool,
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

/// A zip that is open for reading.
pub struct ZipFile<R> {
    archive: ZipArchive<R>,
}

impl<R: Read + Seek> ZipFile<R> {
    /// Reads the central directory.
    pub fn open(reader: R) -> Result<Self, ReadError> {
        let mut archive = ZipArchive::new(reader)?;
        let unsound =
            |why: &'static str| Err(zip::result::ZipError::InvalidArchive(why.into()).into());
        if archive.has_duplicate_names() {
            return unsound("two members have the same name");
        }
        if archive.has_overlapping_entries()? {
            return unsound("members overlap");
        }
        archive.validate_header_consistency()?;
        Ok(Self { archive })
    }

    /// The members, in the order of the central directory.
    pub fn members(&self) -> Result<Vec<Member>, ReadError> {
        (0..self.archive.len())
            .map(|index| {
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
                    folder: entry.is_dir(),
                    symlink: entry.is_symlink(),
                    refused,
                })
            })
            .collect()
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
