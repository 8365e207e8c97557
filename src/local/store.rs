//! Uploaded code, and the folder that keeps the account.
//!
//! Code is stored under its digest, and unpacked once, no more of it than Lambda takes. A record is a file
//! that is replaced as a whole before the call that changed it is answered. Nobody else may read any of
//! it: there are secrets in environment variables and in code.

mod collect;
mod images;
mod kept;
mod laid;
mod temporary;
mod unpack;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::direct::Base;
use crate::account::{Account, ApiError, Code, Key};
use crate::audit::ZIP_LIMIT;
use crate::digest::Sha256;
use crate::files;
use collect::Held;
use temporary::Temporary;
use unpack::{claimed, unpack};

pub(super) use collect::Hold;
pub(super) use temporary::clear_dead;

/// Where code and records are.
pub(super) struct Store {
    root: PathBuf,
    /// Records are kept only where the user has named a folder.
    keeps: bool,
    /// Held by one server at a time.
    _lock: Option<File>,
    /// Ends with the server.
    temporary: Temporary,
    /// The same for code, on another disk.
    _scratch: Option<Temporary>,
    /// What is not collected although the account does not name it.
    held: Mutex<Held>,
    /// What functions are put on that are to be images, by their names.
    bases: Mutex<BTreeMap<String, Base>>,
    /// The images of functions.
    images: images::Known,
}

/// Code that was taken in.
pub(super) struct Taken {
    /// What it is.
    pub(super) code: Code,
    /// It stays until the account has it; none for an image, which is not here.
    pub(super) hold: Option<Hold>,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk.
    #[error("cannot use {path}")]
    Disk {
        /// The folder or file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Two servers would undo each other's work.
    #[error("{0} is in use by another server")]
    InUse(String),
    /// Not ours, or of another version.
    #[error("cannot understand {path}")]
    Record {
        /// The file.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
}

fn disk(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Disk { path: path.display().to_string(), source }
}

impl Store {
    /// Opens the folder, or a temporary one; that is in `scratch`, if there is one.
    pub(super) fn open(data: Option<&Path>, scratch: Option<&Path>) -> Result<Self, StoreError> {
        let temporary = Temporary::new(&std::env::temp_dir())?;
        let scratch = scratch.map(Temporary::new).transpose()?;
        let own = scratch.as_ref().unwrap_or(&temporary).path();
        let root = data.unwrap_or(own).to_path_buf();
        new_folder(&root)?;
        for folder in ["code", "unpacked", "records", "events"].map(|name| root.join(name)) {
            new_folder(&folder)?;
            // One that an earlier version has made.
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
                .map_err(disk(&folder))?;
        }
        let lock = data.map(|_| lock(&root)).transpose()?;
        let held = Mutex::default();
        let keeps = data.is_some();
        let bases = Mutex::default();
        let store = Self {
            root,
            keeps,
            _lock: lock,
            temporary,
            _scratch: scratch,
            held,
            bases,
            images: images::Known::default(),
        };
        store.clear()?;
        Ok(store)
    }

    /// Removes what a server that was killed left half done: folders that were being unpacked or removed,
    /// and files that were being written ([`files::write_atomically`]).
    fn clear(&self) -> Result<(), StoreError> {
        for (folder, start) in
            [("unpacked", "."), ("code", ".tmp"), ("records", ".tmp"), ("events", ".tmp")]
        {
            let folder = self.root.join(folder);
            for item in fs::read_dir(&folder).map_err(disk(&folder))?.flatten() {
                let path = item.path();
                let kind = item.file_type().map_err(disk(&path))?;
                let removed = match item.file_name().to_string_lossy().starts_with(start) {
                    true if kind.is_dir() && start == "." => fs::remove_dir_all(&path),
                    true if kind.is_file() && start != "." => fs::remove_file(&path),
                    _ => Ok(()),
                };
                removed.map_err(disk(&path))?;
            }
        }
        Ok(())
    }

    /// A folder that is gone when the server ends.
    pub(super) fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// Puts every record of the folder into the account.
    pub(super) fn restore(&self, account: &mut Account) -> Result<(), StoreError> {
        if !self.keeps {
            return Ok(());
        }
        let folder = self.root.join("records");
        for item in fs::read_dir(&folder).map_err(disk(&folder))? {
            let path = item.map_err(disk(&folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(key) = name.strip_suffix(".json").and_then(key) else { continue };
            let text = fs::read(&path).map_err(disk(&path))?;
            let failed = |source| StoreError::Record { path: path.display().to_string(), source };
            let record = serde_json::from_slice(&text).map_err(failed)?;
            account.restore(key, record).map_err(failed)?;
        }
        Ok(())
    }

    /// Writes what has changed since this was last done. What cannot be written is in the account as it
    /// was before, which is what another server would find.
    pub(super) fn save(&self, account: &mut Account) -> Result<(), StoreError> {
        let mut changes = account.take_changes();
        while let Some(key) = changes.pop_first() {
            if self.keeps
                && let Err(error) = self.save_one(account, &key)
            {
                changes.insert(key);
                self.undo(account, changes);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes records back as they were saved. What cannot be read either stays to be saved.
    fn undo(&self, account: &mut Account, changes: BTreeSet<Key>) {
        for key in changes {
            let undone = match self.kept(&format!("records/{}", file_name(&key))) {
                Ok(Some(record)) => account.restore(key.clone(), record).is_ok(),
                Ok(None) => {
                    account.forget(&key);
                    true
                }
                Err(_) => false,
            };
            if !undone {
                account.put_back(BTreeSet::from([key]));
            }
        }
    }

    fn save_one(&self, account: &Account, key: &Key) -> Result<(), StoreError> {
        let path = self.root.join("records").join(file_name(key));
        let Some(record) = account.record(key) else {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk(&path)(error)),
                _ => Ok(()),
            };
        };
        let failed = |source| StoreError::Record { path: path.display().to_string(), source };
        let text = serde_json::to_vec(&record).map_err(failed)?;
        write(&path, &text)
    }

    /// Where the zip of a digest (base64) is.
    pub(super) fn zip(&self, sha256: &str) -> PathBuf {
        self.root.join("code").join(format!("{}.zip", plain(sha256)))
    }

    /// Takes a zip in.
    pub(super) fn take(&self, zip: &[u8]) -> Result<Taken, ApiError> {
        if zip.len() as u64 > ZIP_LIMIT {
            return Err(ApiError::zip_too_large());
        }
        self.take_any(zip)
    }

    /// The same for one of any length, as it may come from S3.
    pub(super) fn take_any(&self, zip: &[u8]) -> Result<Taken, ApiError> {
        let unzipped = claimed(zip)?;
        let sha256 = Sha256::of(zip).base64();
        let hold = Some(self.hold(&sha256));
        let path = self.zip(&sha256);
        if !path.is_file() {
            write(&path, zip).map_err(|error| ApiError::service(error.to_string()))?;
        }
        Ok(Taken { code: Code::Zip { sha256, size: zip.len() as u64, unzipped }, hold })
    }

    /// The folder that holds the files of a zip.
    pub(super) fn unpacked(&self, sha256: &str) -> io::Result<PathBuf> {
        self.unpacked_together(&[sha256])
    }

    /// The folder that holds the files of several zips, later ones over earlier ones.
    pub(super) fn unpacked_together(&self, all: &[&str]) -> io::Result<PathBuf> {
        let parent = self.root.join("unpacked");
        let place = parent.join(together(all));
        if place.is_dir() {
            return Ok(place);
        }
        let building = tempfile::Builder::new().prefix(".").tempdir_in(&parent)?;
        for sha256 in all {
            let file = File::open(self.zip(sha256))?;
            unpack(BufReader::new(file), building.path())?;
        }
        fs::set_permissions(building.path(), fs::Permissions::from_mode(0o755))?;
        match fs::rename(building.path(), &place) {
            // Another was faster.
            Err(_) if place.is_dir() => {}
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        Ok(place)
    }
}

/// The name of what several zips are unpacked as, later ones over earlier ones.
fn together(all: &[&str]) -> String {
    match all {
        [one] => plain(one),
        several => Sha256::of(several.join("\n").as_bytes()).hex(),
    }
}

/// Base64 as a file name.
fn plain(sha256: &str) -> String {
    sha256.trim_end_matches('=').replace('/', "_").replace('+', "-")
}

/// Writes a file that nobody else may read.
fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    files::write_privately(path, bytes).map_err(|error| disk(path)(io::Error::other(error)))
}

/// Makes a folder that nobody else may enter, unless it is there.
fn new_folder(path: &Path) -> Result<(), StoreError> {
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(disk(path))?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if !path.is_dir() => Err(disk(path)(error)),
        _ => Ok(()),
    }
}

fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(disk(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::InUse(root.display().to_string())),
        Err(fs::TryLockError::Error(error)) => Err(disk(&path)(error)),
    }
}

/// `function:orders.json`; what could be no part of a name is written as its number.
fn file_name(key: &Key) -> String {
    let (kind, name) = match key {
        Key::Function(name) => ("function", name),
        Key::Layer(name) => ("layer", name),
        Key::Mapping(name) => ("mapping", name),
        Key::Signing(name) => ("signing", name),
    };
    format!("{kind}:{name}.json")
}

fn key(name: &str) -> Option<Key> {
    let (kind, name) = name.split_once(':')?;
    let name = name.to_owned();
    Some(match kind {
        "function" => Key::Function(name),
        "layer" => Key::Layer(name),
        "mapping" => Key::Mapping(name),
        "signing" => Key::Signing(name),
        _ => return None,
    })
}
