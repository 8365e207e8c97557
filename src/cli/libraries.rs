//! The libraries of this machine that a function needs and Lambda lacks, put into its tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::artifact::Artifact;
use crate::audit::{Content, Inspected, Trust};
use crate::closure::{self, Candidate, Gathered, Ground, Program, Reason, Request};
use crate::error::Error;
use crate::function::Function;
use crate::image::link::{self, Search};
use crate::image::root::Root;
use crate::shell::Shell;
use crate::system::System;
use crate::tree::{ArchivePath, Entry, Mode, Source, Tree};

/// What libraries are looked for, and where.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) function: &'a Function,
    pub(super) artifact: &'a Artifact,
    /// The folders of this machine, in order.
    pub(super) folders: &'a [PathBuf],
    /// What stands at a path of this machine, if it may serve as a library.
    pub(super) look: &'a dyn Fn(&Path) -> Option<Candidate>,
    /// The files of the image that it is put on, and how its loader looks for them; none for a zip.
    pub(super) base: Option<(&'a Root, &'a Search)>,
}

/// Adds to a tree, and to what its files are, what its program needs and Lambda lacks. Says whether
/// the program needs any library at all.
pub(super) fn insert(
    tree: &mut Tree,
    inspected: &mut Vec<Inspected>,
    lookup: &Lookup<'_>,
    shell: &Shell,
) -> Result<bool, Error> {
    let Lookup { function, artifact, folders, look, base } = *lookup;
    let program = function.role.archive_path(&function.name);
    let files: BTreeMap<&str, &Inspected> =
        inspected.iter().map(|file| (file.path.as_str(), file)).collect();
    let Some(Content::Elf(facts)) = files.get(program.as_str()).map(|file| &file.content) else {
        return Ok(false);
    };
    if facts.needed.is_empty() && function.dlopen.is_empty() {
        return Ok(false);
    }
    let root = function.role.unpacked_at();
    let trust = Trust::new(function.trust_system.clone());
    let sources = sources(tree, &program, artifact);
    let path = format!("{root}/{program}");
    let system = System::of_zip(function.runtime, function.compile.target.arch)?;
    let accepts = |name: &str| trust.covers(name);
    let at = |path: &str| base.and_then(|(root, _)| link::at(root, path));
    let folders_of = |which: fn(&Search) -> Vec<&str>| base.map(|(_, search)| which(search));
    let library_path = folders_of(Search::library_path).unwrap_or_default();
    let defaults = folders_of(Search::defaults).unwrap_or_default();
    let ground = if base.is_some() {
        let arch = function.compile.target.arch;
        Ground::Image { arch, library_path: &library_path, defaults: &defaults, at: &at }
    } else {
        Ground::Runtime { system: &system, accepts: &accepts }
    };
    let gathered = closure::gather(&Request {
        program: Program { path: &path, facts, dlopen: &function.dlopen },
        root,
        ground,
        bundle: &|path| files.get(path).map(|file| file.content.as_loaded()),
        source: &|path| sources.get(path).copied(),
        roots: folders,
        look,
    });
    for library in &gathered {
        shell.detail("Bundling", said(library, function));
    }
    for library in gathered {
        insert_one(tree, inspected, function, library)?;
    }
    inspected.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(true)
}

/// Where the files of the bundle lie on this machine: the program where cargo put it.
fn sources<'a>(
    tree: &'a Tree,
    program: &'a str,
    artifact: &'a Artifact,
) -> BTreeMap<&'a str, &'a Path> {
    let mut sources: BTreeMap<&str, &Path> = tree
        .iter()
        .filter_map(|(path, entry)| match &entry.source {
            Source::File(file) => Some((path.as_str(), file.as_path())),
            Source::Bytes(_) => None,
        })
        .collect();
    sources.insert(program, &artifact.executable);
    sources
}

fn insert_one(
    tree: &mut Tree,
    inspected: &mut Vec<Inspected>,
    function: &Function,
    library: Gathered,
) -> Result<(), Error> {
    // Loading needs no permission to execute.
    let mode = Mode::Regular;
    let Candidate { file, length, facts } = library.candidate;
    let path = ArchivePath::new(&library.path)
        .map_err(|source| Error::ArchivePath { path: library.path.clone(), source })?;
    tree.insert(path, Entry { mode, length, source: Source::File(file) })
        .map_err(|source| Error::Clash { function: function.name.to_string(), source })?;
    let (mode, content) = (Some(mode.bits()), Content::Elf(Box::new(facts)));
    inspected.push(Inspected { path: library.path, mode, length, content });
    Ok(())
}

fn said(library: &Gathered, function: &Function) -> String {
    let by = library.by.trim_start_matches(function.role.unpacked_at()).trim_start_matches('/');
    let why = match library.reason {
        Reason::Absent => format!("{} has none", function.runtime),
        Reason::NotPromised => format!("{} has one today, without a promise", function.runtime),
        Reason::TooOld => format!("that of {} is too old", function.runtime),
    };
    format!(
        "{} of {}, which {by} needs ({why}): {}",
        library.path,
        function.name,
        library.candidate.file.display()
    )
}
