//! The tar of a layer, however it is packed; everything is hashed as it passes.

use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::StreamingDecoder;

use crate::digest::{HashingWriter, Sha256};
use crate::image::lint::Packed;

/// A reader that hashes and counts what passes.
pub(super) struct Hashed<R> {
    inner: R,
    hash: HashingWriter<io::Sink>,
}

impl<R: Read> Hashed<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: HashingWriter::new(io::sink()) }
    }

    /// What is read from.
    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// What is read from, however far that was.
    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    /// Reads the rest; the digest and the number of all bytes.
    pub(super) fn finish(mut self) -> io::Result<(R, Sha256, u64)> {
        io::copy(&mut self, &mut io::sink())?;
        let (_, digest, length) = self.hash.finish();
        Ok((self.inner, digest, length))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use std::io::Write as _;
        let count = self.inner.read(buffer)?;
        self.hash.write_all(buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}

/// A reader that remembers whether an error was its own.
pub(super) struct Watched<R> {
    inner: R,
    failed: bool,
}

impl<R> Watched<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, failed: false }
    }

    pub(super) fn failed(&self) -> bool {
        self.failed
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        self.failed |= read.is_err();
        read
    }
}

/// Packed bytes, hashed.
type Source<R> = BufReader<Hashed<R>>;

/// The tar.
pub(super) enum Unpacked<R: Read> {
    Gzip(Box<Members<Source<R>>>),
    Zstd(Box<StreamingDecoder<Source<R>, ruzstd::decoding::FrameDecoder>>),
    Plain(Source<R>),
}

impl<R: Read> Unpacked<R> {
    /// Begins to unpack; by the first bytes.
    pub(super) fn new(packed: R) -> io::Result<Self> {
        let mut source = BufReader::with_capacity(128 << 10, Hashed::new(packed));
        let start = source.fill_buf()?;
        Ok(if start.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip(Box::new(Members { decoder: Some(GzDecoder::new(source)), count: 1 }))
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let decoder = StreamingDecoder::new(source).map_err(io::Error::other)?;
            Self::Zstd(Box::new(decoder))
        } else {
            Self::Plain(source)
        })
    }

    /// How it is packed; whole only at the end. And what it was packed as: digest and length of all
    /// bytes, those too that no one asked for.
    pub(super) fn finish(self) -> io::Result<(Packed, Sha256, u64)> {
        let (packed, source) = match self {
            Self::Gzip(members) => (Packed::Gzip(members.count), members.into_inner()),
            Self::Zstd(decoder) => (Packed::Zstd, Some(decoder.into_inner())),
            Self::Plain(source) => (Packed::Plain, Some(source)),
        };
        let source = source.ok_or_else(|| io::Error::other("it was not opened"))?;
        let (_, digest, length) = source.into_inner().finish()?;
        Ok((packed, digest, length))
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(members) => members.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Plain(source) => source.read(buffer),
        }
    }
}

/// The members of a gzip stream, one after the other (RFC 1952, 2.2), and how many they are.
pub(super) struct Members<B: io::BufRead> {
    decoder: Option<GzDecoder<B>>,
    count: usize,
}

impl<B: io::BufRead> Members<B> {
    fn into_inner(self) -> Option<B> {
        self.decoder.map(GzDecoder::into_inner)
    }
}

impl<B: io::BufRead> Read for Members<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let source = decoder.get_mut();
            if source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            if !source.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
                // Zeros may fill the last block of a tape: gzip(1) takes them, and Go's reader, which
                // container engines use, does not. They count as a member. Anything else is no gzip.
                self.count += 1;
                loop {
                    let rest = source.fill_buf()?;
                    if rest.iter().any(|byte| *byte != 0) {
                        let why = "something that is no gzip follows the gzip stream";
                        return Err(io::Error::other(why));
                    }
                    match rest.len() {
                        0 => return Ok(0),
                        length => source.consume(length),
                    }
                }
            }
            let source = self.decoder.take().map(GzDecoder::into_inner);
            self.decoder = source.map(GzDecoder::new);
            self.count += 1;
        }
    }
}
