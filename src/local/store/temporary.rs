//! The folder that ends with the server, and what servers that were killed have left of theirs.
//!
//! Each server holds the lock of a file in its folder for as long as it lives: whoever gets that lock
//! knows that nobody needs the folder any more, nor any process that was given a folder in it.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::{Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::{StoreError, disk};
use crate::local::environment::processes;

const PREFIX: &str = "lambda-pack-";
const LOCK: &str = "lock";

/// The folder of a server.
pub(super) struct Temporary {
    folder: TempDir,
    /// Held until the folder is gone; none where a file system has no locks.
    _lock: Option<File>,
}

impl Temporary {
    /// A new one in a folder, which is made if it is not there.
    pub(super) fn new(parent: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(parent).map_err(disk(parent))?;
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(disk(parent))?;
        let lock = lock(folder.path());
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The file gets its name once it is locked: under that name nobody finds it without.
fn lock(folder: &Path) -> Option<File> {
    let new = folder.join(".lock");
    let file = File::options().write(true).create_new(true).mode(0o600).open(&new).ok()?;
    file.try_lock().ok()?;
    fs::rename(new, folder.join(LOCK)).ok()?;
    Some(file)
}

/// Removes the folders of servers that are dead, and ends what those have left running. What is another
/// user's, or has no lock of ours in it, is left alone. `scratch`: where else they may be.
pub(in crate::local) fn clear_dead(scratch: Option<&Path>) {
    let system = std::env::temp_dir();
    let parents = std::iter::once(system.as_path()).chain(scratch);
    let items = parents.flat_map(|parent| fs::read_dir(parent).into_iter().flatten().flatten());
    let ours = items.filter(|item| item.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in ours.map(|item| item.path()) {
        if let Some(lock) = of_dead(&folder) {
            end(&folder);
            // What cannot be removed is another time's.
            let _ = fs::remove_dir_all(&folder);
            drop(lock);
        }
    }
}

/// The lock of a folder, if its server is dead.
fn of_dead(folder: &Path) -> Option<File> {
    let is_ours =
        |path: &Path| fs::symlink_metadata(path).ok().filter(|it| it.uid() == geteuid().as_raw());
    is_ours(folder).filter(fs::Metadata::is_dir)?;
    let path: PathBuf = folder.join(LOCK);
    is_ours(&path).filter(fs::Metadata::is_file)?;
    let file = File::open(path).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Kills the processes of the folder: each environment has a folder of its own in it, as its `TMPDIR` or as
/// the place of its room.
fn end(folder: &Path) {
    let marker = format!("TMPDIR={}/", folder.display());
    let started = processes::with(|process| {
        processes::variables(process).any(|variable| variable.starts_with(marker.as_bytes()))
            || processes::is_in_room(process, folder)
    });
    for pid in started {
        let _ = kill_process(pid, Signal::KILL);
    }
}
