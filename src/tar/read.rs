//! Reads tar archives: ustar, pax, GNU's long names and its base 256. Nothing is unpacked.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::{BLOCK, MAX_PATH, name, number};

/// The most that a pax header may hold, in bytes: those of real archives have some hundred.
const MAX_PAX: u64 = 1 << 20;
/// The most headers before one entry.
const MAX_BEFORE: usize = 16;

/// How the names of GNU's records of sparse files begin.
const SPARSE: &str = "GNU.sparse.";
/// Its real name: the path is one that readers without them see.
const SPARSE_NAME: &str = "GNU.sparse.name";

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The bytes under it cannot be had.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It ends in the middle.
    #[error("it ends in the middle of an entry")]
    Truncated,
    /// A header that is none.
    #[error("entry {0}: {1}")]
    Header(u64, &'static str),
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// Another name of a file that stands before it.
    HardLink(String),
    /// A symbolic link.
    Symlink(String),
    /// A folder.
    Folder,
    /// A device.
    Device,
    /// A named pipe.
    Fifo,
    /// Something that POSIX has not; its letter.
    Other(u8),
}

/// What stands before the bytes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its path as it stands there; bytes that are no UTF-8 are spelled (see [`super::bytes`]).
    pub path: String,
    /// Whether the path is UTF-8.
    pub is_utf8: bool,
    /// What it is.
    pub kind: Kind,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// How many bytes of it follow.
    pub size: u64,
}

/// Reads an archive from its beginning to its end.
pub struct Reader<R> {
    inner: R,
    /// What is left of the current entry, and the padding after it.
    left: u64,
    padding: u64,
    /// How many entries were read.
    count: u64,
    global: BTreeMap<String, Vec<u8>>,
    ended: bool,
    /// The headers of the current entry as they stand there, if they are wanted.
    raw: Option<Vec<u8>>,
}

/// What headers before an entry say of it.
#[derive(Default)]
struct Before {
    pax: BTreeMap<String, Vec<u8>>,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    /// Begins.
    pub fn new(inner: R) -> Self {
        let global = BTreeMap::new();
        Self { inner, left: 0, padding: 0, count: 0, global, ended: false, raw: None }
    }

    /// Begins, and keeps the headers of each entry.
    pub fn keeping_headers(inner: R) -> Self {
        Self { raw: Some(Vec::new()), ..Self::new(inner) }
    }

    /// The headers of the current entry, as they stand there.
    pub fn raw(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or_default()
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(bytes);
            let end = raw.len().next_multiple_of(BLOCK);
            raw.resize(end, 0);
        }
    }

    /// What is read from.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What is read from; while an entry was not read, its bytes come next.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// Passes over what is left of an entry in the way of whoever can do it without reading.
    pub fn skip_by(&mut self, skip: impl FnOnce(&mut R, u64) -> io::Result<()>) -> io::Result<()> {
        let over = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        skip(&mut self.inner, over)
    }

    /// The next entry; what was not read of the last one is passed over. Two blocks of zeros, or the end
    /// of the bytes between two entries, end the archive.
    pub fn advance(&mut self) -> Result<Option<Header>, TarError> {
        let mut before = Before::default();
        if let Some(raw) = &mut self.raw {
            raw.clear();
        }
        for _ in 0..MAX_BEFORE {
            self.pass_over()?;
            let Some(block) = self.block()? else { return Ok(None) };
            self.count += 1;
            self.keep(&block);
            let kind = block.get(156).copied().unwrap_or_default();
            let size = self.number(&block, 124..136, "its size is no number")?;
            match kind {
                b'x' | b'g' | b'X' => {
                    let records = self.pax(size)?;
                    let all = if kind == b'g' { &mut self.global } else { &mut before.pax };
                    all.extend(records);
                }
                b'L' => before.path = Some(self.long(size)?),
                b'K' => before.link = Some(self.long(size)?),
                _ => {
                    if kind == b'S' {
                        self.map(&block)?;
                    }
                    return self.header(&block, kind, size, before).map(Some);
                }
            }
        }
        Err(self.wrong("too many headers stand before it"))
    }

    fn wrong(&self, why: &'static str) -> TarError {
        TarError::Header(self.count, why)
    }

    fn pass_over(&mut self) -> Result<(), TarError> {
        let over = self.left.saturating_add(self.padding);
        let passed = io::copy(&mut (&mut self.inner).take(over), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        if passed == over { Ok(()) } else { Err(TarError::Truncated) }
    }

    /// The next block that is none of the end.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        if self.ended {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        let filled = fill(&mut self.inner, &mut block)?;
        // Some writers leave the end out.
        if filled == 0 || block.iter().all(|byte| *byte == 0) {
            self.ended = true;
            return if filled == 0 || filled == BLOCK {
                Ok(None)
            } else {
                Err(TarError::Truncated)
            };
        }
        if filled != BLOCK {
            return Err(TarError::Truncated);
        }
        self.check(&block)?;
        Ok(Some(block))
    }

    /// The checksum, of unsigned bytes or, as some wrote it long ago, of signed ones.
    fn check(&self, block: &[u8; BLOCK]) -> Result<(), TarError> {
        let said = block.get(148..156).and_then(number::read);
        let counted =
            |(at, byte): (usize, &u8)| if (148..156).contains(&at) { b' ' } else { *byte };
        let bytes = || block.iter().enumerate().map(counted);
        let unsigned: u64 = bytes().map(u64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
        if said == Some(unsigned) || said.map(u64::cast_signed) == Some(signed) {
            Ok(())
        } else {
            Err(TarError::Header(self.count + 1, "its checksum is wrong, so this is no tar header"))
        }
    }

    fn number(
        &self,
        block: &[u8; BLOCK],
        field: std::ops::Range<usize>,
        why: &'static str,
    ) -> Result<u64, TarError> {
        block.get(field).and_then(number::read).ok_or_else(|| self.wrong(why))
    }

    /// The bytes of a header that stands before an entry.
    fn bytes(&mut self, size: u64, most: u64) -> Result<Vec<u8>, TarError> {
        if size > most {
            return Err(self.wrong("a header before it is too long"));
        }
        let mut bytes = Vec::new();
        (&mut self.inner).take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(TarError::Truncated);
        }
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
        self.keep(&bytes);
        Ok(bytes)
    }

    /// GNU's map of a sparse file goes on in blocks of its own (gnu.org/software/tar, "Sparse Formats").
    fn map(&mut self, block: &[u8; BLOCK]) -> Result<(), TarError> {
        let mut more = block.get(482) == Some(&1);
        while more {
            let mut next = [0; BLOCK];
            if fill(&mut self.inner, &mut next)? != BLOCK {
                return Err(TarError::Truncated);
            }
            self.keep(&next);
            more = next.get(504) == Some(&1);
        }
        Ok(())
    }

    fn long(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        let mut bytes = self.bytes(size, MAX_PATH as u64 + 1)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        Ok(bytes)
    }

    fn pax(&mut self, size: u64) -> Result<BTreeMap<String, Vec<u8>>, TarError> {
        let bytes = self.bytes(size, MAX_PAX)?;
        let mut records = BTreeMap::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let record = record(rest).ok_or_else(|| self.wrong("a pax record is damaged"))?;
            let (key, value, length) = record;
            // Of the others nothing is asked, and there may be many.
            match key {
                "path" | "linkpath" | SPARSE_NAME if value.contains(&0) => {
                    return Err(self.wrong("its path has a null in it"));
                }
                "path" | "linkpath" | "size" | "uid" | "gid" => {
                    records.insert(key.to_owned(), value.to_vec());
                }
                SPARSE_NAME => {
                    records.insert(SPARSE.to_owned(), Vec::new());
                    records.insert(key.to_owned(), value.to_vec());
                }
                _ if key.starts_with(SPARSE) => drop(records.insert(SPARSE.to_owned(), Vec::new())),
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(records)
    }

    fn header(
        &mut self,
        block: &[u8; BLOCK],
        kind: u8,
        size: u64,
        before: Before,
    ) -> Result<Header, TarError> {
        let Before { pax, path, link } = before;
        let said = |key: &str| pax.get(key).or_else(|| self.global.get(key));
        let number = |key: &str, field: u64| match said(key).map(|value| std::str::from_utf8(value))
        {
            None => Some(field),
            Some(text) => text.ok()?.parse::<u64>().ok().filter(|number| *number < 1 << 63),
        };
        let sparse = pax.contains_key(SPARSE);
        let size = number("size", size).ok_or_else(|| self.wrong("its size is no number"))?;
        let field = |range| block.get(range).and_then(number::read).unwrap_or_default();
        let owner = |key: &str, range| number(key, field(range)).unwrap_or_default();
        let path = pax.get(SPARSE_NAME).or_else(|| said("path")).cloned().or(path);
        let path = path.unwrap_or_else(|| plain_path(block));
        let link = said("linkpath").cloned().or(link).unwrap_or_else(|| text(block, 157..257));
        if path.len() > MAX_PATH || link.len() > MAX_PATH {
            return Err(self.wrong("its path is too long"));
        }
        let (uid, gid) = (owner("uid", 108..116), owner("gid", 116..124));
        let mode = u32::try_from(field(100..108) & 0o7777).unwrap_or_default();
        let (path, is_utf8) = name::spelled(&path);
        let to = || name::spelled(&link).0;
        // Old tars mark a folder by the slash alone; what has contents is none (Go, `archive/tar`).
        let kind = match kind {
            _ if sparse => Kind::Other(b'S'),
            0 if path.ends_with('/') => Kind::Folder,
            b'0' | b'7' if path.ends_with('/') && size == 0 => Kind::Folder,
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::HardLink(to()),
            b'2' => Kind::Symlink(to()),
            b'3' | b'4' => Kind::Device,
            b'5' => Kind::Folder,
            b'6' => Kind::Fifo,
            other => Kind::Other(other),
        };
        // Links, folders and devices have no contents, whatever is said of them.
        let size = if matches!(kind, Kind::File | Kind::Other(_)) { size } else { 0 };
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
        Ok(Header { path, is_utf8, kind, mode, uid, gid, size })
    }
}

/// The bytes of the current entry.
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&mut self.inner).take(self.left).read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, TarError::Truncated));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn fill(reader: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Key, value and length of the first pax record.
fn record(bytes: &[u8]) -> Option<(&str, &[u8], usize)> {
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..blank)?).ok()?.parse().ok()?;
    let text = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let key = std::str::from_utf8(text.get(..equals)?).ok()?;
    Some((key, text.get(equals + 1..)?, length))
}

fn text(block: &[u8; BLOCK], field: std::ops::Range<usize>) -> Vec<u8> {
    block.get(field).unwrap_or_default().iter().copied().take_while(|byte| *byte != 0).collect()
}

/// Prefix and name; GNU's own format has other things where the prefix is.
fn plain_path(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(block, 0..100);
    let prefix = text(block, 345..500);
    if prefix.is_empty() || block.get(257..263) != Some(b"ustar\0") {
        return name;
    }
    [&prefix[..], b"/", &name].concat()
}
