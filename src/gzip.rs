//! Gzip (RFC 1952) of blobs: one member, whose bytes follow from the contents and the level alone, not
//! from the number of threads.
//!
//! The contents are cut into blocks of 1 MiB. Each is deflated by itself, with the end of the one before
//! as its dictionary, and ends at a byte (`Z_SYNC_FLUSH`); so blocks are compressed at once on several
//! threads and stand one after the other in one stream, as pigz does it. Memory: two blocks a thread.

use std::io::{self, Write};
use std::thread;

use flate2::{Compress, Compression, FlushCompress, Status};

/// How much is compressed in one piece, in bytes.
const BLOCK: usize = 1 << 20;
/// How far back deflate looks (RFC 1951).
const WINDOW: usize = 32 << 10;
/// No flags, no time, no name, an unknown system (RFC 1952, 2.3.1).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// What compresses, for whoever keeps what came of it: other bytes come of another one.
pub const COMPRESSOR: &str = "zlib-rs 0.6, blocks of 1 MiB";

/// Compresses what is written to it.
pub struct Encoder<W> {
    out: W,
    level: u32,
    threads: usize,
    /// The end of what was compressed already, then what was not.
    buffer: Vec<u8>,
    /// How much of the buffer is the end of what was compressed.
    before: usize,
    crc: crc32fast::Hasher,
    length: u64,
}

impl<W: Write> Encoder<W> {
    /// Begins a stream. `level` is zlib's, from 1 to 9.
    pub fn new(mut out: W, level: u32, threads: usize) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        let (threads, buffer, crc) = (threads.max(1), Vec::new(), crc32fast::Hasher::new());
        Ok(Self { out, level, threads, buffer, before: 0, crc, length: 0 })
    }

    /// Writes the rest and the end of the stream.
    pub fn finish(mut self) -> io::Result<W> {
        self.compress(true)?;
        let length = u32::try_from(self.length & u64::from(u32::MAX)).unwrap_or_default();
        self.out.write_all(&self.crc.finalize().to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        Ok(self.out)
    }

    /// Compresses all that waits; `last` if nothing comes after it.
    fn compress(&mut self, last: bool) -> io::Result<()> {
        let waiting = self.buffer.get(self.before..).unwrap_or_default();
        let mut starts: Vec<usize> = (0..waiting.len()).step_by(BLOCK).collect();
        if starts.is_empty() {
            starts.push(0);
        }
        let end = starts.len() - 1;
        let (before, level, buffer) = (self.before, self.level, &self.buffer);
        let one = |(index, start): (usize, usize)| {
            let start = before + start;
            let block = buffer.get(start..buffer.len().min(start + BLOCK)).unwrap_or_default();
            let dictionary = buffer.get(start.saturating_sub(WINDOW)..start).unwrap_or_default();
            deflate(block, dictionary, level, last && index == end)
        };
        let pieces: Vec<io::Result<Piece>> = thread::scope(|scope| {
            let mut works = starts.into_iter().enumerate();
            let first = works.next();
            let others: Vec<_> = works.map(|work| scope.spawn(move || one(work))).collect();
            // This thread works as well.
            let first = first.map(one).into_iter();
            let ended = || Err(io::Error::other("a thread ended"));
            first
                .chain(others.into_iter().map(|work| work.join().unwrap_or_else(|_| ended())))
                .collect()
        });
        for piece in pieces {
            let piece = piece?;
            self.crc.combine(&piece.crc);
            self.length += piece.length;
            self.out.write_all(&piece.bytes)?;
        }
        let keep = self.buffer.len().min(WINDOW);
        self.buffer.drain(..self.buffer.len() - keep);
        self.before = keep;
        Ok(())
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only when more comes: the last block must be known as the last.
        if !bytes.is_empty() && self.buffer.len() == self.before + self.threads * BLOCK {
            self.compress(false)?;
        }
        let room = self.before + self.threads * BLOCK - self.buffer.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A block, compressed.
struct Piece {
    bytes: Vec<u8>,
    crc: crc32fast::Hasher,
    length: u64,
}

fn deflate(block: &[u8], dictionary: &[u8], level: u32, last: bool) -> io::Result<Piece> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(block);
    let mut compress = Compress::new(Compression::new(level), false);
    if !dictionary.is_empty() {
        compress.set_dictionary(dictionary).map_err(io::Error::other)?;
    }
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut bytes = Vec::with_capacity(block.len() / 2 + 1024);
    loop {
        let done = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let rest = block.get(done..).unwrap_or_default();
        let status = compress.compress_vec(rest, &mut bytes, flush).map_err(io::Error::other)?;
        let taken = compress.total_in() == block.len() as u64;
        match status {
            Status::StreamEnd => break,
            // With room left, all of it is out.
            _ if taken && !last && bytes.len() < bytes.capacity() => break,
            _ => bytes.reserve(64 << 10),
        }
    }
    Ok(Piece { bytes, crc, length: block.len() as u64 })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn gzip(bytes: &[u8], level: u32, threads: usize, step: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new(), level, threads).unwrap();
        for part in bytes.chunks(step) {
            encoder.write_all(part).unwrap();
        }
        encoder.finish().unwrap()
    }

    fn gunzip(bytes: &[u8]) -> (Vec<u8>, usize) {
        let mut decoder = flate2::bufread::GzDecoder::new(bytes);
        let mut out = Vec::new();
        decoder.read_to_end(&mut out).unwrap();
        (out, decoder.into_inner().len())
    }

    fn words(length: usize) -> Vec<u8> {
        let mut seed = 7_u32;
        let mut text = Vec::new();
        while text.len() < length {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.extend(format!("{} ", seed >> 20).into_bytes());
        }
        text.truncate(length);
        text
    }

    #[test]
    fn one_member_of_any_the_length() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 5] {
            let text = words(length);
            let bytes = gzip(&text, 6, 2, 100_000);
            let (out, rest) = gunzip(&bytes);
            assert!(out == text && rest == 0, "{length}");
        }
    }

    #[test]
    fn threads_and_pieces_change_nothing() {
        let text = words(5 * BLOCK + 321);
        let one = gzip(&text, 6, 1, 4096);
        for (threads, step) in [(2, 4096), (3, 1 << 21), (8, 77_777)] {
            assert!(gzip(&text, 6, threads, step) == one, "{threads} {step}");
        }
        let even = &text[..2 * BLOCK];
        assert!(gzip(even, 6, 1, BLOCK) == gzip(even, 6, 4, BLOCK));
        // What the blocks cost beside one stream.
        let mut whole = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
        whole.write_all(&text).unwrap();
        let whole = whole.finish().unwrap().len();
        assert!(one.len() < whole + whole / 100, "{} and {whole}", one.len());
    }

    #[test]
    fn what_cannot_be_compressed_grows_little() {
        let mut seed = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed.to_be_bytes()[0]
        })
        .take(2 * BLOCK + 9)
        .collect();
        let bytes = gzip(&noise, 9, 2, 65_536);
        assert!(gunzip(&bytes).0 == noise);
        assert!(bytes.len() < noise.len() + noise.len() / 1000 + 100);
    }
}
