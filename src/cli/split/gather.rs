//! What of each function could be in a layer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::digests::Digests;
use super::kept::{self, Kept};
use super::waits;
use crate::audit::Content;
use crate::cli::build::{Contents, Job};
use crate::cli::dylib::STANDARD;
use crate::cli::image::Part;
use crate::cli::libraries::Lookup;
use crate::error::Error;
use crate::function::{Function, Role};
use crate::layer::{self, File, Files, Kind, Layer, User};
use crate::libraries;
use crate::shell::Shell;
use crate::system::{Provided, System};
use crate::tree::{Entry, Source};

/// A function that waited.
pub(in crate::cli) struct Member {
    pub(in crate::cli) part: Part,
    /// What could be in a layer, by its path below `/opt`.
    pub(in crate::cli) files: Files,
    /// Where that is.
    pub(super) origins: BTreeMap<String, Entry>,
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
            linked: function.compile.dylib.is_some(),
            files: self.files.clone(),
        }
    }

    pub(in crate::cli) fn uses(&self, layer: &Layer) -> bool {
        let function = &self.part.function;
        layer.arch == function.compile.target.arch && layer.users.contains(function.name.as_str())
    }

    /// Adds a file; one that is there already stays: what needs a layer comes first.
    fn add(&mut self, path: &str, file: File, entry: &Entry) {
        if !self.files.contains_key(path) {
            self.files.insert(path.to_owned(), file);
            self.origins.insert(path.to_owned(), entry.clone());
        }
    }
}

/// The functions among these that may have something in layers, with what that is.
pub(super) fn members(job: &Job, parts: &[Part], shell: &Shell) -> Result<Vec<Member>, Error> {
    let mut digests = Digests::new(&job.output.stamps);
    let mut extensions = Vec::new();
    for part in parts.iter().filter(|part| part.function.role != Role::Function) {
        extensions.push((part, kept::files_of(job, part, &mut digests, shell)?));
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
    let folders = job.library_folders(function, artifact);
    let lookup =
        Lookup { function, artifact, folders: &folders, look: &libraries::look, base: None };
    let tree = job.includes(function)?;
    job.contents(&lookup, tree, &artifact.executable, shell)
}

fn member(
    (job, shell): (&Job, &Shell),
    part: &Part,
    extensions: &[(&Part, Vec<Kept>)],
    digests: &mut Digests,
) -> Result<Member, Error> {
    let function = &part.function;
    let mut member = Member {
        part: part.clone(),
        files: Files::new(),
        origins: BTreeMap::new(),
        libraries: BTreeSet::new(),
    };
    for (path, entry) in job.assets(function)?.iter() {
        let digest = digests.of_entry(entry)?;
        let (mode, size) = (entry.mode.bits(), entry.length);
        member.add(path.as_str(), File { kind: Kind::Asset, mode, size, digest }, entry);
    }
    for (_, kept) in extensions.iter().filter(|(other, _)| function.takes(&other.function)) {
        for (path, file, entry) in kept {
            clash(function, &member, path, entry)?;
            member.add(path, *file, entry);
        }
    }
    if function.shares {
        for (path, file, entry) in kept::files_of(job, part, digests, shell)? {
            member.add(&path, file, &entry);
            if member.files.get(&path).is_some_and(|added| added.kind == file.kind) {
                member.libraries.insert(path);
            }
        }
    }
    Ok(member)
}

/// The libraries that a function does not bring itself.
pub(super) fn libraries(
    job: &Job,
    part: &Part,
    contents: &Contents,
) -> Result<Vec<(String, Kind, Entry)>, Error> {
    let function = &part.function;
    let included = job.includes(function)?;
    let program = function.role.archive_path(&function.name);
    let system = System::of_zip(function.runtime, function.compile.target.arch)?;
    // The system's own copies come before what is in `/opt`; a `DT_RPATH` may put ours before those.
    let facts = contents.files.iter().find(|file| file.path == program).map(|it| &it.content);
    let first =
        matches!(facts, Some(Content::Elf(it)) if !it.rpath.is_empty() && it.runpath.is_empty());
    let mut found = Vec::new();
    for (path, entry) in contents.tree.iter() {
        let path = path.as_str();
        let name = path.rsplit('/').next().unwrap_or(path);
        let own = included.iter().any(|(own, _)| own.as_str() == path) || path == program;
        let of_system = first && system.library(name) != Provided::No;
        if !own && !of_system {
            found.push((path.to_owned(), kind(job, path, entry), entry.clone()));
        }
    }
    Ok(found)
}

/// An asset and a file of an extension, or files of two, that want one place below `/opt`.
fn clash(function: &Function, member: &Member, path: &str, entry: &Entry) -> Result<(), Error> {
    let Some(other) = member.origins.get(path).filter(|other| *other != entry) else {
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
        _ if name.starts_with(STANDARD) => Kind::Toolchain,
        Source::File(file) if built(file) => Kind::Workspace,
        Source::File(_) | Source::Bytes(_) => Kind::Native,
    }
}
