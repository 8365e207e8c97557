//! Writes tar archives.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use super::{BLOCK, name, number};

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A regular file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link to this.
    Symlink(String),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path, relative and without a slash at the end; bytes that are no UTF-8 are spelled as in
    /// [`super::Header`].
    pub path: String,
    /// What it is.
    pub what: What,
    /// Its permission bits, `setuid` and its like included.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
}

/// Writes one archive, in which every entry has the same time.
pub struct Writer<W> {
    out: W,
    time: u64,
}

const NAME: std::ops::Range<usize> = 0..100;
const LINK: std::ops::Range<usize> = 157..257;
const PREFIX: std::ops::Range<usize> = 345..500;

impl<W: Write> Writer<W> {
    /// Begins an archive; `time` in seconds since 1970.
    pub fn new(out: W, time: u64) -> Self {
        Self { out, time }
    }

    /// Writes an entry. Of a file, `contents` gives its bytes: neither more nor fewer than were said.
    pub fn write(&mut self, member: &Member, contents: &mut dyn Read) -> io::Result<()> {
        self.header(member)?;
        let What::File(length) = member.what else { return Ok(()) };
        let copied = io::copy(&mut contents.take(length), &mut self.out)?;
        // One byte more would be one too many.
        if copied != length || contents.read(&mut [0])? != 0 {
            return Err(io::Error::other("the file changed while it was being packed"));
        }
        self.pad(length)
    }

    /// Writes the end of the archive: two blocks of zeros.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        Ok(self.out)
    }

    fn pad(&mut self, length: u64) -> io::Result<()> {
        let over = usize::try_from(length % BLOCK as u64).unwrap_or_default();
        let missing = if over == 0 { 0 } else { BLOCK - over };
        self.out.write_all([0; BLOCK].get(..missing).unwrap_or_default())
    }

    fn header(&mut self, member: &Member) -> io::Result<()> {
        let (kind, size, link) = match &member.what {
            What::File(length) => (b'0', *length, Cow::Borrowed(&[][..])),
            What::Folder => (b'5', 0, Cow::Borrowed(&[][..])),
            What::Symlink(to) => (b'2', 0, name::bytes(to)),
        };
        let slash = if member.what == What::Folder { "/" } else { "" };
        let path = format!("{}{slash}", member.path);
        let path = name::bytes(&path);
        let mut records = Vec::new();
        let mut block = Block::new(kind, self.time);
        if !block.path(&path) {
            if std::str::from_utf8(&path).is_err() {
                record(&mut records, "hdrcharset", b"BINARY");
            }
            record(&mut records, "path", &path);
            // What readers without pax see.
            let last = name::bytes(member.path.rsplit('/').next().unwrap_or_default());
            block.text(NAME, last.get(..NAME.len()).unwrap_or(&last));
        }
        if !(is_plain(&link) && block.text(LINK, &link)) {
            record(&mut records, "linkpath", &link);
        }
        block.number(100..108, u64::from(member.mode));
        let numbers = [("uid", 108..116, member.uid), ("gid", 116..124, member.gid)];
        for (name, field, value) in numbers.into_iter().chain([("size", 124..136, size)]) {
            if !block.number(field, value) {
                record(&mut records, name, value.to_string().as_bytes());
            }
        }
        if !records.is_empty() {
            let mut before = Block::new(b'x', self.time);
            before.text(NAME, b"PaxHeaders/member");
            before.number(100..108, 0o644);
            before.number(108..116, 0);
            before.number(116..124, 0);
            before.number(124..136, records.len() as u64);
            self.out.write_all(&before.finish())?;
            self.out.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        self.out.write_all(&block.finish())
    }
}

/// `LENGTH KEY=VALUE\n`, whose length counts its own digits.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend(format!("{length} {key}=").into_bytes());
    records.extend(value);
    records.push(b'\n');
}

/// Whether bytes go into a field as they are: text only if every reader takes it for the same, and what is
/// no text as others write it.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_err()
}

struct Block([u8; BLOCK]);

impl Block {
    fn new(kind: u8, time: u64) -> Self {
        let mut block = Self([0; BLOCK]);
        block.number(136..148, time);
        block.text(156..157, &[kind]);
        block.text(257..265, b"ustar\x0000");
        block.number(329..337, 0);
        block.number(337..345, 0);
        block
    }

    /// Whether it fits.
    fn text(&mut self, field: std::ops::Range<usize>, bytes: &[u8]) -> bool {
        let place = self.0.get_mut(field).and_then(|field| field.get_mut(..bytes.len()));
        place.map(|place| place.copy_from_slice(bytes)).is_some()
    }

    fn number(&mut self, field: std::ops::Range<usize>, value: u64) -> bool {
        self.0.get_mut(field).is_some_and(|field| number::write(field, value))
    }

    /// In one piece, or divided at a slash.
    fn path(&mut self, path: &[u8]) -> bool {
        if !is_plain(path) {
            return false;
        }
        if self.text(NAME, path) {
            return true;
        }
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let parts = slashes.filter_map(|(at, _)| path.split_at_checked(at));
        let fits = |(prefix, name): &(&[u8], &[u8])| {
            !prefix.is_empty()
                && prefix.len() <= PREFIX.len()
                && (2..=NAME.len() + 1).contains(&name.len())
        };
        let Some((prefix, name)) = { parts }.find(fits) else { return false };
        self.text(PREFIX, prefix);
        self.text(NAME, name.strip_prefix(b"/").unwrap_or(name))
    }

    /// With its checksum: the sum of all bytes, where the checksum itself counts as blanks.
    fn finish(mut self) -> [u8; BLOCK] {
        self.text(148..156, b"        ");
        let sum: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        self.number(148..155, sum);
        self.0
    }
}
