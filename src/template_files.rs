//! The files of templates from the disk and from git, and those that are written from one.
//!
//! Folders, archives and repositories are hostile: no link is followed, nothing is unpacked under a name that
//! they give, git checks nothing out, and reading ends where a template may not be larger.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use walkdir::WalkDir;

use crate::bundle::{ReadError, ZipFile};
use crate::files::{self, FileError};
use crate::process::{ProcessError, Step};
use crate::tar::{Kind, Reader, TarError};
use crate::template::{Files, Gathered, Git, MAX_FILE, MAX_FILES, TemplateError};

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
    #[error("cannot fetch the template")]
    Git(#[from] ProcessError),
    /// A folder on the way to a file is a link, or no folder.
    #[error("{} is no folder of its own: nothing is written through it", .0.display())]
    Through(PathBuf),
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
        let path = path.to_string_lossy().into_owned();
        if count == MAX_MEMBERS {
            return Err(TemplateFilesError::Members);
        }
        if item.file_type().is_dir() {
            continue;
        }
        if !item.file_type().is_file() {
            return Err(TemplateFilesError::Special(path));
        }
        let mode = item.metadata()?.permissions().mode();
        gathered.add(&path, mode & 0o111 != 0, &mut files::open_file(item.path())?)?;
    }
    Ok(gathered)
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
        if member.folder {
            continue;
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
    let file = MultiGzDecoder::new(BufReader::new(
        files::open_file(path).map_err(TemplateFilesError::Archive)?,
    ));
    Ok(of_tar(&path.display().to_string(), file)?.without_single_folder())
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
            Kind::File if header.is_utf8 => {
                gathered.add(path, header.mode & 0o111 != 0, &mut reader)?;
            }
            _ => return Err(TemplateFilesError::Special(header.path)),
        }
    }
    Ok(gathered)
}

/// The files of a git repository at a reference. They are fetched into a folder that is removed again, and read
/// as an archive of git's.
///
/// # Errors
///
/// If git cannot fetch them, they cannot be read, or are no template.
pub fn of_git(from: &Git) -> Result<Gathered, TemplateFilesError> {
    let failed = |source| files::unwritten(&std::env::temp_dir(), source);
    let scratch =
        tempfile::Builder::new().prefix("lambda-pack-template-").tempdir().map_err(failed)?;
    let git = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned());
        // What a repository of one's own may say does not count for the one that is fetched.
        let step = Step::new("git", words).at(scratch.path());
        step.without(["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"])
    };
    let reference = from.reference.as_deref().unwrap_or("HEAD");
    git(&["init", "--quiet", "--bare", "--template=", "."]).interactive()?;
    git(&[
        "-c",
        "protocol.ext.allow=never",
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--no-recurse-submodules",
        "--",
        &from.url,
        reference,
    ])
    .interactive()?;
    let tree = match &from.path {
        Some(path) => format!("FETCH_HEAD:{path}"),
        None => "FETCH_HEAD".to_owned(),
    };
    // Where the archive is refused in the middle, git only misses its reader.
    let mut read = None;
    let streamed = git(&["archive", "--format=tar", &tree]).stream(|out| {
        read = Some(of_tar(&from.url, out));
        Ok(())
    });
    match (read, streamed) {
        (
            Some(Err(error @ (TemplateFilesError::Template(_) | TemplateFilesError::Special(_)))),
            _,
        ) => Err(error),
        (_, Err(error)) => Err(error.into()),
        (Some(read), Ok(())) => read,
        (None, Ok(())) => Ok(Gathered::default()),
    }
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

/// The files that are there already, with other contents.
///
/// # Errors
///
/// If one could not be written without following a link.
pub fn in_the_way(place: &Path, files: &Files) -> Result<Vec<String>, TemplateFilesError> {
    let mut found = Vec::new();
    for (path, file) in files {
        let target = place.join(path);
        let folders = target.ancestors().skip(1).take_while(|folder| *folder != place);
        for folder in folders {
            if fs::symlink_metadata(folder).is_ok_and(|it| !it.is_dir()) {
                return Err(TemplateFilesError::Through(folder.to_path_buf()));
            }
        }
        let Ok(known) = fs::symlink_metadata(&target) else { continue };
        if known.is_dir() {
            return Err(TemplateFilesError::Through(target));
        }
        if !known.is_file() || !holds(&target, &file.bytes) {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    let same_length = |file: &File| file.metadata().is_ok_and(|it| it.len() == bytes.len() as u64);
    let mut held = Vec::new();
    File::open(path).is_ok_and(|mut file| {
        same_length(&file) && file.read_to_end(&mut held).is_ok() && held == bytes
    })
}

/// Writes files into a folder that is not there, or is empty: whole, or not at all.
///
/// # Errors
///
/// If the disk fails.
pub fn create(place: &Path, files: &Files) -> Result<(), TemplateFilesError> {
    let above = place.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source| files::unwritten(place, source);
    files::create_folder(above)?;
    let mut builder = tempfile::Builder::new();
    // As any folder that a program makes, less the user's umask; not as a temporary one.
    builder.prefix(".lambda-pack-new-").permissions(fs::Permissions::from_mode(0o777));
    let staged = builder.tempdir_in(above).map_err(failed)?;
    write(staged.path(), files)?;
    fs::rename(staged.path(), place).map_err(failed)?;
    drop(staged.keep());
    Ok(())
}

/// Writes files into a folder, over what is there; each whole or not at all.
///
/// # Errors
///
/// If the disk fails.
pub fn write(place: &Path, files: &Files) -> Result<(), TemplateFilesError> {
    for (path, file) in files {
        let target = place.join(path);
        files::create_folder(target.parent().unwrap_or(place))?;
        files::write_atomically(&target, &file.bytes)?;
        if file.executable {
            let set = fs::set_permissions(&target, fs::Permissions::from_mode(0o755));
            set.map_err(|source| files::unwritten(&target, source))?;
        }
    }
    Ok(())
}
