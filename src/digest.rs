//! SHA-256, the digest of everything: hexadecimal for people and OCI, base64 for `CodeSha256`.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use base64::Engine as _;
use sha2::Digest as _;

/// A SHA-256 digest (FIPS 180-4), 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of bytes in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The first 16 of the digits of [`Self::hex`]: enough to tell names of files apart.
    #[must_use]
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(16);
        hex
    }

    /// 64 lower-case hexadecimal digits, as OCI writes digests.
    #[must_use]
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Standard base64 with padding, 44 characters: AWS's `CodeSha256`.
    #[must_use]
    pub fn base64(&self) -> String {
        base64::engine::general_purpose::STANDARD.encode(self.0)
    }
}

/// A text that is no digest of SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no digest: `sha256:` and 64 hexadecimal digits in lower case")]
pub struct NotSha256;

impl FromStr for Sha256 {
    type Err = NotSha256;

    /// `sha256:` and 64 lower-case hexadecimal digits (OCI image specification, "Digests"), as it is
    /// displayed.
    fn from_str(text: &str) -> Result<Self, NotSha256> {
        let hex = text.strip_prefix("sha256:").ok_or(NotSha256)?.as_bytes();
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NotSha256),
        };
        let (pairs, []) = hex.as_chunks::<2>() else { return Err(NotSha256) };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return Err(NotSha256);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

/// A writer that hashes and counts what passes through it.
///
/// Guarantees that the digest is of exactly the bytes which the inner writer accepted.
pub struct HashingWriter<W> {
    inner: W,
    hasher: sha2::Sha256,
    length: u64,
}

impl<W: Write> HashingWriter<W> {
    /// Starts with nothing hashed.
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: sha2::Sha256::new(), length: 0 }
    }

    /// The inner writer, the digest, and the number of bytes.
    pub fn finish(self) -> (W, Sha256, u64) {
        (self.inner, Sha256(self.hasher.finalize().into()), self.length)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let accepted = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..accepted]);
        self.length += accepted as u64;
        Ok(accepted)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // FIPS 180-4, the one-block example message "abc".
        let abc = Sha256::of(b"abc");
        assert_eq!(abc.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(abc.base64(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }

    #[test]
    fn what_is_displayed_is_read() {
        let text = Sha256::of(b"abc").to_string();
        assert_eq!(text.parse(), Ok(Sha256::of(b"abc")));
        let upper = text.replace('b', "B");
        for wrong in ["", "sha256:", &text[7..], &text[..70], &format!("{text}0"), &upper] {
            assert_eq!(wrong.parse::<Sha256>(), Err(NotSha256), "{wrong}");
        }
    }

    #[test]
    fn hashes_what_was_accepted() {
        let mut writer = HashingWriter::new(Vec::new());
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        let (bytes, digest, length) = writer.finish();
        assert_eq!((bytes.as_slice(), digest, length), (&b"abc"[..], Sha256::of(b"abc"), 3));
    }
}
