//! Stamps of files, and their digests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::digest::{HashingWriter, Sha256};
use crate::stamps::{Disk, Input, Seen, Stamp};

/// As often it is asked whether a file has settled; a clock may be wrong.
const SETTLING: usize = 6;

/// What a file looks like; none if there is no regular file.
#[must_use]
pub fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| of(&metadata))
}

/// What a file or folder looks like; none if there is nothing.
#[must_use]
pub fn stamp_of_any(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|metadata| of(&metadata))
}

fn of(metadata: &fs::Metadata) -> Stamp {
    let nanos = |nanos: i64| u32::try_from(nanos).unwrap_or_default();
    Stamp {
        size: metadata.len(),
        inode: metadata.ino(),
        mode: metadata.mode(),
        modified: (metadata.mtime(), nanos(metadata.mtime_nsec())),
        changed: (metadata.ctime(), nanos(metadata.ctime_nsec())),
    }
}

/// The digest of a file's contents.
#[must_use]
pub fn digest(path: &Path) -> Option<Sha256> {
    let mut hasher = HashingWriter::new(io::sink());
    io::copy(&mut File::open(path).ok()?, &mut hasher).ok()?;
    Some(hasher.finish().1)
}

/// Waits until a later write to a file would change its stamp: a few milliseconds, if it was written
/// just now. Does not wait for file systems that know seconds only.
pub fn settle(path: &Path) {
    for _ in 0..SETTLING {
        match stamp(path) {
            Some(stamp) if stamp.modified.1 != 0 && !stamp.is_settled(now()) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            _ => return,
        }
    }
}

/// The disk as it is now.
#[must_use]
pub fn disk() -> Disk<'static> {
    Disk { look: &stamp, digest: &digest, now: now() }
}

#[expect(clippy::disallowed_methods, reason = "whether a stamp is to be trusted, no more")]
fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or_default()
}

/// Files that are about to be read.
#[derive(Debug, Default)]
pub struct Watched(BTreeMap<PathBuf, Option<Seen>>);

impl Watched {
    /// Takes the stamp of one of them, or that nothing is there.
    pub fn add(&mut self, path: &Path) {
        if !self.0.contains_key(path) {
            self.0.insert(path.to_path_buf(), seen(path, None));
        }
    }

    /// What they were while they were read, with the digests of those that were read to their end;
    /// none if one of them has changed meanwhile.
    pub fn finish(self, digest: impl Fn(&Path) -> Option<Sha256>) -> Option<Vec<Input>> {
        let unchanged =
            |(path, seen): (&PathBuf, &Option<Seen>)| stamp(path) == seen.as_ref().map(|s| s.stamp);
        let input = |(path, seen): (PathBuf, Option<Seen>)| {
            let digest = || digest(&path).map(|digest| digest.hex());
            let seen = seen.map(|seen| Seen { digest: digest(), ..seen });
            Input { path, seen }
        };
        self.0.iter().all(unchanged).then(|| self.0.into_iter().map(input).collect())
    }
}

/// A file that was just written, for the place that it will be in.
#[must_use]
pub fn written(file: &Path, place: PathBuf, digest: Sha256) -> Input {
    Input { seen: seen(file, Some(digest)), path: place }
}

/// A copy of a file whose digest is known.
#[must_use]
pub fn copied(place: &Path, digest: Option<String>) -> Option<Input> {
    let seen = Seen { digest, ..seen(place, None)? };
    Some(Input { path: place.to_path_buf(), seen: Some(seen) })
}

fn seen(path: &Path, digest: Option<Sha256>) -> Option<Seen> {
    let now = now();
    let digest = digest.map(|digest| digest.hex());
    stamp(path).map(|stamp| Seen { stamp, settled: stamp.is_settled(now), digest })
}
