//! Whether glibc's loader would find every library of a program, and every symbol version in it.
//!
//! Walks breadth first from the program through the libraries that are in the bundle, as the loader
//! does: what is loaded already wins by its name, then `DT_RPATH` (of the file and of those that
//! loaded it, unless it has a `DT_RUNPATH`), then `LD_LIBRARY_PATH`, then the file's own
//! `DT_RUNPATH` (ld.so(8); glibc `elf/dl-load.c`). Lambda's `LD_LIBRARY_PATH` begins with the
//! system's folders, so that the system's copy of a library wins over a bundled one (AWS, "Defined
//! runtime environment variables").

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Audit, Code, Content, Files, Inspected, Level, Trust};
use crate::elf::{ElfFacts, Kind, VersionNeed};
use crate::system::{Provided, System};

/// At most that many symbols are named in a finding.
const SYMBOLS_SHOWN: usize = 6;
/// More folders than that in one search path are not looked at: no real file has them.
const FOLDERS: usize = 64;

/// Where a library comes from at run time.
#[derive(Clone, Copy)]
enum Found<'a> {
    System,
    Bundle(&'a Inspected),
    /// The system's copy, though the bundle has one too.
    Shadowed(&'a Inspected),
    Nowhere,
}

/// A file that the loader has mapped.
struct Loaded<'a> {
    path: &'a str,
    facts: &'a ElfFacts,
    /// The folders of the bundle in its `DT_RPATH` and in those of the files that loaded it.
    rpath: Vec<String>,
    /// The folders of the bundle in its `DT_RUNPATH`.
    runpath: Vec<String>,
}

/// Adds every finding about the libraries and symbol versions that a program reaches.
pub(super) fn check<'a>(
    audit: &mut Audit<'a>,
    program: &'a str,
    facts: &'a ElfFacts,
    files: &Files<'a>,
    system: &System,
    trust: &Trust,
) {
    let mut linker = Linker {
        root: audit.subject.role.unpacked_at(),
        files,
        system,
        trust,
        by_name: BTreeMap::new(),
        mapped: BTreeSet::from([program]),
        queue: VecDeque::new(),
        needs: Vec::new(),
    };
    let loaded = linker.loaded(program, facts, &[]);
    linker.queue.push_back(loaded);
    while let Some(loaded) = linker.queue.pop_front() {
        linker.load_needed(audit, &loaded);
    }
    linker.check_versions(audit);
}

struct Linker<'a, 'f> {
    root: &'static str,
    files: &'f Files<'a>,
    system: &'f System,
    trust: &'f Trust,
    /// What is loaded, by the names it was asked for and by its SONAME.
    by_name: BTreeMap<&'a str, Found<'a>>,
    mapped: BTreeSet<&'a str>,
    queue: VecDeque<Loaded<'a>>,
    /// Checked when everything is loaded, as the loader does.
    needs: Vec<(&'a str, &'a VersionNeed)>,
}

impl<'a> Linker<'a, '_> {
    fn loaded(&self, path: &'a str, facts: &'a ElfFacts, inherited: &[String]) -> Loaded<'a> {
        let folders = |list: &[String]| -> Vec<String> {
            let mut seen = BTreeSet::new();
            list.iter()
                .take(FOLDERS)
                .filter_map(|folder| bundle_path(folder, path, self.root))
                .filter(|folder| seen.insert(folder.clone()))
                .collect()
        };
        // A DT_RPATH beside a DT_RUNPATH is ignored (glibc `elf/get-dynamic-info.h`).
        let mut rpath = if facts.runpath.is_empty() { folders(&facts.rpath) } else { Vec::new() };
        rpath.extend(inherited.iter().take(FOLDERS).cloned());
        Loaded { path, facts, rpath, runpath: folders(&facts.runpath) }
    }

    fn load_needed(&mut self, audit: &mut Audit<'a>, by: &Loaded<'a>) {
        for library in &by.facts.needed {
            if self.by_name.contains_key(library.as_str()) {
                continue;
            }
            let mut found = self.find(library, by);
            match found {
                Found::Bundle(file) => match self.library(audit, file) {
                    Some(facts) => {
                        if let Some(soname) = &facts.soname {
                            self.by_name.entry(soname).or_insert(found);
                        }
                        if self.mapped.insert(&file.path) {
                            let loaded = self.loaded(&file.path, facts, &by.rpath);
                            self.queue.push_back(loaded);
                        }
                    }
                    // Said already.
                    None => found = Found::Nowhere,
                },
                Found::Shadowed(file) => self.shadowed(audit, by.path, library, file),
                Found::System => self.not_promised(audit, by.path, library),
                Found::Nowhere => self.missing(audit, by.path, library),
            }
            self.by_name.insert(library, found);
        }
        self.needs.extend(by.facts.versions_needed.iter().map(|need| (by.path, need)));
    }

    fn find(&self, library: &str, by: &Loaded<'a>) -> Found<'a> {
        if library.contains('/') {
            return self.find_path(library, by.path);
        }
        // With a DT_RUNPATH in the file itself, no DT_RPATH counts at all (`_dl_map_object`).
        if by.facts.runpath.is_empty()
            && let Some(file) = self.in_folders(library, &by.rpath)
        {
            return Found::Bundle(file);
        }
        let library_path: &[&str] = if self.root == "/opt" { &["lib"] } else { &["", "lib"] };
        let bundled = library_path
            .iter()
            .find_map(|folder| self.in_folder(library, folder))
            .or_else(|| self.in_folders(library, &by.runpath));
        match (bundled, self.system.library(library)) {
            (Some(file), Provided::No) => Found::Bundle(file),
            (Some(file), _) => Found::Shadowed(file),
            (None, Provided::No) => Found::Nowhere,
            (None, _) => Found::System,
        }
    }

    /// A name with a slash is a path, from the working folder, and is not searched for.
    fn find_path(&self, library: &str, by: &str) -> Found<'a> {
        let full = if library.starts_with(['/', '$']) {
            library.to_owned()
        } else {
            format!("/var/task/{library}")
        };
        if let Some(path) = bundle_path(&full, by, self.root) {
            return self
                .files
                .get(path.as_str())
                .map_or(Found::Nowhere, |file| Found::Bundle(file));
        }
        match full.rsplit_once('/') {
            Some(("/lib64" | "/usr/lib64", name)) if self.system.library(name) != Provided::No => {
                Found::System
            }
            _ => Found::Nowhere,
        }
    }

    fn in_folders(&self, library: &str, folders: &[String]) -> Option<&'a Inspected> {
        folders.iter().find_map(|folder| self.in_folder(library, folder))
    }

    fn in_folder(&self, library: &str, folder: &str) -> Option<&'a Inspected> {
        if folder.is_empty() {
            return self.files.get(library).copied();
        }
        self.files.get(format!("{folder}/{library}").as_str()).copied()
    }

    /// The facts of a bundled library, if the loader could map it.
    fn library(&self, audit: &mut Audit<'a>, file: &'a Inspected) -> Option<&'a ElfFacts> {
        let what = match &file.content {
            Content::Elf(facts) => {
                audit.header(&file.path, facts, Some(self.system.arch))?;
                match facts.kind {
                    Kind::Library => return Some(facts),
                    // Such as libc.so.6, which can also be run.
                    Kind::PieExecutable if facts.soname.is_some() => return Some(facts),
                    Kind::PieExecutable | Kind::Executable => "is a program",
                    Kind::Other(_) => "is an object file",
                }
            }
            Content::BrokenElf(why) => {
                audit.broken(&file.path, why);
                return None;
            }
            // Another finding says why nobody looked.
            Content::NotRead => return None,
            Content::Script(_) | Content::Other => "is no ELF file (a linker script?)",
        };
        audit.add(
            Code::NotALibrary,
            &file.path,
            format!("stands where a shared library is needed and {what}"),
            "bundle the library itself: the file that the name links to",
        );
        None
    }

    /// A bundled copy of what the system has, where the system's own comes first.
    fn shadowed(&self, audit: &mut Audit<'a>, path: &str, library: &str, file: &Inspected) {
        if self.trust.covers(library) {
            return;
        }
        audit.add(
            Code::LibraryShadowed,
            path,
            format!(
                "needs {library}; of that, {} has a copy of its own, which comes before {}",
                self.system.runtime, file.path
            ),
            format!(
                "link it statically; or have it found by DT_RPATH (`-C link-arg=-Wl,\
                 --disable-new-dtags,-rpath,$ORIGIN/lib`); or accept the system's copy with \
                 `--trust-system {library}`"
            ),
        );
    }

    fn not_promised(&self, audit: &mut Audit<'a>, path: &str, library: &str) {
        if self.system.library(library) != Provided::Present || self.trust.covers(library) {
            return;
        }
        audit.add(
            Code::LibraryNotPromised,
            path,
            format!(
                "needs {library}, which {} has today; AWS does not promise that it stays",
                self.system.runtime
            ),
            format!("link it statically, or accept it with `--trust-system {library}`"),
        );
    }

    fn missing(&self, audit: &mut Audit<'a>, path: &str, library: &str) {
        let hint = if library.starts_with("libstd-") {
            "build without `-C prefer-dynamic`"
        } else {
            "link it statically (many crates have a `vendored` or `bundled` feature), or put it \
             into `lib/` of the bundle with `include`"
        };
        audit.add(
            Code::LibraryMissing,
            path,
            format!(
                "needs {library}, which is neither in the bundle nor on {}",
                self.system.runtime
            ),
            hint,
        );
    }

    fn check_versions(&self, audit: &mut Audit<'a>) {
        for (path, need) in &self.needs {
            match self.by_name.get(need.library.as_str()) {
                Some(Found::Bundle(file)) => defined(audit, path, need, file),
                Some(Found::System | Found::Shadowed(_)) => {
                    self.version_of_system(audit, path, need);
                }
                // Loaded by a library of the system's.
                None if self.system.library(&need.library) != Provided::No => {
                    self.version_of_system(audit, path, need);
                }
                // Said already, or not to be found at all.
                Some(Found::Nowhere) | None => {}
            }
        }
    }

    /// A version newer than the system's copy of the library.
    fn version_of_system(&self, audit: &mut Audit<'a>, path: &str, need: &VersionNeed) {
        let (provided, highest) = self.system.version(&need.version);
        if provided == Provided::Promised
            || (provided == Provided::Present && self.trust.covers(&need.library))
        {
            return;
        }
        let runtime = self.system.runtime;
        let what = format!("needs {} of {}{}", need.version, need.library, symbols(need));
        if provided == Provided::Present {
            audit.add(
                Code::SymbolNotPromised,
                path,
                format!("{what}; {runtime} has it today and promises up to {highest}"),
                format!(
                    "build with an older compiler, or accept it with `--trust-system {}`",
                    need.library
                ),
            );
        } else if need.is_optional() {
            let what = format!("{what}; {runtime} has up to {highest}");
            audit.add(
                Code::WeakSymbolVersion,
                path,
                format!("{what} (weak: the loader goes on without it)"),
                "",
            );
        } else {
            audit.add(
                Code::SymbolVersion,
                path,
                format!("{what}; {runtime} has up to {highest}"),
                version_hint(need, &highest),
            );
        }
    }
}

/// A path as it stands in the bundle, if it lies there; `$ORIGIN` is the folder of `by`.
fn bundle_path(path: &str, by: &str, root: &str) -> Option<String> {
    let own = by.rsplit_once('/').map_or("", |(folder, _)| folder);
    let origin = format!("{root}/{own}");
    let full = path.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
    let mut parts: Vec<&str> = Vec::new();
    for part in full.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let normal = format!("/{}", parts.join("/"));
    if normal == root {
        return Some(String::new());
    }
    normal.strip_prefix(&format!("{root}/")).map(str::to_owned)
}

/// A version that a bundled library must define. One without versions satisfies all (glibc warns).
fn defined(audit: &mut Audit<'_>, path: &str, need: &VersionNeed, file: &Inspected) {
    let Content::Elf(library) = &file.content else { return };
    if library.versions_defined.is_empty() || library.versions_defined.contains(&need.version) {
        return;
    }
    let (level, code) = if need.is_optional() {
        (Level::Note, Code::WeakSymbolVersion)
    } else {
        (Level::Error, Code::SymbolVersion)
    };
    audit.add_as(
        level,
        code,
        path,
        format!("needs {} of {}{}", need.version, file.path, symbols(need)),
        "bundle the version of the library that it was linked with",
    );
}

fn version_hint(need: &VersionNeed, highest: &str) -> String {
    match (need.version.as_str(), highest.split_once('_')) {
        ("GLIBC_ABI_DT_RELR", _) => "link without `-z pack-relative-relocs`".to_owned(),
        ("GLIBC_PRIVATE", _) => "a file that uses glibc's own inside fits only the glibc that it \
                                 came with; leave it out"
            .to_owned(),
        (_, Some(("GLIBC", version))) => format!(
            "build where glibc is {version} or older (an older distribution, or zig as the linker)"
        ),
        _ => "build with an older C++ compiler, or link its library statically".to_owned(),
    }
}

/// ` (symbol, symbol and 3 more)`.
fn symbols(need: &VersionNeed) -> String {
    if need.symbols.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = need.symbols.iter().take(SYMBOLS_SHOWN).map(String::as_str).collect();
    let more = need.symbols.len().saturating_sub(SYMBOLS_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" ({}{more})", shown.join(", "))
}
