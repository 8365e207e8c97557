//! Blobs by their digests, in a folder of cargo's target folder: what was compressed once is not
//! compressed again, and what several images share lies there once.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::unpack::Watched;
use super::{BlobError, unread, unwritten};
use crate::digest::{HashingWriter, Sha256};
use crate::gzip;

/// Where blobs are, in the store as in a layout.
const FOLDER: &str = "blobs/sha256";

/// A layer that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The digest of the compressed bytes.
    pub digest: Sha256,
    /// How many they are.
    pub size: u64,
    /// The digest of the tar.
    pub diff_id: Sha256,
}

#[derive(Serialize, Deserialize)]
struct Note {
    digest: String,
    size: u64,
    diff_id: String,
}

/// The folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in this folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where a blob lies, or would.
    #[must_use]
    pub fn path(&self, digest: &Sha256) -> PathBuf {
        self.folder.join(FOLDER).join(digest.hex())
    }

    /// Whether a blob is there, as far as its length tells.
    #[must_use]
    pub fn has(&self, digest: &Sha256, size: u64) -> bool {
        fs::metadata(self.path(digest)).is_ok_and(|it| it.is_file() && it.len() == size)
    }

    fn note(&self, key: &Sha256) -> PathBuf {
        self.folder.join("layers").join(key.hex())
    }

    /// The layer that was made of what has this key, if it is still there.
    #[must_use]
    pub fn layer(&self, key: &Sha256) -> Option<Kept> {
        let text = fs::read(self.note(key)).ok()?;
        let note: Note = serde_json::from_slice(&text).ok()?;
        let kept = Kept {
            digest: note.digest.parse().ok()?,
            size: note.size,
            diff_id: note.diff_id.parse().ok()?,
        };
        self.has(&kept.digest, kept.size).then_some(kept)
    }

    /// The folder itself, which is laid out as that of a layout.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A manifest or an index, if it is there as it was.
    #[must_use]
    pub fn paper(&self, digest: &Sha256) -> Option<Vec<u8>> {
        let path = self.path(digest);
        fs::metadata(&path).ok().filter(|it| it.is_file() && it.len() <= super::MAX_PAPER)?;
        fs::read(path).ok().filter(|bytes| Sha256::of(bytes) == *digest)
    }

    /// A file beside the blobs, which disappears unless it is kept.
    pub fn spool(&self) -> Result<tempfile::NamedTempFile, BlobError> {
        let folder = self.folder.join(FOLDER);
        let made =
            fs::create_dir_all(&folder).and_then(|()| tempfile::NamedTempFile::new_in(&folder));
        made.map_err(unwritten(&folder))
    }

    /// Compresses a tar that `write` writes, and keeps it under its digest, and its papers under `key`.
    pub fn compress<E: From<BlobError>>(
        &self,
        key: Option<&Sha256>,
        level: u32,
        threads: usize,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Kept, E> {
        let file = self.spool()?;
        let failed = unwritten(&self.folder);
        let out = HashingWriter::new(BufWriter::new(file.as_file()));
        let encoder = gzip::Encoder::new(out, level, threads).map_err(&failed)?;
        let mut tar = HashingWriter::new(encoder);
        write(&mut tar)?;
        let (encoder, diff_id, _) = tar.finish();
        let (mut out, digest, size) = encoder.finish().map_err(&failed)?.finish();
        out.flush().map_err(&failed)?;
        drop(out);
        let kept = Kept { digest, size, diff_id };
        self.keep(file, &digest)?;
        if let Some(key) = key {
            let (digest, diff_id) = (digest.to_string(), diff_id.to_string());
            let note = serde_json::to_vec(&Note { digest, size, diff_id }).unwrap_or_default();
            // Without it, the layer is compressed again.
            let _ = crate::files::write_atomically(&self.note(key), &note);
        }
        Ok(kept)
    }

    /// Keeps a file as the blob of this digest, which nobody looks at again.
    pub fn keep(&self, file: tempfile::NamedTempFile, digest: &Sha256) -> Result<(), BlobError> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(digest);
        let readable = fs::Permissions::from_mode(0o644);
        let done = file
            .as_file()
            .set_permissions(readable)
            .and_then(|()| file.persist(&path).map(drop).map_err(|error| error.error));
        done.map_err(unwritten(&path))
    }

    /// Keeps bytes as they are; their digest.
    pub fn add(&self, bytes: &[u8]) -> Result<Sha256, BlobError> {
        let digest = Sha256::of(bytes);
        if !self.has(&digest, bytes.len() as u64) {
            let mut file = self.spool()?;
            file.write_all(bytes).map_err(unwritten(&self.folder))?;
            self.keep(file, &digest)?;
        }
        Ok(digest)
    }

    /// Keeps what is read, if it has this digest.
    pub fn take(&self, from: &mut dyn Read, digest: &Sha256, of: &Path) -> Result<(), BlobError> {
        let file = self.spool()?;
        let mut out = HashingWriter::new(BufWriter::new(file.as_file()));
        let mut from = Watched::new(from);
        io::copy(&mut from, &mut out).map_err(|error| {
            if from.failed() { unread(of)(error) } else { unwritten(&self.folder)(error) }
        })?;
        let (mut out, found, _) = out.finish();
        out.flush().map_err(unwritten(&self.folder))?;
        drop(out);
        if found != *digest {
            let other = io::Error::other(format!("its blob {digest} has other contents"));
            return Err(unread(of)(other));
        }
        self.keep(file, digest)
    }

    /// Puts a blob into a folder: as another name of the same file where that is possible.
    pub fn put(&self, digest: &Sha256, folder: &Path) -> Result<(), BlobError> {
        let (from, to) = (self.path(digest), folder.join(digest.hex()));
        if to.exists() {
            return Ok(());
        }
        let done = fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop));
        done.map_err(unwritten(&to))
    }

    /// Opens a blob.
    pub fn open(&self, digest: &Sha256) -> Result<File, BlobError> {
        let path = self.path(digest);
        File::open(&path).map_err(unread(&path))
    }
}
