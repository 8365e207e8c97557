//! Fuzz target `zip`: an archive that others made. Also included by `fuzz/targets/zip.rs`.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use lambda_pack::bundle::ZipFile;

/// The end record (APPNOTE 4.3.16).
const END: usize = 22;
/// A local and a central header (APPNOTE 4.3.7, 4.3.12), without their names.
const HEADERS: usize = 30 + 46;
/// The most that a byte of deflate can become: two bits can say 258 bytes (RFC 1951, 3.2.5).
const MOST_PER_BYTE: u64 = 258 * 4;
/// What a call costs, as bytes that could have been read instead.
const CALL: u64 = 64;

/// Reading must not panic, must give the same twice, and takes time in proportion to the length.
/// Since no two members may share bytes, there are only so many of them, and all of them together
/// unpack to only so much.
pub(crate) fn run(data: &[u8]) {
    let cost = Cell::new(0);
    let zip = ZipFile::open(Metered { data: Cursor::new(data), cost: &cost });
    // Sound archives cost less than a third of it.
    let most = (data.len() as u64).saturating_mul(32).saturating_add(4096);
    assert!(cost.get() <= most, "{} bytes read of {}", cost.get(), data.len());
    let Ok(mut zip) = zip else { return };
    let Ok(members) = zip.members() else { return };
    let least = END.saturating_add(HEADERS.saturating_mul(members.len()));
    assert!(least <= data.len(), "{} members in {} bytes", members.len(), data.len());
    let mut total = 0;
    for (index, member) in members.iter().enumerate() {
        assert_eq!(member.folder, member.name.ends_with('/'), "{member:?}");
        let mut sink = Sink { held: 0, most: member.claimed.saturating_add(1) };
        match zip.extract(index, &mut sink) {
            Ok(()) => {
                assert_eq!(sink.held, member.claimed, "{member:?}");
                assert_eq!(member.refused, None, "{member:?}");
            }
            // As text, for a panic in it.
            Err(error) => drop(error.to_string()),
        }
        total += sink.held;
    }
    let most = MOST_PER_BYTE.saturating_mul(data.len() as u64);
    assert!(total <= most, "{total} bytes out of {}", data.len());
    assert!(zip.extract(members.len(), &mut io::sink()).is_err());
    assert!(zip.members().is_ok_and(|again| again == members));
}

/// Adds up what reading costs, which is the same on every machine, as time is not.
struct Metered<'a> {
    data: Cursor<&'a [u8]>,
    cost: &'a Cell<u64>,
}

impl Metered<'_> {
    fn spend(&self, bytes: usize) {
        self.cost.set(self.cost.get() + CALL + bytes as u64);
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.data.read(buffer)?;
        self.spend(count);
        Ok(count)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.spend(0);
        self.data.seek(to)
    }
}

/// Counts what it is given, and takes no more than `most`.
struct Sink {
    held: u64,
    most: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held += bytes.len() as u64;
        assert!(self.held <= self.most, "{} bytes where {} is the most", self.held, self.most);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
