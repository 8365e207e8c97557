//! What is sent: a bundle that `package` has written, or a zip that others made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::layers::{self, Packaged};
use crate::aws::Job;
use crate::bundle::Record;
use crate::cli::args::Release;
use crate::cli::{check, package};
use crate::digest::Sha256;
use crate::error::Error;
use crate::files;
use crate::function::Function;
use crate::layer::record::LayerRecord;
use crate::release::change::{Action, Change};
use crate::release::describe::bytes;
use crate::release::desired::Image;
use crate::shell::Shell;

/// A zip or an image, and what is known of it.
pub(in crate::cli) struct Bundle {
    /// The zip, or the layout of the image.
    pub(in crate::cli) code: PathBuf,
    /// As AWS reports it.
    pub(in crate::cli) sha256: String,
    pub(in crate::cli) size: u64,
    pub(in crate::cli) architecture: String,
    pub(in crate::cli) runtime: String,
    pub(in crate::cli) commit: Option<String>,
    /// How the image is started, if it is one.
    pub(in crate::cli) image: Option<Image>,
    /// The layers that hold the rest of it.
    pub(in crate::cli) layers: Vec<Packaged>,
}

/// Where the bundle of a function is below a folder that `package` has written: under its own name,
/// else, as it may have another name in another environment, that of its handler.
pub(in crate::cli) fn folder(base: &Path, function: &Function) -> Option<PathBuf> {
    let arch = function.compile.target.arch.aws_name();
    let own = base.join(function.name.as_str()).join(arch);
    if own.join(Record::FILE).is_file() { Some(own) } else { of_handler(base, function) }
}

/// The bundle of a function below a folder that `package` has written.
pub(in crate::cli) fn packaged(base: &Path, function: &Function) -> Result<Bundle, Error> {
    let arch = function.compile.target.arch.aws_name();
    let folder = folder(base, function).ok_or_else(|| none(base, function))?;
    let record = package::recorded(&folder)?;
    let zip = folder.join(&record.zip);
    let found = std::fs::metadata(&zip).map_err(|source| {
        let name = &function.name;
        Error::Usage(format!("cannot read {}: {source}; package `{name}` again", zip.display()))
    })?;
    let handler = &function.handler;
    if (&record.package, &record.handler) != (&handler.package, &handler.target)
        || record.architecture != arch
        || found.len() != record.sizes.zip
    {
        return Err(altered(function.name.as_str(), &zip, Record::FILE));
    }
    Ok(Bundle {
        layers: layers::packaged(base, &record)?,
        code: zip,
        sha256: record.code_sha256,
        size: record.sizes.zip,
        architecture: record.architecture,
        runtime: record.runtime,
        commit: record.commit,
        image: None,
    })
}

/// The one folder with a bundle of this handler.
fn of_handler(base: &Path, function: &Function) -> Option<PathBuf> {
    let handler = &function.handler;
    let arch = function.compile.target.arch.aws_name();
    let is_it = |record: &Record| {
        record.package == handler.package
            && record.handler == handler.target
            && record.architecture == arch
    };
    let folders = files::records(base).unwrap_or_default().into_iter();
    let mut folders = folders.filter_map(|path| path.parent().map(Path::to_path_buf));
    let is_it = |folder: &PathBuf| package::recorded(folder).is_ok_and(|record| is_it(&record));
    let found = folders.find(is_it)?;
    folders.all(|folder| !is_it(&folder)).then_some(found)
}

fn none(base: &Path, function: &Function) -> Error {
    let records = files::records(base).unwrap_or_default();
    let there: Vec<String> = records
        .iter()
        .filter_map(|path| Some(path.parent()?.strip_prefix(base).ok()?.display().to_string()))
        .collect();
    let there = if there.is_empty() {
        "there is no bundle at all".to_owned()
    } else {
        format!("there are {}", there.join(", "))
    };
    Error::Usage(format!(
        "there is no bundle of `{}` ({}, {}) below {}: {there}; `cargo lambda-pack package --out DIR` writes them",
        function.name,
        function.handler,
        function.compile.target.arch,
        base.display()
    ))
}

/// Whether what changes send is what was recorded: else AWS would have what nobody has checked.
pub(in crate::cli) fn intact(jobs: &[Job], changes: &[Change]) -> Result<(), Error> {
    let mut held = BTreeSet::new();
    for change in changes.iter().filter(|change| bytes(change) > 0) {
        let (action, function) = (&change.action, change.function.as_str());
        let job = jobs.iter().find(|job| job.desired.name == function);
        // Of an image each blob is held against its digest while it is sent.
        let Some((job, sha256)) = job.zip(sent(action)) else { continue };
        let zip = job.zip(action);
        if held.insert(zip) && Sha256::of(&files::read_bytes(zip)?).base64() != sha256 {
            // The zip of an extension is one of functions, and may be that of a layer.
            let of_layer = zip.ends_with(LayerRecord::ZIP);
            let record = if of_layer { LayerRecord::FILE } else { Record::FILE };
            return Err(altered(function, zip, record));
        }
    }
    Ok(())
}

/// The digest of the zip that a change sends.
fn sent(action: &Action) -> Option<&str> {
    match action {
        Action::Upload { sha256, .. } => Some(sha256),
        Action::PublishLayer(new) => Some(&new.code.sha256),
        Action::Create { code, .. } | Action::UpdateCode { code, .. } => Some(&code.sha256),
        _ => None,
    }
}

/// A zip that is not what the record beside it says.
pub(super) fn altered(function: &str, zip: &Path, record: &str) -> Error {
    Error::Usage(format!(
        "{} is not what {record} beside it says: package `{function}` again",
        zip.display()
    ))
}

/// A zip that others made, audited as if it were ours.
pub(super) fn given(
    zip: &Path,
    function: &Function,
    release: &Release,
    shell: &Shell,
) -> Result<Bundle, Error> {
    if !zip.is_file() {
        return Err(Error::Usage(format!("{} is no file", zip.display())));
    }
    let asked = release.build.compile.target.arch.as_deref().and_then(|name| name.parse().ok());
    let found = check::zip(zip, asked, function, &release.audit, shell)?;
    let bytes = files::read_bytes(zip)?;
    Ok(Bundle {
        code: zip.to_path_buf(),
        sha256: Sha256::of(&bytes).base64(),
        size: bytes.len() as u64,
        architecture: found.unwrap_or(function.compile.target.arch).aws_name().to_owned(),
        runtime: function.runtime.aws_name().to_owned(),
        commit: None,
        image: None,
        layers: Vec::new(),
    })
}
