//! Whether glibc's loader would find every library of a program, and every symbol version in it.
//!
//! Walks from the program through the libraries that are in the bundle. Lambda's `LD_LIBRARY_PATH`
//! begins with the system's folders, so the system's copy of a library wins over a bundled one
//! (AWS, "Defined runtime environment variables").

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Audit, Code, Content, Inspected, Level, Trust, elf_files};
use crate::elf::{ElfFacts, VersionNeed};
use crate::system::{Provided, System};

/// At most that many symbols are named in a finding.
const SYMBOLS_SHOWN: usize = 6;

/// Where a library comes from at run time.
enum Found<'a> {
    System,
    Bundle(&'a Inspected),
    Nowhere,
}

/// Adds every finding about the libraries and symbol versions that a program reaches.
pub(super) fn check(
    audit: &mut Audit<'_>,
    program: &str,
    facts: &ElfFacts,
    system: &System,
    trust: &Trust,
) {
    let files = elf_files(audit.subject.files);
    let root = audit.subject.role.unpacked_at();
    let mut seen = BTreeSet::from([program.to_owned()]);
    let mut queue = VecDeque::from([(program.to_owned(), facts)]);
    while let Some((path, facts)) = queue.pop_front() {
        let mut sources = BTreeMap::new();
        for library in &facts.needed {
            let found = find(library, &path, facts, root, &files, system);
            match found {
                Found::Bundle(file) => {
                    if let Some(facts) = bundled(audit, file, system)
                        && seen.insert(file.path.clone())
                    {
                        queue.push_back((file.path.clone(), facts));
                    }
                }
                Found::System => not_promised(audit, &path, library, system, trust),
                Found::Nowhere => missing(audit, &path, library, system),
            }
            sources.insert(library.as_str(), found);
        }
        for need in &facts.versions_needed {
            match sources.get(need.library.as_str()) {
                Some(Found::Bundle(file)) => defined(audit, &path, need, file),
                Some(Found::System) => exceeded(audit, &path, need, system),
                // Said already, or not a library of this file's own.
                Some(Found::Nowhere) | None => {}
            }
        }
    }
}

fn find<'a>(
    library: &str,
    loader: &str,
    facts: &ElfFacts,
    root: &str,
    files: &BTreeMap<&'a str, &'a Inspected>,
    system: &System,
) -> Found<'a> {
    let in_bundle = |folders: &[String]| {
        folders.iter().find_map(|folder| {
            let path =
                if folder.is_empty() { library.to_owned() } else { format!("{folder}/{library}") };
            files.get(path.as_str()).copied()
        })
    };
    // A name with a slash is a path, not searched for (ld.so(8)).
    if let Some(path) = library.strip_prefix(&format!("{root}/")) {
        return files.get(path).map_or(Found::Nowhere, |file| Found::Bundle(file));
    }
    let expand = |paths: &[String]| -> Vec<String> {
        paths.iter().filter_map(|path| bundle_folder(path, loader, root)).collect()
    };
    // DT_RPATH counts, before everything else, only without DT_RUNPATH (ld.so(8)).
    if facts.runpath.is_empty()
        && let Some(file) = in_bundle(&expand(&facts.rpath))
    {
        return Found::Bundle(file);
    }
    let provided = system.library(library);
    if provided == Provided::Promised {
        return Found::System;
    }
    let library_path: &[&str] = if root == "/opt" { &["lib"] } else { &["", "lib"] };
    let mut folders: Vec<String> = library_path.iter().map(|&folder| folder.to_owned()).collect();
    folders.extend(expand(&facts.runpath));
    match (in_bundle(&folders), provided) {
        (Some(file), _) => Found::Bundle(file),
        (None, Provided::No) => Found::Nowhere,
        (None, _) => Found::System,
    }
}

/// A folder of a search path as a path in the bundle, if it lies there.
fn bundle_folder(path: &str, loader: &str, root: &str) -> Option<String> {
    let own = loader.rsplit_once('/').map_or("", |(folder, _)| folder);
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

/// The facts of a bundled library, if the loader could map it.
fn bundled<'a>(
    audit: &mut Audit<'_>,
    file: &'a Inspected,
    system: &System,
) -> Option<&'a ElfFacts> {
    match &file.content {
        Content::Elf(facts) => {
            audit.header(&file.path, facts, Some(system.arch)).map(|_| facts.as_ref())
        }
        Content::BrokenElf(why) => {
            audit.broken(&file.path, why);
            None
        }
        Content::Script(_) | Content::Other | Content::NotRead => {
            audit.add(
                Code::MalformedElf,
                &file.path,
                "stands where a shared library is needed and is none (a linker script?)".to_owned(),
                "bundle the library itself: the file that the name links to",
            );
            None
        }
    }
}

fn not_promised(audit: &mut Audit<'_>, path: &str, library: &str, system: &System, trust: &Trust) {
    if system.library(library) != Provided::Present || trust.covers(library) {
        return;
    }
    audit.add(
        Code::LibraryNotPromised,
        path,
        format!(
            "needs {library}, which {} has today; AWS does not promise that it stays",
            system.runtime
        ),
        format!(
            "link it statically, put it into `lib/` of the bundle, or accept it with \
                 `--trust-system {library}`"
        ),
    );
}

fn missing(audit: &mut Audit<'_>, path: &str, library: &str, system: &System) {
    let hint = if library.starts_with("libstd-") {
        "build without `-C prefer-dynamic`".to_owned()
    } else {
        "link it statically (many crates have a `vendored` or `bundled` feature), or put it into \
         `lib/` of the bundle with `include`"
            .to_owned()
    };
    audit.add(
        Code::LibraryMissing,
        path,
        format!("needs {library}, which is neither in the bundle nor on {}", system.runtime),
        hint,
    );
}

/// A version that a bundled library must define. One without versions satisfies all (glibc warns).
fn defined(audit: &mut Audit<'_>, path: &str, need: &VersionNeed, file: &Inspected) {
    let Content::Elf(library) = &file.content else { return };
    if library.versions_defined.is_empty() || library.versions_defined.contains(&need.version) {
        return;
    }
    let level = if need.is_optional() { Level::Note } else { Level::Error };
    audit.add_as(
        level,
        if need.is_optional() { Code::WeakSymbolVersion } else { Code::SymbolVersion },
        path,
        format!("needs {} of {}{}", need.version, file.path, symbols(need)),
        "bundle the version of the library that it was linked with",
    );
}

/// A version newer than the system's copy of the library.
fn exceeded(audit: &mut Audit<'_>, path: &str, need: &VersionNeed, system: &System) {
    let Some(highest) = system.exceeded(&need.version) else { return };
    let what = format!(
        "needs {} of {}{}; {} has up to {highest}",
        need.version,
        need.library,
        symbols(need),
        system.runtime
    );
    if need.is_optional() {
        audit.add(
            Code::WeakSymbolVersion,
            path,
            format!("{what} (weak: the loader goes on without it)"),
            "",
        );
    } else {
        audit.add(Code::SymbolVersion, path, what, version_hint(need, &highest));
    }
}

fn version_hint(need: &VersionNeed, highest: &str) -> String {
    if need.version == "GLIBC_ABI_DT_RELR" {
        return "link without `-z pack-relative-relocs`".to_owned();
    }
    if need.version == "GLIBC_PRIVATE" {
        return "a file that uses glibc's own inside fits only the glibc that it came with; leave it \
                out"
            .to_owned();
    }
    match highest.split_once('_') {
        Some(("GLIBC", version)) => format!(
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
