//! A fresh folder to build in, with the sources of a commit or of the work tree in it.
//!
//! It lies where temporary files do (`TMPDIR`), is nobody else's to read, and goes away with its value.
//! If the process is killed, the next one that makes such a folder removes what was left: each has a
//! locked file in it for as long as it is in use.

mod checkout;
mod copy;

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::ProcessError;

pub use checkout::{GIT_VARIABLES, checkout, top_level};
pub use copy::{Copied, copy};

/// What its name begins with.
const PREFIX: &str = "cargo-lambda-pack-verify-";
/// The locked file.
const LOCK: &str = ".in-use";

/// Why there are no fresh sources.
#[derive(Debug, thiserror::Error)]
pub enum FreshError {
    /// A commit that the repository has not.
    #[error("{} has no commit {commit}", repository.display())]
    NoCommit {
        /// The repository.
        repository: PathBuf,
        /// The commit.
        commit: String,
    },
    /// A submodule that is not checked out: nothing says where its commit is to be had.
    #[error("the submodule {path} is not checked out in {}", repository.display())]
    Submodule {
        /// The repository.
        repository: PathBuf,
        /// Where the submodule belongs.
        path: String,
    },
    /// Git; its own words stand before ours.
    #[error("cannot check out {commit}")]
    Git {
        /// The commit.
        commit: String,
        /// How it failed.
        source: ProcessError,
    },
    /// The disk.
    #[error("cannot {action} {}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl FreshError {
    fn disk(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Disk { action, path: path.to_path_buf(), source }
    }

    /// Whether it is the disk that failed, not what was asked for.
    #[must_use]
    pub fn is_disk(&self) -> bool {
        matches!(self, Self::Disk { .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoCommit { .. } => Some("fetch it first (`git fetch origin <commit>`)"),
            Self::Submodule { .. } => Some("run `git submodule update --init --recursive`"),
            Self::Git { .. } | Self::Disk { .. } => None,
        }
    }
}

/// A fresh folder.
pub struct Fresh {
    folder: TempDir,
    /// Holds the lock.
    _lock: File,
}

impl Fresh {
    /// Makes one, and removes those that killed processes left.
    pub fn new() -> Result<Self, FreshError> {
        let temporary = env::temp_dir();
        clear(&temporary);
        let failed = FreshError::disk("make a folder in", &temporary);
        let folder = TempDir::with_prefix_in(PREFIX, &temporary).map_err(&failed)?;
        // Locked before it has its name: nobody takes the folder for one that was left.
        let new = folder.path().join(".new");
        let lock = File::create_new(&new).map_err(&failed)?;
        // Some file systems have no locks, and then none that are left can be told either.
        if lock.try_lock().is_ok() {
            fs::rename(&new, folder.path().join(LOCK)).map_err(&failed)?;
        }
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is; without symbolic links, as compilers say it.
    pub fn path(&self) -> Result<PathBuf, FreshError> {
        let path = self.folder.path();
        path.canonicalize().map_err(FreshError::disk("read", path))
    }

    /// Leaves it there.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        // Without the lock's file nobody takes it for one that was left.
        let _ = fs::remove_file(self.folder.path().join(LOCK));
        self.folder.keep()
    }
}

/// Removes the folders of processes that are no more. What cannot be removed stays.
fn clear(temporary: &Path) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let is_own = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == own);
        let lock = is_own.then(|| File::open(entry.path().join(LOCK)).ok()).flatten();
        if lock.is_some_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_uses_is_cleared_away() {
        let temporary = TempDir::new().unwrap();
        let folder = |name: &str, file: Option<&str>| {
            let path = temporary.path().join(name);
            fs::create_dir(&path).unwrap();
            file.map(|file| File::create_new(path.join(file)).unwrap())
        };
        folder("cargo-lambda-pack-verify-left", Some(LOCK));
        let used = folder("cargo-lambda-pack-verify-used", Some(LOCK)).unwrap();
        used.try_lock().unwrap();
        folder("cargo-lambda-pack-verify-kept", None);
        folder("cargo-lambda-pack-verify-new", Some(".new"));
        folder("another", Some(LOCK));
        clear(temporary.path());
        let names = fs::read_dir(temporary.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        let left = ["another", "kept", "new", "used"];
        assert!(names.iter().zip(left).all(|(name, end)| name.to_string_lossy().ends_with(end)));
        assert_eq!(names.len(), 4, "{names:?}");
    }

    #[test]
    fn it_goes_away_unless_it_is_kept() {
        let fresh = Fresh::new().unwrap();
        let path = fresh.path().unwrap();
        assert!(path.join(LOCK).is_file());
        drop(fresh);
        assert!(!path.exists());
        let kept = Fresh::new().unwrap().keep();
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);
        fs::remove_dir(kept).unwrap();
    }
}
