//! What of each function could be in a layer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::digests::Digests;
use super::{Origin, waits};
use crate::audit::{Content, Inspected};
use crate::cli::build::{Contents, Job};
use crate::cli::image::Part;
use crate::cli::libraries::Lookup;
use crate::error::Error;
use crate::function::{Function, Role};
use crate::layer::{self, File, Files, Kind, Layer, User};
use crate::libraries;
use crate::shell::Shell;
use crate::system::{Provided, System};
use crate::tree::{Entry, Source, Tree};
use crate::{files, inspect};

/// The beginning of the names of Rust's own shared libraries, which come with the compiler.
const OF_RUST: &str = "libstd-";

/// A function that waited.
pub(in crate::cli) struct Member {
    pub(in crate::cli) part: Part,
    /// What could be in a layer, by its path below `/opt`.
    pub(in crate::cli) files: Files,
    /// Where that is, and what it is.
    pub(super) origins: BTreeMap<String, Origin>,
    /// Those that the function brings itself where they are in no layer.
    pub(super) libraries: BTreeSet<String>,
}

impl Member {
    pub(super) fn user(&self) -> User {
        let function = &self.part.function;
        User {
            name: function.name.to_string(),
            arch: function.compile.target.arch,
            slots: layer::MOST.saturating_sub(function.foreign_layers),
            shares: function.shares,
            files: self.files.clone(),
        }
    }

    pub(in crate::cli) fn uses(&self, layer: &Layer) -> bool {
        let function = &self.part.function;
        layer.arch == function.compile.target.arch && layer.users.contains(function.name.as_str())
    }

    /// Adds a file; one that is there already stays: what needs a layer comes first.
    fn add(
        &mut self,
        path: &str,
        kind: Kind,
        (entry, inspected): (&Entry, &Inspected),
        digests: &mut Digests,
    ) -> Result<(), Error> {
        if self.files.contains_key(path) {
            return Ok(());
        }
        let digest = match &entry.source {
            Source::File(file) => digests.of(file)?,
            Source::Bytes(bytes) => crate::digest::Sha256::of(bytes),
        };
        let file = File { kind, mode: entry.mode.bits(), size: entry.length, digest };
        self.files.insert(path.to_owned(), file);
        self.origins.insert(path.to_owned(), (entry.clone(), inspected.clone()));
        Ok(())
    }
}

/// The functions among these that may have something in layers, with what that is.
pub(super) fn members(job: &Job, parts: &[Part], shell: &Shell) -> Result<Vec<Member>, Error> {
    let mut digests = Digests::new(&job.output.stamps);
    let mut extensions = Vec::new();
    for part in parts.iter().filter(|part| part.function.role != Role::Function) {
        extensions.push((part, contents(job, part, shell)?));
    }
    let mut members = Vec::new();
    for part in parts.iter().filter(|part| waits(&part.function, &job.plan.functions)) {
        members.push(member((job, shell), part, &extensions, &mut digests)?);
    }
    digests.keep();
    Ok(members)
}

/// All that goes into the bundle of a function, or of an extension, where nothing is in layers.
pub(in crate::cli) fn contents(job: &Job, part: &Part, shell: &Shell) -> Result<Contents, Error> {
    let Part { function, artifact } = part;
    // What was linked a moment ago could be linked again without another time.
    files::settle(&artifact.executable);
    let folders = job.library_folders(function, artifact);
    let lookup =
        Lookup { function, artifact, folders: &folders, look: &libraries::look, base: None };
    let tree = job.includes(function)?;
    job.contents(&lookup, tree, &artifact.executable, shell)
}

fn member(
    (job, shell): (&Job, &Shell),
    part: &Part,
    extensions: &[(&Part, Contents)],
    digests: &mut Digests,
) -> Result<Member, Error> {
    let function = &part.function;
    let mut member = Member {
        part: part.clone(),
        files: Files::new(),
        origins: BTreeMap::new(),
        libraries: BTreeSet::new(),
    };
    let assets = job.assets(function)?;
    let inspected = inspect::tree(&assets)?;
    for (path, file) in zipped(&assets, &inspected) {
        member.add(path, Kind::Asset, file, digests)?;
    }
    for (_, contents) in extensions.iter().filter(|(other, _)| function.takes(&other.function)) {
        for (path, file) in zipped(&contents.tree, &contents.files) {
            clash(function, &member, path, file.0)?;
            member.add(path, Kind::Extension, file, digests)?;
        }
    }
    if function.shares {
        libraries_of(job, &mut member, &contents(job, part, shell)?, digests)?;
    }
    Ok(member)
}

/// Adds the libraries that a function does not bring itself.
fn libraries_of(
    job: &Job,
    member: &mut Member,
    contents: &Contents,
    digests: &mut Digests,
) -> Result<(), Error> {
    let Part { function, .. } = &member.part.clone();
    let included = job.includes(function)?;
    let program = function.role.archive_path(&function.name);
    let system = System::of_zip(function.runtime, function.compile.target.arch)?;
    // The system's own copies come before what is in `/opt`; a `DT_RPATH` may put ours before those.
    let facts = contents.files.iter().find(|file| file.path == program).map(|it| &it.content);
    let first =
        matches!(facts, Some(Content::Elf(it)) if !it.rpath.is_empty() && it.runpath.is_empty());
    for (path, file) in zipped(&contents.tree, &contents.files) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let own = included.iter().any(|(own, _)| own.as_str() == path) || path == program;
        if own || (first && system.library(name) != Provided::No) {
            continue;
        }
        let kind = kind(job, path, file.0);
        member.add(path, kind, file, digests)?;
        if member.files.get(path).is_some_and(|added| added.kind == kind) {
            member.libraries.insert(path.to_owned());
        }
    }
    Ok(())
}

/// Both are sorted by path and have the same ones.
fn zipped<'a>(
    tree: &'a Tree,
    inspected: &'a [Inspected],
) -> impl Iterator<Item = (&'a str, (&'a Entry, &'a Inspected))> {
    tree.iter().zip(inspected).map(|((path, entry), file)| (path.as_str(), (entry, file)))
}

/// An asset and a file of an extension, or files of two, that want one place below `/opt`.
fn clash(function: &Function, member: &Member, path: &str, entry: &Entry) -> Result<(), Error> {
    let Some((other, _)) = member.origins.get(path).filter(|(other, _)| other != entry) else {
        return Ok(());
    };
    let source = crate::tree::Clash {
        path: format!("/opt/{path}"),
        first: other.source.to_string(),
        second: entry.source.to_string(),
    };
    Err(Error::Clash { function: function.name.to_string(), source })
}

/// How often a library changes.
fn kind(job: &Job, path: &str, entry: &Entry) -> Kind {
    let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    let built = |file: &Path| job.outputs.iter().any(|folder| file.starts_with(folder));
    match &entry.source {
        _ if name.starts_with(OF_RUST) => Kind::Toolchain,
        Source::File(file) if built(file) => Kind::Workspace,
        Source::File(_) | Source::Bytes(_) => Kind::Native,
    }
}
