//! What was given to `verify`: bundles, each with its record where it has one.

use std::path::{Component, Path, PathBuf};

use crate::bundle::{DosTime, Record};
use crate::cli::check;
use crate::cli::lower::shown;
use crate::error::Error;
use crate::files;
use crate::target::{Arch, Runtime};
use crate::unpack::Unpacked;

/// One bundle.
pub(super) struct Given {
    /// What it is called.
    pub(super) thing: String,
    /// Its zip, or the folder that it was unpacked into.
    pub(super) archive: PathBuf,
    pub(super) record: Option<Record>,
}

/// The bundles at these paths and below them.
pub(super) fn all(paths: &[PathBuf]) -> Result<Vec<Given>, Error> {
    check::bundles(paths).iter().map(|path| one(path)).collect()
}

fn one(path: &Path) -> Result<Given, Error> {
    if !path.exists() {
        return Err(Error::Usage(format!("{} is not there", shown(path))));
    }
    if path.is_file() && path.extension().is_none_or(|extension| extension != "zip") {
        let what = "is no zip: name that, or its folder";
        return Err(Error::Usage(format!("{} {what}", shown(path))));
    }
    let record = if path.is_dir() { Some(path) } else { path.parent() };
    let record = record.map(|folder| folder.join(Record::FILE)).filter(|file| file.is_file());
    let of_path = || Given { thing: shown(path), archive: path.to_path_buf(), record: None };
    let Some(file) = record else { return Ok(of_path()) };
    let record = read(&file)?;
    let archive = file.with_file_name(&record.zip);
    // The record beside another zip says nothing of this one.
    if !path.is_dir() && path.file_name() != archive.file_name() {
        return Ok(of_path());
    }
    let thing = format!("{} ({})", record.function, record.architecture);
    Ok(Given { thing, archive, record: Some(record) })
}

fn read(file: &Path) -> Result<Record, Error> {
    let text = files::read_text(file)?;
    let path = file.display().to_string();
    let record: Record = serde_json::from_str(&text)
        .map_err(|source| Error::Record { path: path.clone(), source })?;
    let refused = |what: &str| Err(Error::Usage(format!("{path}: {what}")));
    let mut parts = Path::new(&record.zip).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return refused("`zip` is not the name of a file beside it");
    }
    if let Err(error) = record.architecture.parse::<Arch>() {
        return refused(&error.to_string());
    }
    if let Err(error) = record.runtime.parse::<Runtime>() {
        return refused(&error.to_string());
    }
    Ok(record)
}

impl Given {
    /// The commit that it was built from, if that was one without changes.
    pub(super) fn clean_commit(&self) -> Option<&str> {
        let commit = self.record.as_ref()?.commit.as_deref()?;
        let hexadecimal = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        (hexadecimal && [40, 64].contains(&commit.len())).then_some(commit)
    }

    /// `SOURCE_DATE_EPOCH` as it was: by its record, else by the time of the files in its zip, of
    /// which the earliest stands for none.
    pub(super) fn epoch(&self) -> Result<Option<String>, Error> {
        if let Some(build) = self.record.as_ref().and_then(|record| record.build.as_ref()) {
            return Ok(build.source_date_epoch.clone());
        }
        let opened = Unpacked::open(&self.archive)?;
        let time = opened.items.first().and_then(|item| item.zipped).map(|zipped| zipped.time);
        let time = time.filter(|time| *time != DosTime::EARLIEST).and_then(DosTime::unix);
        Ok(time.map(|seconds| seconds.to_string()))
    }
}
