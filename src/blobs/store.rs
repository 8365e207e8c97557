//! Blobs by their digests, in a folder of cargo's target folder: what was compressed once is not
//! compressed again, and what several images share lies there once.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::unpack::Watched;
use super::{BlobError, unread, unwritten};
use crate::digest::{HashingWriter, Sha256};
use crate::files;
use crate::gzip;

/// Where blobs are, in the store as in a layout.
const FOLDER: &str = "blobs/sha256";

/// The time of every blob: one that was written to since has another.
const KEPT: SystemTime = SystemTime::UNIX_EPOCH;
/// How the names of files begin that are being written: whoever writes them holds them.
const HALF: &str = ".tmp";
/// For how long a blob stays that no image has.
const UNUSED: Duration = Duration::from_hours(30 * 24);

/// Whether a blob is as it was kept, as far as its length and its time tell.
#[must_use]
pub fn is_as_kept(metadata: &fs::Metadata, size: u64) -> bool {
    let unwritten = metadata.modified().is_ok_and(|time| time == KEPT);
    metadata.is_file() && metadata.len() == size && unwritten
}

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

    /// Whether a blob is there: by its length and its time. One that somebody has written to is read, and
    /// gone if it is another.
    #[must_use]
    pub fn has(&self, digest: &Sha256, size: u64) -> bool {
        let path = self.path(digest);
        if fs::metadata(&path).is_ok_and(|it| is_as_kept(&it, size)) {
            return true;
        }
        let Ok(file) = File::options().read(true).write(true).open(&path) else { return false };
        let mut hash = HashingWriter::new(io::sink());
        let read = io::copy(&mut &file, &mut hash);
        let (_, found, length) = hash.finish();
        let is_it = read.is_ok() && found == *digest && length == size;
        // What cannot be marked is read again the next time; what cannot be removed is replaced.
        let _ = if is_it { file.set_modified(KEPT) } else { fs::remove_file(&path) };
        is_it
    }

    /// Removes what nobody needs: what runs that were killed left half written, and blobs that no image has
    /// had for a month. Whatever cannot be removed stays.
    pub fn tidy(&self) {
        let items = fs::read_dir(self.folder.join(FOLDER)).into_iter().flatten().flatten();
        #[expect(clippy::disallowed_methods, reason = "files age by the clock")]
        let now = SystemTime::now();
        for item in items {
            if item.file_name().to_string_lossy().starts_with(HALF) {
                files::remove_left(&item.path());
                continue;
            }
            let Ok(it) = item.metadata() else { continue };
            // Another name of it, in an image, or taking that away, changes the inode.
            let since = u64::try_from(it.ctime()).unwrap_or_default();
            let age = now.duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(since));
            let age = age.unwrap_or_default();
            if it.nlink() == 1 && age > UNUSED {
                let _ = fs::remove_file(item.path());
            }
        }
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
        fs::create_dir_all(&folder).map_err(unwritten(&folder))?;
        loop {
            let made = tempfile::Builder::new().prefix(HALF).tempfile_in(&folder);
            let made = made.map_err(unwritten(&folder))?;
            if files::hold(made.as_file(), made.path()) {
                return Ok(made);
            }
        }
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
            .and_then(|()| file.as_file().set_modified(KEPT))
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
        let copy = |_| {
            fs::copy(&from, &to)?;
            File::options().write(true).open(&to)?.set_modified(KEPT)
        };
        let done = fs::hard_link(&from, &to).or_else(copy);
        done.map_err(unwritten(&to))
    }

    /// Opens a blob.
    pub fn open(&self, digest: &Sha256) -> Result<File, BlobError> {
        let path = self.path(digest);
        File::open(&path).map_err(unread(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_to_is_seen_and_what_is_used_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("store"));
        let digest = store.add(b"one").unwrap();
        assert!(store.has(&digest, 3) && !store.has(&digest, 4));
        let digest = store.add(b"two").unwrap();
        // In place, and of the same length.
        let path = store.path(&digest);
        File::options().write(true).open(&path).unwrap().write_all(b"too").unwrap();
        assert!(!store.has(&digest, 3) && !path.exists());
        // Only touched.
        let digest = store.add(b"two").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + UNUSED).unwrap();
        assert!(store.has(&digest, 3));
        assert!(is_as_kept(&fs::metadata(&path).unwrap(), 3));
        // What is being written, and what a run left that was killed.
        let (half, left) = (store.spool().unwrap(), store.path(&digest).with_file_name(".tmpleft"));
        File::create(&left).unwrap();
        store.tidy();
        assert!(store.has(&digest, 3));
        assert!(half.path().exists() && !left.exists());
    }
}
