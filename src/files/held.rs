//! What a process is at work in: by a lock, which ends with it however it ends.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// So old is what was left where nothing can be locked.
const OLD: Duration = Duration::from_hours(24);

/// Holds a new file or folder as long as `file` is open. Not if another has just removed it, as one that
/// nobody holds.
#[must_use]
pub fn hold(file: &File, path: &Path) -> bool {
    // Where nothing can be locked, its age tells.
    let _ = file.lock();
    let (Ok(held), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

/// Removes a file or folder of a process that has ended. What cannot be removed stays.
pub fn remove_left(path: &Path) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    if !metadata.is_file() && !metadata.is_dir() {
        return;
    }
    let Ok(file) = File::open(path) else { return };
    #[expect(clippy::disallowed_methods, reason = "what was left ages by the clock")]
    let now = SystemTime::now();
    let age = metadata.modified().ok().and_then(|time| now.duration_since(time).ok());
    let left = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => age.is_some_and(|age| age > OLD),
    };
    if left {
        let _ = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_stays() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["held", "left", "folder"] {
            let path = folder.path().join(name);
            let file = if name == "folder" {
                fs::create_dir(&path).unwrap();
                File::open(&path).unwrap()
            } else {
                File::create(&path).unwrap()
            };
            assert!(name == "left" || hold(&file, &path));
            remove_left(&path);
            assert_eq!(path.exists(), name != "left");
            drop(file);
            remove_left(&path);
            assert!(!path.exists());
        }
        let path = folder.path().join("gone");
        let file = File::create(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!hold(&file, &path));
    }
}
