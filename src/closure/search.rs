//! Folders that the loader searches, as absolute paths (glibc `elf/dl-load.c`, `fillin_rpath`,
//! `_dl_dst_substitute`).

use std::collections::BTreeSet;

use crate::elf::ElfFacts;

/// More folders than that in one search path are not looked at: no real file has them.
const FOLDERS: usize = 64;
/// Where Lambda starts programs; relative paths begin there.
const WORKING_FOLDER: &str = "/var/task";
/// `$LIB` of Amazon Linux's glibc, on both architectures.
const LIB: &str = "lib64";

/// The folders that a file brings along.
#[derive(Debug, Clone, Default)]
pub(super) struct Folders {
    /// Its `DT_RPATH`, then those of the files that loaded it.
    pub(super) rpath: Vec<String>,
    /// Its `DT_RUNPATH`.
    pub(super) runpath: Vec<String>,
    /// It has one, whatever it names.
    pub(super) has_runpath: bool,
}

impl Folders {
    pub(super) fn of(facts: &ElfFacts, path: &str, loader: Option<&Self>) -> Self {
        let origin = folder_of(path);
        let has_runpath = !facts.runpath.is_empty();
        // A DT_RPATH beside a DT_RUNPATH is ignored (glibc `elf/get-dynamic-info.h`).
        let mut rpath =
            if has_runpath { Vec::new() } else { expand_all(&facts.rpath, origin).collect() };
        let inherited = loader.map_or(&[][..], |loader| &loader.rpath);
        let seen: BTreeSet<&String> = rpath.iter().collect();
        let more: Vec<String> = inherited
            .iter()
            .filter(|folder| !seen.contains(folder))
            .take(FOLDERS)
            .cloned()
            .collect();
        rpath.extend(more);
        Self { rpath, runpath: expand_all(&facts.runpath, origin).collect(), has_runpath }
    }
}

/// The folders of a search path of a file that lies in `origin`.
pub(super) fn expand_all(list: &[String], origin: &str) -> impl Iterator<Item = String> {
    let mut seen = BTreeSet::new();
    list.iter()
        .take(FOLDERS)
        .map(move |folder| absolute(&expand(folder, origin)))
        .filter(move |folder| seen.insert(folder.clone()))
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path with its tokens replaced; `$PLATFORM` and what is no token stay as they are.
pub(super) fn expand(text: &str, origin: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let token = [("ORIGIN", origin), ("LIB", LIB)]
            .into_iter()
            .find_map(|(token, value)| token_ends(after, token).map(|after| (value, after)));
        if let Some((value, after)) = token {
            out.push_str(value);
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// What follows a token (`ORIGIN` or `{ORIGIN}`) at the beginning of a text, if it is there and no
/// longer word (glibc `elf/dl-load.c`, `is_dst`).
fn token_ends<'t>(text: &'t str, token: &str) -> Option<&'t str> {
    if let Some(inner) = text.strip_prefix('{') {
        return inner.strip_prefix(token)?.strip_prefix('}');
    }
    let after = text.strip_prefix(token)?;
    let longer = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (!longer).then_some(after)
}

/// A path from the root, without `.`, `..` and doubled slashes. An empty one is the working folder.
pub(super) fn absolute(path: &str) -> String {
    let from_root = if path.starts_with('/') { "" } else { WORKING_FOLDER };
    let mut parts: Vec<&str> = Vec::new();
    for part in from_root.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        for (text, expected) in [
            ("$ORIGIN", "/o"),
            ("${ORIGIN}x", "/ox"),
            ("$ORIGIN/../$LIB", "/o/../lib64"),
            ("$ORIGINAL", "$ORIGINAL"),
            ("$ORIGIN_1/$", "$ORIGIN_1/$"),
            ("${ORIGIN", "${ORIGIN"),
            ("a$$ORIGIN", "a$/o"),
            ("$PLATFORM", "$PLATFORM"),
        ] {
            assert_eq!(expand(text, "/o"), expected, "{text}");
        }
    }

    #[test]
    fn paths_from_the_root() {
        for (path, expected) in [
            ("/a//b/./c/../d/", "/a/b/d"),
            ("/../..", "/"),
            ("lib", "/var/task/lib"),
            ("", "/var/task"),
            ("../x", "/var/x"),
        ] {
            assert_eq!(absolute(path), expected, "{path}");
        }
    }
}
