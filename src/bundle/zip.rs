//! The zip container (PKWARE APPNOTE 6.3.10), written in one pass.
//!
//! Exactly 22 bytes for the archive and 76 bytes plus twice the name for each member: no extra
//! fields, no data descriptors, no comments, no folder entries, no zip64. Lambda's own limit
//! (262,144,000 bytes unzipped) is far below what the plain format holds.

use std::fmt;
use std::io::Write;

use super::BundleError;
use super::deflate::{Head, Method};
use crate::tree::{ArchivePath, Mode};

/// MS-DOS date and time (APPNOTE 4.4.6): two-second steps, from 1980 to 2107, no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DosTime {
    date: u16,
    time: u16,
}

impl DosTime {
    /// 1980-01-01 00:00:00, the earliest there is.
    pub const EARLIEST: Self = Self { date: (1 << 5) | 1, time: 0 };

    /// The two halves as a zip has them.
    #[must_use]
    pub const fn of_parts(date: u16, time: u16) -> Self {
        Self { date, time }
    }

    /// Seconds since 1970 in UTC, of which [`Self::from_unix`] makes the same again; none if there is
    /// no such day or time.
    #[must_use]
    pub fn unix(self) -> Option<u64> {
        let Self { date, time } = self;
        let day = i64::from(date & 31);
        let days = days(1980 + i64::from(date >> 9), i64::from(date >> 5 & 15), day);
        let of_day = u64::from(time >> 11) * 3600 + u64::from(time >> 5 & 63) * 60;
        let seconds = u64::try_from(days).ok()? * 86_400 + of_day + u64::from(time & 31) * 2;
        (Self::from_unix(seconds) == Some(self)).then_some(seconds)
    }

    /// Seconds since 1970 in UTC. What is earlier than 1980 becomes 1980; `None` past 2107.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Option<Self> {
        let (year, month, day) = civil(seconds / 86_400)?;
        if year < 1980 {
            return Some(Self::EARLIEST);
        }
        let year = u16::try_from(year - 1980).ok().filter(|year| *year < 128)?;
        let of_day = u16::try_from(seconds % 86_400 / 2).ok()?;
        let (hour, minute, double) = (of_day / 1800, of_day / 30 % 60, of_day % 30);
        Some(Self {
            date: (year << 9) | (month << 5) | day,
            time: (hour << 11) | (minute << 5) | double,
        })
    }
}

impl fmt::Display for DosTime {
    /// As it is stored, whether there is such a day or not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, time } = self;
        let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
        let (hour, minute, second) = (time >> 11, time >> 5 & 63, (time & 31) * 2);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// Year, month and day of a day number since 1970-01-01 (the proleptic Gregorian calendar, counted
/// in eras of 400 years that begin on 1 March).
fn civil(days: u64) -> Option<(u64, u16, u16)> {
    let days = days.checked_add(719_468)?;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    Some((year, u16::try_from(month).ok()?, u16::try_from(day).ok()?))
}

/// The reverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// What the plain zip format cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// A member of 4 GiB or more.
    #[error("`{0}` is larger than a zip member may be (4 GiB); Lambda takes 250 MB in all")]
    MemberTooLarge(String),
    /// An archive of 4 GiB or more.
    #[error("the zip grows over 4 GiB at `{0}`; Lambda takes 250 MB in all")]
    ArchiveTooLarge(String),
    /// More members than its counter holds.
    #[error("more than 65,535 files in one zip")]
    TooManyMembers,
}

const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END_OF_CENTRAL: u32 = 0x0605_4b50;
/// Version 2.0: deflate (APPNOTE 4.4.3).
const VERSION_NEEDED: u16 = 20;
/// Made on UNIX, so that the modes below count (APPNOTE 4.4.2).
const VERSION_MADE_BY: u16 = (3 << 8) | VERSION_NEEDED;
/// The name is UTF-8 (APPNOTE 4.4.4, bit 11).
const FLAG_UTF8: u16 = 1 << 11;
/// `S_IFREG` (POSIX, sys/stat.h), in the upper half of the external attributes.
const REGULAR_FILE: u32 = 0o100_000;

/// Writes members one after the other, and at the end the central directory.
pub(super) struct Writer<W> {
    out: W,
    time: DosTime,
    /// Bytes written so far.
    offset: u64,
    central: Vec<u8>,
    members: u16,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, time: DosTime) -> Self {
        Self { out, time, offset: 0, central: Vec::new(), members: 0 }
    }

    /// Announces a member. Exactly `head.compressed` bytes must follow into `body()`, and be
    /// reported to `passed()`.
    pub(super) fn member(
        &mut self,
        path: &ArchivePath,
        mode: Mode,
        head: &Head,
    ) -> Result<(), BundleError> {
        let name = path.as_str();
        let offset = small(self.offset).ok_or_else(|| ZipError::ArchiveTooLarge(name.into()))?;
        let common = self.common(name, head)?;
        self.members = self.members.checked_add(1).ok_or(ZipError::TooManyMembers)?;

        let mut local = Vec::with_capacity(30 + name.len());
        local.extend(LOCAL_HEADER.to_le_bytes());
        local.extend(&common);
        local.extend(name.as_bytes());
        self.write(&local)?;

        self.central.extend(CENTRAL_HEADER.to_le_bytes());
        self.central.extend(VERSION_MADE_BY.to_le_bytes());
        self.central.extend(&common);
        // Comment length, first disk, internal attributes.
        self.central.extend([0; 6]);
        self.central.extend(((REGULAR_FILE | mode.bits()) << 16).to_le_bytes());
        self.central.extend(offset.to_le_bytes());
        self.central.extend(name.as_bytes());
        Ok(())
    }

    /// The 26 bytes that both headers share: version needed, flags, method, time, date, CRC-32,
    /// both sizes, the length of the name and of the (absent) extra field.
    fn common(&self, name: &str, head: &Head) -> Result<[u8; 26], ZipError> {
        let too_large = || ZipError::MemberTooLarge(name.to_owned());
        let compressed = small(head.compressed).ok_or_else(too_large)?;
        let length = small(head.length).ok_or_else(too_large)?;
        // An ArchivePath is far shorter than 64 KiB.
        let name_length = u16::try_from(name.len()).map_err(|_| too_large())?;
        let flags = if name.is_ascii() { 0 } else { FLAG_UTF8 };
        let method: u16 = match head.method {
            Method::Stored => 0,
            Method::Deflate => 8,
        };
        let mut bytes = [0; 26];
        let fields: [&[u8]; 9] = [
            &VERSION_NEEDED.to_le_bytes(),
            &flags.to_le_bytes(),
            &method.to_le_bytes(),
            &self.time.time.to_le_bytes(),
            &self.time.date.to_le_bytes(),
            &head.crc32.to_le_bytes(),
            &compressed.to_le_bytes(),
            &length.to_le_bytes(),
            &name_length.to_le_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(fields.concat()) {
            *to = from;
        }
        Ok(bytes)
    }

    /// Where the bytes of the announced member go.
    pub(super) fn body(&mut self) -> &mut W {
        &mut self.out
    }

    /// That many bytes went into `body()`.
    pub(super) fn passed(&mut self, bytes: u64) {
        self.offset += bytes;
    }

    /// Writes the central directory and its end record.
    pub(super) fn finish(mut self) -> Result<W, BundleError> {
        let too_large = || ZipError::ArchiveTooLarge("the central directory".to_owned());
        let offset = small(self.offset).ok_or_else(too_large)?;
        let size = small(self.central.len() as u64).ok_or_else(too_large)?;
        let central = std::mem::take(&mut self.central);
        self.write(&central)?;
        let mut end = Vec::with_capacity(22);
        end.extend(END_OF_CENTRAL.to_le_bytes());
        // This disk, the disk of the central directory.
        end.extend([0; 4]);
        end.extend(self.members.to_le_bytes());
        end.extend(self.members.to_le_bytes());
        end.extend(size.to_le_bytes());
        end.extend(offset.to_le_bytes());
        // Comment length.
        end.extend([0; 2]);
        self.write(&end)?;
        self.out.flush().map_err(BundleError::Write)?;
        Ok(self.out)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.offset += bytes.len() as u64;
        self.out.write_all(bytes).map_err(BundleError::Write)
    }
}

/// A value of a 32-bit field; the largest one means "see zip64" and is not ours.
fn small(value: u64) -> Option<u32> {
    u32::try_from(value).ok().filter(|value| *value != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dos_times() {
        let at = |seconds| DosTime::from_unix(seconds).map(|t| (t.date, t.time));
        let date = |y: u16, m: u16, d: u16| ((y - 1980) << 9) + (m << 5) + d;
        let time = |h: u16, m: u16, double: u16| (h << 11) + (m << 5) + double;
        assert_eq!(DosTime::from_unix(0), Some(DosTime::EARLIEST));
        assert_eq!(DosTime::from_unix(315_532_800), Some(DosTime::EARLIEST));
        // 2024-02-29T23:59:59Z and 2000-03-01T12:34:56Z, from `date -u -d @N`.
        assert_eq!(at(1_709_251_199), Some((date(2024, 2, 29), time(23, 59, 29))));
        assert_eq!(at(951_914_096), Some((date(2000, 3, 1), time(12, 34, 28))));
        // The last second of 2107, and the first after it.
        assert_eq!(at(4_354_819_199), Some((date(2107, 12, 31), time(23, 59, 29))));
        assert_eq!(at(4_354_819_200), None);
        assert_eq!(at(u64::MAX), None);
        let text = |seconds| DosTime::from_unix(seconds).unwrap().to_string();
        assert_eq!(text(0), "1980-01-01 00:00:00");
        assert_eq!(text(1_709_251_199), "2024-02-29 23:59:58");
        // Every day there is, and a second of it; then none.
        for seconds in (315_532_800..4_354_819_200).step_by(86_400 + 2) {
            assert_eq!(DosTime::from_unix(seconds).unwrap().unix(), Some(seconds));
        }
        for (date, time) in [(0, 0), (0x5e, 0), (0x1a1, 0), (0x21, 24 << 11)] {
            assert_eq!(DosTime::of_parts(date, time).unix(), None);
        }
    }
}
