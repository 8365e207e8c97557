//! Bundles opened up to be compared: a zip, or the folder that one was unpacked into.
//!
//! Both may be hostile. Of a zip no more is unpacked than Lambda would take, one file at a time and
//! onto the disk; nothing is written under a name that it gives.

use std::fs::{self, File};
use std::io::{self, BufReader, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::audit::UNPACKED_LIMIT;
use crate::bundle::{Member, ZipFile};
use crate::compare::{Difference, Item, Zipped};
use crate::digest::{HashingWriter, Sha256};
use crate::inspect::InspectError;

/// A bundle that is open.
pub struct Unpacked {
    path: PathBuf,
    source: Source,
    /// Its files, in order.
    pub items: Vec<Item>,
    /// What of it cannot be unpacked.
    pub damaged: Vec<Difference>,
}

enum Source {
    Zip(Box<ZipFile<BufReader<File>>>),
    /// By the place in `items`.
    Folder(Vec<PathBuf>),
    /// A zip that cannot be opened.
    Nothing,
}

fn read_error(path: &Path) -> impl Fn(io::Error) -> InspectError {
    move |source| InspectError::Read { path: path.to_path_buf(), source }
}

/// The digest of a file.
pub fn digest(path: &Path) -> Result<Sha256, InspectError> {
    let failed = read_error(path);
    hash(&mut open(path)?).map_err(failed)
}

/// Opens what is a regular file: another could keep the reader waiting for ever.
fn open(path: &Path) -> Result<File, InspectError> {
    let failed = read_error(path);
    if !fs::metadata(path).map_err(&failed)?.is_file() {
        return Err(InspectError::Special(path.to_path_buf()));
    }
    File::open(path).map_err(&failed)
}

fn hash(file: &mut File) -> io::Result<Sha256> {
    let mut hashing = HashingWriter::new(io::sink());
    io::copy(file, &mut hashing)?;
    Ok(hashing.finish().1)
}

impl Unpacked {
    /// Opens a zip or a folder, and reads all of its files once.
    ///
    /// # Errors
    ///
    /// If the disk fails, or the path is neither. A damaged zip is none: `damaged` then says so.
    pub fn open(path: &Path) -> Result<Self, InspectError> {
        if fs::metadata(path).map_err(read_error(path))?.is_dir() {
            return Self::folder(path);
        }
        let (path, file) = (path.to_path_buf(), open(path)?);
        let read =
            ZipFile::open(BufReader::new(file)).and_then(|mut zip| Ok((zip.members()?, zip)));
        let (members, mut zip) = match read {
            Ok(read) => read,
            Err(error) => {
                let damaged = vec![Difference::damaged(None, &error.to_string())];
                return Ok(Self { path, source: Source::Nothing, items: Vec::new(), damaged });
            }
        };
        let mut damaged = Vec::new();
        let mut room = UNPACKED_LIMIT;
        let mut items = Vec::new();
        for (index, member) in members.iter().enumerate() {
            let digest = match room.checked_sub(member.claimed) {
                Some(left) => {
                    room = left;
                    let mut hashing = HashingWriter::new(io::sink());
                    let extracted = zip.extract(index, &mut hashing);
                    extracted.map(|()| hashing.finish().1).map_err(|error| error.to_string())
                }
                None => Err("it unpacks to more than Lambda takes".to_owned()),
            };
            if let Err(why) = &digest {
                damaged.push(Difference::damaged(Some(&member.name), why));
            }
            items.push(item(member, digest.ok()));
        }
        Ok(Self { path, source: Source::Zip(Box::new(zip)), items, damaged })
    }

    fn folder(path: &Path) -> Result<Self, InspectError> {
        let (mut items, mut files) = (Vec::new(), Vec::new());
        for found in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let found = found.map_err(|error| {
                let at = error.path().unwrap_or(path).to_path_buf();
                let looped = || io::Error::other("a symbolic link leads back to a folder above it");
                read_error(&at)(error.into_io_error().unwrap_or_else(looped))
            })?;
            if found.file_type().is_dir() {
                continue;
            }
            let failed = read_error(found.path());
            let metadata = found.metadata().map_err(|error| failed(error.into()))?;
            let relative = found.path().strip_prefix(path).unwrap_or(found.path());
            items.push(Item {
                path: relative.to_string_lossy().into_owned(),
                mode: Some(metadata.permissions().mode() & 0o7777),
                symlink: false,
                length: metadata.len(),
                digest: Some(digest(found.path())?),
                zipped: None,
            });
            files.push(found.path().to_path_buf());
        }
        let source = Source::Folder(files);
        Ok(Self { path: path.to_path_buf(), source, items, damaged: Vec::new() })
    }

    /// The contents of a file, by its place in `items`: of a folder the file itself, of a zip one
    /// without a name that disappears with its handle.
    pub fn contents(&mut self, place: usize) -> Result<File, InspectError> {
        let member = self.items.get(place).map(|item| item.path.clone()).unwrap_or_default();
        let path = self.path.clone();
        match &mut self.source {
            Source::Folder(files) => {
                files.get(place).map_or(Err(InspectError::Special(path)), |file| open(file))
            }
            Source::Zip(zip) => {
                let mut unpack = || -> io::Result<File> {
                    let mut file = tempfile::tempfile()?;
                    zip.extract(place, &mut file).map_err(io::Error::other)?;
                    file.flush()?;
                    file.rewind()?;
                    Ok(file)
                };
                unpack().map_err(|source| InspectError::Unpack { path, member, source })
            }
            Source::Nothing => Err(InspectError::Special(path)),
        }
    }
}

fn item(member: &Member, digest: Option<Sha256>) -> Item {
    Item {
        path: member.name.clone(),
        mode: member.mode,
        symlink: member.symlink,
        length: member.claimed,
        digest,
        zipped: Some(Zipped {
            time: member.time,
            stored: member.stored,
            compressed: member.compressed,
        }),
    }
}
