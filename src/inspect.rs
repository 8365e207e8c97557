//! Looks at the files of a bundle, a folder, a zip or a single program, for the audit to judge.
//!
//! Every file is looked at, by its first bytes; of ELF files the tables are read. The members of a
//! zip are unpacked as far as they claim to go, so that a damaged one is found.

mod pair;
mod zip;

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

pub use pair::{Pair, pair};
use walkdir::WalkDir;

use crate::audit::{Content, Finding, Inspected};
use crate::bundle::Record;
use crate::elf::{self, ElfError};
use crate::function::Role;
use crate::layer::record::LayerRecord;
use crate::tree::{Source, Tree};

/// Something that cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A socket, device or pipe.
    #[error("{} is neither a file nor a folder", .0.display())]
    Special(PathBuf),
    /// No room to unpack a program of a zip.
    #[error("cannot unpack {member} of {} into a temporary file", path.display())]
    Unpack {
        /// The zip.
        path: PathBuf,
        /// Its member.
        member: String,
        /// Why.
        source: io::Error,
    },
}

impl InspectError {
    /// Whether it is the disk that failed, not what was given.
    #[must_use]
    pub fn is_disk(&self) -> bool {
        matches!(self, Self::Unpack { .. })
    }
}

/// What was given to `check`, opened up.
#[derive(Debug, Default)]
pub struct Opened {
    /// The files in it.
    pub files: Vec<Inspected>,
    /// Its length, if it is a zip.
    pub zip_size: Option<u64>,
    /// It is one program, not a bundle.
    pub bare: bool,
    /// What was found wrong with the container itself.
    pub findings: Vec<Finding>,
}

fn read_error(path: &Path) -> impl Fn(io::Error) -> InspectError {
    move |source| InspectError::Read { path: path.to_path_buf(), source }
}

/// Opens an executable, a zip or a folder.
pub fn open(path: &Path) -> Result<Opened, InspectError> {
    let failed = read_error(path);
    let metadata = fs::metadata(path).map_err(&failed)?;
    if metadata.is_dir() {
        // What `package` wrote is no unpacked bundle: the zip in it is what counts.
        return match record_in(path) {
            Some(record) => open(&path.join(record.zip)),
            None => folder(path),
        };
    }
    if !metadata.is_file() {
        return Err(InspectError::Special(path.to_path_buf()));
    }
    let mut file = File::open(path).map_err(&failed)?;
    let mut magic = [0; 4];
    let count = read_up_to(&mut file, &mut magic).map_err(&failed)?;
    // Local header, or the end record of an empty archive (APPNOTE 4.3.7, 4.3.16).
    let begins_as_zip = magic == *b"PK\x03\x04" || magic == *b"PK\x05\x06";
    let named_zip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
    if begins_as_zip || (named_zip && !elf::is_elf(magic.get(..count).unwrap_or_default())) {
        return zip::open(path, file, metadata.len());
    }
    let content = content(&mut file).map_err(&failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mode = Some(metadata.permissions().mode() & 0o7777);
    let inspected = Inspected { path: name, mode, length: metadata.len(), content };
    Ok(Opened { files: vec![inspected], bare: true, ..Opened::default() })
}

/// Looks at one file.
pub fn file(path: &Path) -> io::Result<Content> {
    content(&mut File::open(path)?)
}

/// Looks at a tree that will be packed.
pub fn tree(tree: &Tree) -> Result<Vec<Inspected>, InspectError> {
    tree.iter()
        .map(|(path, entry)| {
            let content = match &entry.source {
                Source::File(source) => file(source).map_err(read_error(source))?,
                Source::Bytes(_) => Content::Other,
            };
            Ok(Inspected {
                path: path.to_string(),
                mode: Some(entry.mode.bits()),
                length: entry.length,
                content,
            })
        })
        .collect()
}

/// The programs that Lambda would start in these files: `bootstrap`, else what is in `extensions/`.
#[must_use]
pub fn programs(files: &[Inspected]) -> (Role, Vec<String>) {
    let paths = || files.iter().map(|file| &file.path);
    if paths().any(|path| path == "bootstrap") {
        return (Role::Function, vec!["bootstrap".to_owned()]);
    }
    let is_extension =
        |path: &&String| path.strip_prefix("extensions/").is_some_and(|name| !name.contains('/'));
    let extensions: Vec<String> = paths().filter(is_extension).cloned().collect();
    let role = if extensions.is_empty() { Role::Function } else { Role::ExternalExtension };
    (role, extensions)
}

/// The record that `package` wrote into a folder.
fn record_in(folder: &Path) -> Option<Record> {
    let text = fs::read_to_string(folder.join(Record::FILE)).ok()?;
    serde_json::from_str(&text).ok()
}

/// What the layers bring that a packaged function was audited with, if they are still beside it: by paths below
/// `/opt`.
///
/// # Errors
///
/// As [`open`].
pub fn layers(path: &Path) -> Result<Vec<Inspected>, InspectError> {
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    let Some((folder, record)) = folder.and_then(|it| Some((it, record_in(it)?))) else {
        return Ok(Vec::new());
    };
    let Some(base) = folder.parent().and_then(Path::parent) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for used in record.layers {
        let folder = base.join(&used.layer).join(LayerRecord::FOLDER);
        let text = fs::read_to_string(folder.join(LayerRecord::FILE)).unwrap_or_default();
        let known: Option<LayerRecord> = serde_json::from_str(&text).ok();
        // Another one by now is not what it was audited with.
        if known.is_some_and(|layer| layer.code_sha256 == used.code_sha256) {
            files.extend(open(&folder.join(LayerRecord::ZIP))?.files);
        }
    }
    Ok(files)
}

/// The program of an internal extension's zip (or of the folder that `package` put it in): nothing
/// in the zip tells it from a function whose program has the wrong name, but the record does.
#[must_use]
pub fn internal_extension(path: &Path) -> Option<String> {
    let record = match record_in(path) {
        Some(record) => record,
        None => record_in(path.parent()?)
            .filter(|record| path.file_name().is_some_and(|name| name == record.zip.as_str()))?,
    };
    (record.role == Role::InternalExtension.word()).then_some(record.function)
}

fn folder(path: &Path) -> Result<Opened, InspectError> {
    let mut opened = Opened::default();
    for item in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let item = item.map_err(|error| {
            let at = error.path().unwrap_or(path).to_path_buf();
            let looped = || io::Error::other("a symbolic link leads back to a folder above it");
            read_error(&at)(error.into_io_error().unwrap_or_else(looped))
        })?;
        if item.file_type().is_dir() {
            continue;
        }
        let failed = read_error(item.path());
        let metadata = item.metadata().map_err(|error| failed(error.into()))?;
        let relative = item.path().strip_prefix(path).unwrap_or(item.path());
        let read = if metadata.is_file() {
            File::open(item.path()).and_then(|mut file| content(&mut file))
        } else {
            Ok(Content::Other)
        };
        let content = match read {
            Ok(content) => content,
            // Whoever may read it; Lambda's user will not.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Content::NotRead,
            Err(error) => return Err(failed(error)),
        };
        opened.files.push(Inspected {
            path: relative.to_string_lossy().into_owned(),
            mode: Some(metadata.permissions().mode() & 0o7777),
            length: metadata.len(),
            content,
        });
    }
    Ok(opened)
}

/// What a file is, by its first bytes and, for ELF, its tables.
fn content(file: &mut File) -> io::Result<Content> {
    file.rewind()?;
    let mut start = [0; 256];
    let count = read_up_to(file, &mut start)?;
    let start = start.get(..count).unwrap_or_default();
    if !elf::is_elf(start) {
        return Ok(script(start));
    }
    match elf::read(&mut BufReader::new(file)) {
        Ok(facts) => Ok(Content::Elf(Box::new(facts))),
        Err(ElfError::Io(error)) => Err(error),
        Err(error) => Ok(Content::BrokenElf(error.to_string())),
    }
}

pub(crate) fn script(start: &[u8]) -> Content {
    let Some(rest) = start.strip_prefix(b"#!") else { return Content::Other };
    // As many bytes as the kernel reads (`BINPRM_BUF_SIZE`, linux/binfmts.h).
    let line = rest.iter().take(254).copied().take_while(|byte| *byte != b'\n').collect::<Vec<_>>();
    let line = String::from_utf8_lossy(&line).into_owned();
    Content::Script(line.trim_start_matches([' ', '\t']).to_owned())
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
