//! The disk: trees from folders, files written whole or not at all, folders exchanged at once.

mod held;
mod include;
mod stamp;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

pub use held::{hold, remove_left};
pub use include::{IncludeError, Roots, include};
pub use stamp::{Watched, copied, digest, disk, settle, stamp, stamp_of_any, written};

use crate::bundle::Record;
use crate::tree::{Entry, Source};

/// A file or folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    fn at(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self { action, path: path.to_path_buf(), source }
    }
}

/// Opens the source of an archive entry.
pub fn open(entry: &Entry) -> io::Result<Box<dyn Read>> {
    Ok(match &entry.source {
        Source::File(path) => Box::new(File::open(path)?),
        Source::Bytes(bytes) => Box::new(io::Cursor::new(bytes.clone())),
    })
}

/// Whether a folder may be exchanged for a new one: it is not there, empty, or has the record of an
/// earlier one, a file of this name.
#[must_use]
pub fn is_ours(folder: &Path, record: &str) -> bool {
    match fs::read_dir(folder) {
        Ok(mut items) => items.next().is_none() || folder.join(record).is_file(),
        Err(_) => !folder.exists(),
    }
}

/// Whether a folder holds nothing but files of these names, and no links to files elsewhere.
#[must_use]
pub fn holds_only(folder: &Path, names: &[&OsStr]) -> bool {
    let Ok(mut items) = fs::read_dir(folder) else { return false };
    let is_file = |item: &fs::DirEntry| item.file_type().is_ok_and(|kind| kind.is_file());
    items.all(|item| {
        item.is_ok_and(|item| is_file(&item) && names.contains(&item.file_name().as_os_str()))
    })
}

/// Opens a file for reading.
pub fn open_file(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(FileError::at("read", path))
}

/// That a file could not be read to its end.
#[must_use]
pub fn unread(path: &Path, source: io::Error) -> FileError {
    FileError::at("read", path)(source)
}

/// That a file could not be written.
#[must_use]
pub fn unwritten(path: &Path, source: io::Error) -> FileError {
    FileError::at("write", path)(source)
}

/// The length of an open file, in bytes.
pub fn length(file: &File, path: &Path) -> Result<u64, FileError> {
    file.metadata().map(|metadata| metadata.len()).map_err(FileError::at("read", path))
}

/// Reads a whole file.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(FileError::at("read", path))
}

/// Reads a part of a file.
pub fn read_part(path: &Path, at: u64, length: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let mut file = open_file(path)?;
    let read = file.seek(io::SeekFrom::Start(at));
    let read = read.and_then(|_| file.take(length).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(FileError::at("read", path))
}

/// Adds to the end of a file, which is made if it is not there.
pub fn append(path: &Path, text: &str) -> Result<(), FileError> {
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(FileError::at("write", path))
}

/// Reads a small text file.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(FileError::at("read", path))
}

/// The largest settings file, in bytes: far more than anyone writes, far less than memory.
const MAX_SETTINGS: u64 = 16 << 20;

/// Reads a file of settings; none if nothing has that name. What is there and is no regular file of
/// UTF-8 text, or a link that leads nowhere, is an error.
pub fn read_settings(path: &Path) -> io::Result<Option<String>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.len() > MAX_SETTINGS {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    fs::read_to_string(path).map(Some)
}

/// The path without links and `..`; of what is not there, that of the nearest folder above.
#[must_use]
pub fn real(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|above| {
        let real = fs::canonicalize(above).ok()?;
        let rest = path.strip_prefix(above).ok()?;
        // An empty rest would end the path with a slash.
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    })
}

/// Makes a folder and those above it.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::at("make the folder", path))
}

/// Writes a file whole or not at all: what was there stays until the new one is complete.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_as(path, bytes, 0o644)
}

/// The same for a file that nobody else may read.
pub fn write_privately(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_as(path, bytes, 0o600)
}

/// Writes a file anew that may be there, whole or not at all: where a link leads, with the mode that it has, and
/// as its owner's where we may give it to them.
pub fn rewrite(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let Ok(before) = fs::metadata(path) else { return write_atomically(path, bytes) };
    let failed = FileError::at("write", path);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(&failed)?;
    file.write_all(bytes).map_err(&failed)?;
    // Whoever is neither root nor its owner becomes its owner.
    let _ = fchown(file.as_file(), Some(before.uid()), Some(before.gid()));
    publish(file, path, before.mode() & 0o7777).map_err(&failed)
}

fn write_as(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let failed = FileError::at("write", path);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(&failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(&failed)?;
    file.write_all(bytes).map_err(&failed)?;
    publish(file, path, mode).map_err(&failed)
}

/// What marks a folder as one that backups pass over (Cache Directory Tagging Specification).
const CACHE_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n\
    # This file is a cache directory tag created by cargo.\n\
    # For information about cache directory tags see https://bford.info/cachedir/\n";

/// Writes a file into cargo's target folder, whole or not at all. A folder that is not there yet is
/// made as cargo makes it, which it would not do any more.
pub fn write_into_target(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        write_atomically(&folder.join("CACHEDIR.TAG"), CACHE_TAG)?;
    }
    write_atomically(path, bytes)
}

/// Copies a file, whole or not at all.
pub fn copy_atomically(from: &Path, to: &Path, mode: u32) -> Result<(), FileError> {
    let failed = FileError::at("write", to);
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(&failed)?;
    let file = tempfile::NamedTempFile::new_in(folder).map_err(&failed)?;
    let mut source = open_file(from)?;
    io::copy(&mut source, &mut file.as_file()).map_err(&failed)?;
    publish(file, to, mode).map_err(&failed)
}

fn publish(file: tempfile::NamedTempFile, path: &Path, mode: u32) -> io::Result<()> {
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// An unnamed file that disappears with its last handle.
pub fn spool(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}

/// A folder that is filled beside its place and then put there at once.
///
/// While it lives nobody else stages the same place (an advisory lock on the folder above). If the
/// process ends before `publish`, the next staging of that place removes what was left.
pub struct Staging {
    place: PathBuf,
    folder: PathBuf,
    /// Holds the lock.
    _parent: File,
}

/// What a staging folder is called: hidden, and not the name of an architecture.
const STAGING: &str = ".staging-";

impl Staging {
    /// Starts to fill a new folder for `place`. While another process does, says so and waits.
    pub fn new(place: &Path, waiting: impl FnOnce()) -> Result<Self, FileError> {
        let failed = FileError::at("write", place);
        let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        };
        create_folder(parent)?;
        let handle = File::open(parent).map_err(&failed)?;
        // Some file systems have no locks; then two at once are the user's to avoid.
        if matches!(handle.try_lock(), Err(TryLockError::WouldBlock)) {
            waiting();
            let _ = handle.lock();
        }
        let folder = parent.join(format!("{STAGING}{}", name.to_string_lossy()));
        remove_folder(&folder)?;
        fs::create_dir(&folder).map_err(&failed)?;
        Ok(Self { place: place.to_path_buf(), folder, _parent: handle })
    }

    /// The folder to fill.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates a file in it.
    pub fn create(&self, name: &str) -> Result<File, FileError> {
        let path = self.folder.join(name);
        File::create_new(&path).map_err(FileError::at("write", &path))
    }

    /// Creates a file in it with these contents.
    pub fn create_with(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let mut file = self.create(name)?;
        file.write_all(bytes).map_err(FileError::at("write", &self.folder.join(name)))
    }

    /// Copies an executable into it and returns its path there.
    pub fn copy_executable(&self, from: &Path, name: &str) -> Result<PathBuf, FileError> {
        let to = self.folder.join(name);
        fs::copy(from, &to)
            .and_then(|_| fs::set_permissions(&to, fs::Permissions::from_mode(0o755)))
            .map_err(FileError::at("write", &to))?;
        Ok(to)
    }

    /// Puts the folder in its place, in one step where the file system can; `last` is the file that
    /// is put there last where it cannot.
    pub fn publish(self, last: &str) -> Result<(), FileError> {
        let failed = FileError::at("write", &self.place);
        if !self.place.exists() && fs::rename(&self.folder, &self.place).is_ok() {
            return Ok(());
        }
        match exchange(&self.folder, &self.place) {
            Ok(()) => {}
            // Network and overlay file systems cannot exchange folders; every one can replace files.
            Err(_) => replace(&self.folder, &self.place, last).map_err(&failed)?,
        }
        remove_folder(&self.folder)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `publish` there is nothing left; after a failure, nothing of value.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Exchanges two folders in one step (renameat2, `RENAME_EXCHANGE`).
fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE)?)
}

/// Puts the files of one folder over those of another, each whole, and removes what else was there.
fn replace(new: &Path, old: &Path, last: &str) -> io::Result<()> {
    let names = |folder: &Path| -> io::Result<BTreeSet<OsString>> {
        fs::read_dir(folder)?.map(|item| item.map(|item| item.file_name())).collect()
    };
    fs::create_dir_all(old)?;
    let (ours, theirs) = (names(new)?, names(old)?);
    let (ends, others): (Vec<_>, Vec<_>) = ours.iter().partition(|name| *name == last);
    for name in others.into_iter().chain(ends) {
        let (from, to) = (new.join(name), old.join(name));
        if to.is_dir() && !to.is_symlink() {
            fs::remove_dir_all(&to)?;
        }
        fs::rename(from, to)?;
    }
    for name in theirs.difference(&ours) {
        let path = old.join(name);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn remove_folder(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::at("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The records (`lambda-pack.json`) two folders below `base`, sorted by path.
pub fn records(base: &Path) -> Result<Vec<PathBuf>, FileError> {
    let failed = FileError::at("read", base);
    let mut found = Vec::new();
    for function in fs::read_dir(base).map_err(&failed)? {
        let Ok(architectures) = fs::read_dir(function.map_err(&failed)?.path()) else { continue };
        for architecture in architectures {
            let record = architecture.map_err(&failed)?.path().join(Record::FILE);
            let staged = record
                .components()
                .any(|part| part.as_os_str().to_string_lossy().starts_with(STAGING));
            if record.is_file() && !staged {
                found.push(record);
            }
        }
    }
    found.sort();
    Ok(found)
}
