//! Which libraries of the build machine go into a bundle, so that the program finds all that it
//! needs on Lambda.
//!
//! Wanted is what the loader would not find: libraries that the system lacks, and those that it has
//! without a promise, for the day when they are gone (until then its own copies come first), unless
//! the user accepted them; with all that these need. glibc's own libraries never are: they fit only
//! their own loader. A promised library goes along only where the system's is too old and the
//! program would take ours, by `DT_RPATH`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Ask, Closure, File, Fit, Found, Object, Program, World, fits, resolve, search};
use crate::elf::{ElfFacts, Priority, VersionNeed};
use crate::system::{Provided, System};
use crate::target::Arch;
use crate::tree::ArchivePath;

/// The folder of a bundle that Lambda's `LD_LIBRARY_PATH` names, for functions and for layers.
const FOLDER: &str = "lib";

/// Libraries of glibc that are on no list of ours, by the beginning of their names.
const OF_GLIBC: [&str; 19] = [
    "ld-linux",
    "libBrokenLocale.so.",
    "libSegFault.so",
    "libanl.so.",
    "libc.so.",
    "libc_malloc_debug.so.",
    "libdl.so.",
    "libm.so.",
    "libmemusage.so",
    "libmvec.so.",
    "libnss_compat.so.",
    "libnss_dns.so.",
    "libnss_files.so.",
    "libpcprofile.so",
    "libpthread.so.",
    "libresolv.so.",
    "librt.so.",
    "libthread_db.so.",
    "libutil.so.",
];

/// Whether a library is part of glibc, and so fits only the loader that it was built with.
#[must_use]
pub fn is_of_glibc(name: &str) -> bool {
    OF_GLIBC.iter().any(|prefix| name.starts_with(prefix))
}

/// A file of the build machine that may serve as a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The real file, no symbolic link.
    pub file: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// What it is.
    pub facts: ElfFacts,
}

/// Why a library goes into the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The system has none of that name.
    Absent,
    /// The system has one today, without a promise.
    NotPromised,
    /// The system's lacks a symbol version, and the program finds ours first.
    TooOld,
}

/// A library for the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// Where it goes in the bundle: `lib/` and the name that it is asked for by.
    pub path: String,
    /// The file to take.
    pub candidate: Candidate,
    /// Which object needed it first: its path on Lambda.
    pub by: String,
    /// Why.
    pub reason: Reason,
}

/// What a bundle is put on.
#[derive(Clone, Copy)]
pub enum Ground<'a> {
    /// A runtime of Lambda's.
    Runtime {
        /// What it provides.
        system: &'a System,
        /// Whether the user accepts a library that it has without a promise.
        accepts: &'a dyn Fn(&str) -> bool,
    },
    /// The base of a container image, all of whose files are known.
    Image {
        /// Its architecture.
        arch: Arch,
        /// The folders of its `LD_LIBRARY_PATH`.
        library_path: &'a [&'a str],
        /// The folders that its loader looks in last.
        defaults: &'a [&'a str],
        /// What stands at an absolute path.
        at: &'a dyn Fn(&str) -> Option<File<'a>>,
    },
}

/// What to gather for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The program, where Lambda has it.
    pub program: Program<'a>,
    /// Where Lambda unpacks the bundle.
    pub root: &'a str,
    /// What is there already.
    pub ground: Ground<'a>,
    /// What stands at a path of the bundle already.
    pub bundle: &'a dyn Fn(&str) -> Option<File<'a>>,
    /// Where a file of the bundle lies on this machine.
    pub source: &'a dyn Fn(&str) -> Option<&'a Path>,
    /// The folders of this machine in which the linker looked, in order.
    pub roots: &'a [PathBuf],
    /// What stands at a path of this machine, if it may serve as a library.
    pub look: &'a dyn Fn(&Path) -> Option<Candidate>,
}

/// The libraries that the bundle lacks and this machine has, in the order of loading.
#[must_use]
pub fn gather(request: &Request<'_>) -> Vec<Gathered> {
    let mut gathered: Vec<Gathered> = Vec::new();
    let mut tried = BTreeSet::new();
    loop {
        let mut more = request.absent(&gathered, &mut tried);
        if more.is_empty() {
            more.extend(request.too_old(&gathered, &mut tried));
        }
        if more.is_empty() {
            return gathered;
        }
        gathered.extend(more);
    }
}

impl<'a> Ground<'a> {
    fn arch(self) -> Arch {
        match self {
            Self::Runtime { system, .. } => system.arch,
            Self::Image { arch, .. } => arch,
        }
    }

    fn system(self) -> Option<&'a System> {
        match self {
            Self::Runtime { system, .. } => Some(system),
            Self::Image { .. } => None,
        }
    }

    /// What stands at a path. Of a runtime: what keeps no more than its promises has, and what the user
    /// accepted.
    fn at(self, path: &str) -> Option<File<'a>> {
        match self {
            Self::Image { at, .. } => at(path),
            Self::Runtime { system, accepts } => {
                let name = system.name_at(path)?;
                let has = match system.library(name) {
                    Provided::Promised => true,
                    Provided::Present => accepts(name),
                    Provided::No => false,
                };
                has.then_some(File::System)
            }
        }
    }

    fn folders(self) -> (&'a [&'a str], &'a [&'a str]) {
        match self {
            Self::Runtime { .. } => (System::LIBRARY_PATH, &[]),
            Self::Image { library_path, defaults, .. } => (library_path, defaults),
        }
    }

    /// Why a library is not taken from there.
    fn why(self, name: &str) -> Reason {
        match self.system().map(|system| system.library(name)) {
            None | Some(Provided::No) => Reason::Absent,
            Some(Provided::Promised | Provided::Present) => Reason::NotPromised,
        }
    }
}

impl Request<'_> {
    fn closure<'g>(&'g self, gathered: &'g [Gathered]) -> Closure<'g> {
        let at = |path: &str| -> Option<File<'g>> {
            if let Some(path) = path.strip_prefix(self.root).and_then(|path| path.strip_prefix('/'))
            {
                let ours = gathered.iter().find(|library| library.path == path);
                return ours
                    .map(|library| File::Elf(&library.candidate.facts))
                    .or_else(|| (self.bundle)(path));
            }
            self.ground.at(path)
        };
        let (library_path, defaults) = self.ground.folders();
        resolve(
            self.program,
            World {
                arch: self.ground.arch(),
                library_path,
                defaults,
                hwcaps: &[],
                preload: &[],
                at: &at,
            },
        )
    }

    /// The next libraries that the loader would not find.
    fn absent(&self, gathered: &[Gathered], tried: &mut BTreeSet<String>) -> Vec<Gathered> {
        let closure = self.closure(gathered);
        let mut found = Vec::new();
        for need in closure.needs.iter().filter(|need| matches!(need.found, Found::Nowhere { .. }))
        {
            let names = match need.ask {
                Ask::Linked | Ask::Named => vec![need.name],
                // For something secondary nobody has asked.
                Ask::Noted(dlopen) if dlopen.priority == Priority::Suggested => Vec::new(),
                Ask::Noted(dlopen) => dlopen.sonames.iter().map(String::as_str).collect(),
            };
            found.extend(names.into_iter().find_map(|name| {
                let reason = self.ground.why(name);
                self.pick(&closure, gathered, name, need.by, reason, tried)
            }));
        }
        found
    }

    /// A library of the system's that is too old, where the program would find ours before it.
    fn too_old(&self, gathered: &[Gathered], tried: &mut BTreeSet<String>) -> Option<Gathered> {
        let closure = self.closure(gathered);
        let ours = format!("{}/", self.root);
        for unmet in closure.unmet(self.ground.system()) {
            let name = unmet.need.library.as_str();
            let of_ground = unmet.lacking.as_ref().is_none_or(|path| !path.starts_with(&ours));
            let old = of_ground && unmet.provided == Provided::No;
            if !old || unmet.need.is_optional() {
                continue;
            }
            let picked = self.pick(&closure, gathered, name, unmet.by, Reason::TooOld, tried);
            let Some(picked) = picked else { continue };
            let path = format!("{}/{}", self.root, picked.path);
            let with: Vec<Gathered> = gathered.iter().cloned().chain([picked.clone()]).collect();
            let taken = self.closure(&with).named(name).is_some_and(|object| object.path == path);
            if taken {
                return Some(picked);
            }
        }
        None
    }

    /// The file to take for a name; none where there is none, or where it must not be bundled.
    fn pick(
        &self,
        closure: &Closure<'_>,
        gathered: &[Gathered],
        name: &str,
        by: usize,
        reason: Reason,
        tried: &mut BTreeSet<String>,
    ) -> Option<Gathered> {
        let path = format!("{FOLDER}/{name}");
        let unfit = name.contains('/') || is_of_glibc(name) || ArchivePath::new(&path).is_err();
        if unfit || (self.bundle)(&path).is_some() || !tried.insert(name.to_owned()) {
            return None;
        }
        let object = closure.objects.get(by)?;
        let candidate = self.candidate(object, gathered, name, &versions(closure, name))?;
        Some(Gathered { path, candidate, by: object.path.clone(), reason })
    }

    /// The first library of that name which defines every version that is needed of it; else the
    /// first.
    fn candidate(
        &self,
        by: &Object<'_>,
        gathered: &[Gathered],
        name: &str,
        versions: &[&VersionNeed],
    ) -> Option<Candidate> {
        let mut first = None;
        for folder in self.folders(by, gathered) {
            let found = (self.look)(&folder.join(name));
            let fits = |it: &Candidate| matches!(fits(&it.facts, self.ground.arch()), Fit::Library);
            let Some(candidate) = found.filter(fits) else { continue };
            let defined = &candidate.facts.versions_defined;
            let has = |need: &&VersionNeed| defined.contains(&need.version);
            if defined.is_empty() || versions.iter().all(has) {
                return Some(candidate);
            }
            first = first.or(Some(candidate));
        }
        first
    }

    /// Where this machine's own loader and linker would look for what a file needs: in its search
    /// paths, in the roots, and beside it (a vendor's libraries lie together).
    fn folders(&self, by: &Object<'_>, gathered: &[Gathered]) -> Vec<PathBuf> {
        let path = by.path.strip_prefix(self.root).unwrap_or(&by.path).trim_start_matches('/');
        let ours = gathered.iter().find(|library| library.path == path);
        let source = ours.map(|library| &*library.candidate.file).or_else(|| (self.source)(path));
        let beside = source.and_then(Path::parent);
        let mut folders = Vec::new();
        if let (File::Elf(facts), Some(beside)) = (by.file, beside) {
            let list = if facts.runpath.is_empty() { &facts.rpath } else { &facts.runpath };
            folders.extend(search::expand_all(list, &beside.to_string_lossy()).map(PathBuf::from));
        }
        folders.extend(self.roots.iter().cloned());
        folders.extend(beside.map(Path::to_path_buf));
        folders
    }
}

/// Every version that a library must define, as far as it is known who needs it.
fn versions<'a>(closure: &Closure<'a>, name: &str) -> Vec<&'a VersionNeed> {
    let facts = closure.objects.iter().filter_map(|object| match object.file {
        File::Elf(facts) => Some(facts),
        File::System | File::Unreadable => None,
    });
    let needs = facts.flat_map(|facts| &facts.versions_needed);
    needs.filter(|need| need.library == name && !need.is_optional()).collect()
}

#[cfg(test)]
mod tests;
