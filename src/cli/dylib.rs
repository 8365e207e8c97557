//! The shared libraries of Rust's own that functions are linked with: without what no loader looks at, in a
//! folder of ours, where libraries are looked for.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::build::Job;
use crate::artifact::Artifact;
use crate::cargo::CargoError;
use crate::compile::Compile;
use crate::digest::Sha256;
use crate::elf;
use crate::error::Error;
use crate::files;
use crate::inspect;

/// The beginning of the name of Rust's standard library, as a shared one.
pub(super) const STANDARD: &str = "libstd-";
/// The folder, beside those with libraries, that says which programs fit them.
const MARKS: &str = "checked";
/// What unfinished folders are called.
const UNFINISHED: &str = ".unfinished-";

/// The folder with the libraries that cargo built in a run, and with Rust's own. It is made anew where any of
/// them is another file than before.
pub(super) fn folder(job: &Job, compile: &Compile, built: &[PathBuf]) -> Result<PathBuf, Error> {
    let mut sources = built.to_vec();
    if !built.iter().any(|file| is_standard(file)) {
        sources.extend(of_toolchain(job, compile));
    }
    sources.sort();
    sources.dedup();
    let which = format!("{compile:?} {}", job.options.profile);
    let own = job.output.shared.join(Sha256::of(which.as_bytes()).short());
    let stamps: Vec<_> = sources.iter().map(|file| (file, files::stamp(file))).collect();
    let folder = own.join(Sha256::of(format!("{stamps:?}").as_bytes()).short());
    if !folder.is_dir() {
        make(&own, &folder, &sources)?;
    }
    Ok(folder)
}

/// Rust's own, as they came with the compiler.
fn of_toolchain(job: &Job, compile: &Compile) -> Vec<PathBuf> {
    let rustlib = job.rustc.sysroot.join("lib/rustlib");
    let folder = rustlib.join(compile.target.triple()).join("lib");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| is_standard(path)).collect()
}

fn is_standard(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(STANDARD) && file.extension() == Some(OsStr::new("so"))
}

/// Whole, or not at all; what was made of other files goes.
fn make(own: &Path, folder: &Path, sources: &[PathBuf]) -> Result<(), Error> {
    files::create_folder(own)?;
    let unwritten = |source| files::unwritten(folder, source);
    let made = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(own).map_err(unwritten)?;
    for source in sources {
        let Some(name) = source.file_name() else { continue };
        let data = files::read_bytes(source)?;
        // What cannot be read as a library is one that no function is linked with.
        let stripped = elf::stripped(&data).ok().flatten();
        let bytes = stripped.as_deref().unwrap_or(&data);
        files::write_into_target(&made.path().join(name), bytes)?;
    }
    match fs::rename(made.path(), folder) {
        Ok(()) => drop(made.keep()),
        // Another run was quicker.
        Err(_) if folder.is_dir() => {}
        Err(error) => return Err(unwritten(error).into()),
    }
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        if entry.path() != folder {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// How a program and the libraries that were built with it fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fits {
    /// It is linked with that of the crate.
    WithIt,
    /// It is not.
    WithoutIt,
}

/// Whether a program and the libraries that it ships with fit together: every symbol of Rust's that one of them
/// wants another defines.
pub(super) fn check(name: &str, artifact: &Artifact, folder: &Path) -> Result<Fits, Error> {
    let program = &artifact.executable;
    // Of a large library it takes a while, and mostly both are the files that they were.
    let which = Sha256::of(program.as_os_str().as_encoded_bytes()).short();
    let mark = folder.with_file_name(MARKS).join(which);
    let files = format!("{} {:?}", folder.display(), files::stamp(program));
    if fs::read_to_string(&mark).is_ok_and(|known| known == files) {
        return Ok(Fits::WithIt);
    }
    let pair =
        inspect::pair(program, folder).map_err(|(path, error)| files::unread(&path, error))?;
    let name = name.replace('-', "_");
    let is_linked = pair.needed.contains(&format!("lib{name}.so"));
    match pair.unbound.first() {
        None if !is_linked => Ok(Fits::WithoutIt),
        None => {
            files::create_folder(&folder.with_file_name(MARKS))?;
            files::write_into_target(&mark, files.as_bytes())?;
            Ok(Fits::WithIt)
        }
        Some(symbol) => Err(CargoError::Unbound {
            target: artifact.target.clone(),
            count: pair.unbound.len(),
            symbol: symbol.clone(),
        }
        .into()),
    }
}
