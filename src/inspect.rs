//! Looks at the files of a bundle, a folder, a zip or a single program, for the audit to judge.
//!
//! Only what can be a program or a library is opened: by its place (`bootstrap`, `extensions/…`) or
//! by its name (`*.so`, `*.so.*`).

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::audit::{Code, Content, Finding, Inspected, UNPACKED_LIMIT};
use crate::bundle::{Member, ReadError, ZipFile};
use crate::elf::{self, ElfError};
use crate::tree::{ArchivePath, Source, Tree};

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
}

/// What was given to `check`, opened up.
#[derive(Debug)]
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
        return folder(path);
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
        return Ok(zip(path, file, metadata.len()));
    }
    let content = content(&mut file).map_err(&failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mode = Some(metadata.permissions().mode() & 0o7777);
    let inspected = Inspected { path: name, mode, length: metadata.len(), content };
    Ok(Opened { files: vec![inspected], zip_size: None, bare: true, findings: Vec::new() })
}

/// Looks at a tree that will be packed.
pub fn tree(tree: &Tree) -> Result<Vec<Inspected>, InspectError> {
    tree.iter()
        .map(|(path, entry)| {
            let content = match &entry.source {
                Source::File(source) if is_candidate(path.as_str()) => File::open(source)
                    .and_then(|mut file| content(&mut file))
                    .map_err(read_error(source))?,
                Source::File(_) | Source::Bytes(_) => Content::NotRead,
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
pub fn programs(files: &[Inspected]) -> (crate::function::Role, Vec<String>) {
    use crate::function::Role;
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

fn is_candidate(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path == "bootstrap"
        || path.strip_prefix("extensions/").is_some_and(|name| !name.contains('/'))
        || !path.contains('/') && !name.contains('.')
        || name.split('.').skip(1).any(|part| part == "so")
}

fn folder(path: &Path) -> Result<Opened, InspectError> {
    let mut files = Vec::new();
    for item in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let item = item.map_err(|error| {
            let at = error.path().unwrap_or(path).to_path_buf();
            read_error(&at)(error.into())
        })?;
        if item.file_type().is_dir() {
            continue;
        }
        let failed = read_error(item.path());
        let metadata = item.metadata().map_err(|error| failed(error.into()))?;
        let relative = item.path().strip_prefix(path).unwrap_or(item.path());
        let relative = relative.to_string_lossy().into_owned();
        let content = if metadata.is_file() && is_candidate(&relative) {
            File::open(item.path()).and_then(|mut file| content(&mut file)).map_err(&failed)?
        } else {
            Content::NotRead
        };
        let mode = Some(metadata.permissions().mode() & 0o7777);
        files.push(Inspected { path: relative, mode, length: metadata.len(), content });
    }
    Ok(Opened { files, zip_size: None, bare: false, findings: Vec::new() })
}

/// A zip. What is wrong with it becomes findings; only the disk under it can fail.
fn zip(path: &Path, file: File, length: u64) -> Opened {
    let mut opened =
        Opened { files: Vec::new(), zip_size: Some(length), bare: false, findings: Vec::new() };
    let thing = path.display().to_string();
    let read = ZipFile::open(BufReader::new(file)).and_then(|zip| Ok((zip.members()?, zip)));
    match read {
        Ok((members, mut zip)) => {
            let mut budget = UNPACKED_LIMIT;
            for (index, member) in members.iter().enumerate().filter(|(_, member)| !member.folder) {
                let place = format!("{thing}: {}", member.name);
                let before = opened.findings.len();
                member_findings(member, &place, &mut opened.findings);
                let sound = opened.findings.len() == before;
                let content = if sound && is_candidate(&member.name) && member.claimed <= budget {
                    budget -= member.claimed;
                    member_content(&mut zip, index).unwrap_or_else(|error| {
                        opened.findings.push(damaged(&place, &error));
                        Content::NotRead
                    })
                } else {
                    Content::NotRead
                };
                opened.files.push(Inspected {
                    path: member.name.clone(),
                    mode: member.mode,
                    length: member.claimed,
                    content,
                });
            }
        }
        Err(error) => opened.findings.push(damaged(&thing, &error)),
    }
    opened
}

fn damaged(place: &str, error: &ReadError) -> Finding {
    Finding::new(Code::ZipDamaged, place, error.to_string(), "make the zip again")
}

fn member_findings(member: &Member, place: &str, findings: &mut Vec<Finding>) {
    if let Err(why) = ArchivePath::new(&member.name) {
        findings.push(Finding::new(
            Code::ZipPath,
            place,
            format!("cannot be unpacked under that name: {why}"),
            "use plain relative paths",
        ));
    }
    if let Some(why) = &member.refused {
        findings.push(Finding::new(
            Code::ZipMethod,
            place,
            format!("{why}; Lambda unpacks stored and deflated members"),
            "make the zip again with deflate and without a password",
        ));
    }
    if member.symlink {
        findings.push(Finding::new(
            Code::ZipSymlink,
            place,
            "a symbolic link; where it leads is not audited",
            "put the file itself there",
        ));
    }
}

fn member_content(zip: &mut ZipFile<BufReader<File>>, index: usize) -> Result<Content, ReadError> {
    let mut unpacked = tempfile::tempfile()?;
    zip.extract(index, &mut unpacked)?;
    Ok(content(&mut unpacked)?)
}

/// What a file is, by its first bytes and, for ELF, its tables.
fn content(file: &mut File) -> io::Result<Content> {
    file.rewind()?;
    let mut start = [0; 256];
    let count = read_up_to(file, &mut start)?;
    let start = start.get(..count).unwrap_or_default();
    if elf::is_elf(start) {
        return match elf::read(&mut BufReader::new(file)) {
            Ok(facts) => Ok(Content::Elf(Box::new(facts))),
            Err(ElfError::Io(error)) => Err(error),
            Err(error) => Ok(Content::BrokenElf(error.to_string())),
        };
    }
    Ok(match start.strip_prefix(b"#!") {
        Some(rest) => {
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            Content::Script(String::from_utf8_lossy(line).trim().to_owned())
        }
        None => Content::Other,
    })
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
