//! The files of templates from the disk and from git, and those that are written from one.
//!
//! Folders, archives and repositories are hostile: no link is followed, nothing is unpacked under a name that
//! they give, git checks nothing out, and reading ends where a template may not be larger.

mod git;
mod put;

use std::fs;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use walkdir::WalkDir;

use crate::bundle::{ReadError, ZipFile};
use crate::files::{self, FileError};
use crate::process::ProcessError;
use crate::tar::{Kind, Reader, TarError};
use crate::template::{Gathered, MAX_ALL, MAX_FILE, MAX_FILES, TemplateError};
pub use git::of_git;
pub use put::{Put, in_the_way};

/// What may be rendered of a template from elsewhere takes at most this much memory beyond what is used, in
/// bytes: its language can double a text with each line.
const MEMORY: u64 = 1 << 30;
/// Beyond files, archives have folders and headers.
const MAX_MEMBERS: usize = 10 * MAX_FILES;

/// Why a template cannot be read, or its files not be written.
#[derive(Debug, thiserror::Error)]
pub enum TemplateFilesError {
    /// What is in it.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The disk.
    #[error(transparent)]
    File(#[from] FileError),
    /// An archive that is not there, say.
    #[error(transparent)]
    Archive(FileError),
    /// A folder that cannot be walked through.
    #[error("cannot read the folder of the template")]
    Walk(#[from] walkdir::Error),
    /// A zip.
    #[error("cannot read {}", .0.display())]
    Zip(PathBuf, #[source] ReadError),
    /// A tar archive.
    #[error("cannot read {0}")]
    Tar(String, #[source] TarError),
    /// Something that is no file.
    #[error("the template has something else than files and folders: {0:?}")]
    Special(String),
    /// More of it than a template has.
    #[error("the template is too large: more than {MAX_MEMBERS} files and folders")]
    Members,
    /// git.
    #[error("cannot fetch the template from {from}{hint}")]
    Git {
        /// The repository, without whoever logs in there.
        from: String,
        /// What may be wrong.
        hint: String,
        /// What git did.
        source: ProcessError,
    },
    /// The process that is to read it.
    #[error("cannot read the template in a process of its own")]
    Apart(#[source] ProcessError),
    /// A name that no path of a template can have.
    #[error("the template has a name that is no UTF-8: {0:?}")]
    NotUtf8(String),
    /// A folder on the way to a file is a link.
    #[error("{} is a link: nothing is written through it; move it away", .0.display())]
    Through(PathBuf),
    /// A file stands where a folder has to be.
    #[error("{} is no folder, and the template has one there: move it away", .0.display())]
    NoFolder(PathBuf),
    /// A folder stands where a file has to be.
    #[error("{} is a folder, and the template has a file there: move it away", .0.display())]
    NoFile(PathBuf),
}

impl TemplateFilesError {
    /// Whether the disk failed, not the template.
    #[must_use]
    pub fn is_disk(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// The files of a folder. `.git` is left out.
///
/// # Errors
///
/// If it cannot be read, or is no template.
pub fn of_folder(folder: &Path) -> Result<Gathered, TemplateFilesError> {
    let mut gathered = Gathered::default();
    let items = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    let items = items.filter_entry(|item| item.file_name() != ".git");
    for (count, item) in items.enumerate() {
        let item = item?;
        let path = item.path().strip_prefix(folder).unwrap_or(item.path());
        let shown = path.to_string_lossy();
        if count == MAX_MEMBERS {
            return Err(TemplateFilesError::Members);
        }
        let Some(path) = path.to_str() else {
            return Err(TemplateFilesError::NotUtf8(shown.into_owned()));
        };
        if item.file_type().is_dir() {
            continue;
        }
        if !item.file_type().is_file() {
            return Err(TemplateFilesError::Special(path.to_owned()));
        }
        let mode = item.metadata()?.permissions().mode();
        gathered.add(path, mode & 0o111 != 0, &mut files::open_file(item.path())?)?;
    }
    Ok(gathered)
}

/// What macOS adds to archives: what it knows of files, beside them or in a folder of its own, and how folders look.
fn is_of_macos(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("__MACOSX/") || last == ".DS_Store" || last.starts_with("._")
}

/// The files of a zip.
///
/// # Errors
///
/// If it cannot be read, or is no template.
pub fn of_zip(path: &Path) -> Result<Gathered, TemplateFilesError> {
    let failed = |error| TemplateFilesError::Zip(path.to_path_buf(), error);
    let mut zip =
        ZipFile::open(BufReader::new(files::open_file(path).map_err(TemplateFilesError::Archive)?))
            .map_err(failed)?;
    let mut gathered = Gathered::default();
    for (index, member) in zip.members().map_err(failed)?.into_iter().enumerate() {
        if index == MAX_MEMBERS {
            return Err(TemplateFilesError::Members);
        }
        if member.folder || is_of_macos(&member.name) {
            continue;
        }
        if member.name.contains(char::REPLACEMENT_CHARACTER) {
            return Err(TemplateFilesError::NotUtf8(member.name));
        }
        if member.symlink || member.named_twice || member.refused.is_some() {
            return Err(TemplateFilesError::Special(member.name));
        }
        let mut bytes = Vec::new();
        // What is larger is refused by its length.
        if member.claimed <= MAX_FILE {
            zip.extract(index, &mut bytes).map_err(failed)?;
        } else {
            bytes.resize(usize::try_from(MAX_FILE).unwrap_or_default() + 1, 0);
        }
        let executable = member.mode.is_some_and(|mode| mode & 0o111 != 0);
        gathered.add(&member.name, executable, &mut &*bytes)?;
    }
    Ok(gathered.without_single_folder())
}

/// The files of a tar archive that is compressed with gzip.
///
/// # Errors
///
/// If it cannot be read, or is no template.
pub fn of_tar_gz(path: &Path) -> Result<Gathered, TemplateFilesError> {
    let mut file = MultiGzDecoder::new(BufReader::new(
        files::open_file(path).map_err(TemplateFilesError::Archive)?,
    ));
    let what = path.display().to_string();
    let gathered = of_tar(&what, &mut file)?;
    // Behind the archive stand blanks, and the checksum of all of it.
    let behind = io::copy(&mut file.take(MAX_ALL), &mut io::sink());
    match behind {
        Ok(length) if length < MAX_ALL => Ok(gathered.without_single_folder()),
        Ok(_) => {
            let what = format!("more than {} MiB behind the archive", MAX_ALL >> 20);
            Err(TemplateError::Large(what).into())
        }
        Err(error) => Err(TemplateFilesError::Tar(what, error.into())),
    }
}

fn of_tar(what: &str, from: impl Read) -> Result<Gathered, TemplateFilesError> {
    let failed = |error| TemplateFilesError::Tar(what.to_owned(), error);
    let mut reader = Reader::new(from);
    let mut gathered = Gathered::default();
    let mut count = 0;
    while let Some(header) = reader.advance().map_err(failed)? {
        count += 1;
        if count > MAX_MEMBERS {
            return Err(TemplateFilesError::Members);
        }
        // As tar writes them from `.`.
        let path = header.path.trim_start_matches("./");
        match header.kind {
            Kind::Folder => {}
            Kind::File if is_of_macos(path) => {}
            Kind::File if header.is_utf8 => {
                gathered.add(path, header.mode & 0o111 != 0, &mut reader)?;
            }
            _ => return Err(TemplateFilesError::Special(header.path)),
        }
    }
    Ok(gathered)
}

/// Does something with a template from elsewhere, within a bound of memory.
pub fn bounded<T>(work: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::As);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let used = size.and_then(|size| size.trim().trim_end_matches(" kB").parse::<u64>().ok());
    if let Some(used) = used {
        let most = (used << 10).saturating_add(MEMORY);
        let current = Some(before.current.map_or(most, |limit| limit.min(most)));
        // Where there is no such limit the machine's own holds.
        let _ = setrlimit(Resource::As, Rlimit { current, maximum: before.maximum });
    }
    let result = work();
    let _ = setrlimit(Resource::As, before);
    result
}
