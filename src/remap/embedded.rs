//! Paths of this machine that are in a program all the same: nothing can remap the value of
//! `env!("CARGO_MANIFEST_DIR")`, or what a build script printed.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use cargo_metadata::PackageId;
use memchr::memmem::Finder;

use super::Remap;
use crate::percent;

/// How much is read at a time, in bytes.
const CHUNK: usize = 1 << 20;
/// As much of what follows a folder's name as is looked at, in bytes.
const TAIL: usize = 1024;

/// A path that another folder would make another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Embedded {
    /// The package that brought it, if the path tells.
    pub package: Option<String>,
    /// The beginning of the path, as far as it is known to belong to it.
    pub path: String,
}

/// A package by path that does not lie in the workspace. Cargo hashes where it lies into the names of
/// its symbols (`SourceId::stable_hash`: only paths below the workspace are taken relative to it).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// Its name.
    pub package: String,
    /// Its folder.
    pub folder: String,
}

/// Those of these packages that lie outside of the workspace, sorted.
#[must_use]
pub fn outside<'i>(
    packages: impl IntoIterator<Item = &'i PackageId>,
    workspace: &Path,
) -> Vec<Outside> {
    let of_id = |id: &PackageId| {
        // Package ID specifications: `path+file:///folder#name@version`, or `#version`, if the folder
        // has the package's name.
        let (url, rest) = id.repr.strip_prefix("path+file://")?.rsplit_once('#')?;
        let folder = percent::decoded(url);
        let name = || Path::new(&folder).file_name()?.to_str().map(str::to_owned);
        let package = match rest.split_once('@') {
            Some((name, _)) => name.to_owned(),
            None => name()?,
        };
        (!Path::new(&folder).starts_with(workspace)).then_some(Outside { package, folder })
    };
    let mut found: Vec<Outside> = packages.into_iter().filter_map(of_id).collect();
    found.sort();
    found
}

/// The folders of the workspace's packages, with their names.
pub type Members<'a> = [(&'a Path, &'a str)];

impl Remap {
    /// Finds the remapped folders in a program, each path once, sorted. Memory: 2 MiB.
    pub fn embedded(
        &self,
        program: &mut impl Read,
        members: &Members<'_>,
    ) -> io::Result<Vec<Embedded>> {
        let all = self.places.iter().map(|place| &place.from).chain(&self.watched);
        let found = all.map(|from| from.as_os_str().as_encoded_bytes());
        // `/w` may stand in anything; so may the sources of the standard library.
        let folders: Vec<_> = found
            .filter(|from| from.split(|byte| *byte == b'/').nth(2).is_some())
            .map(|from| (from, Finder::new(from)))
            .collect();
        let mut found = BTreeSet::new();
        let mut window = Vec::with_capacity(CHUNK + TAIL);
        loop {
            let read = program.by_ref().take(CHUNK as u64).read_to_end(&mut window)?;
            let last = read < CHUNK;
            // What begins in the tail is looked at when what follows it is there.
            let end = if last { window.len() } else { window.len().saturating_sub(TAIL) };
            for (from, finder) in &folders {
                for at in finder.find_iter(&window).filter(|at| *at < end) {
                    let rest = window.get(at..).unwrap_or_default();
                    found.extend(self.path(rest, from.len(), members));
                }
            }
            if last {
                return Ok(found.into_iter().collect());
            }
            window.drain(..end);
        }
    }

    /// The path at the beginning of `bytes`, which one of the folders is.
    fn path(&self, bytes: &[u8], length: usize, members: &Members<'_>) -> Option<Embedded> {
        let text = printable(bytes.get(..bytes.len().min(TAIL))?);
        let folder = text.get(..length)?;
        // A folder inside of it says more, and is found itself.
        let deeper = self.places.iter().filter_map(|place| place.from.to_str());
        let mut deeper = deeper.filter(|other| other.len() > length);
        if deeper.any(|other| text.starts_with(other)) {
            return None;
        }
        let below = text.get(length..).unwrap_or_default();
        if let Some((whole, package)) = of_build_script(below) {
            let path = format!("{folder}{whole}");
            return Some(Embedded { package: Some(package.to_owned()), path });
        }
        if let Some(name) = of_registry(below) {
            let (package, _) = name.rsplit_once('-').unwrap_or((name, ""));
            let path = format!("{folder}/{name}");
            return Some(Embedded { package: Some(package.to_owned()), path });
        }
        let member = members.iter().filter(|(root, _)| {
            root.to_str().is_some_and(|root| text.starts_with(root) && root.len() >= length)
        });
        let member = member.max_by_key(|(root, _)| root.as_os_str().len());
        let path = member.and_then(|(root, _)| root.to_str()).unwrap_or(folder);
        let package = member.map(|(_, name)| (*name).to_owned());
        Some(Embedded { package, path: path.to_owned() })
    }
}

/// The text at the beginning, up to what no path has.
fn printable(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(u8::is_ascii_control).unwrap_or(bytes.len());
    let bytes = bytes.get(..end).unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    }
}

/// `…/build/<package>-<16 digits>/out`: the folder of a build script's output, and its package.
fn of_build_script(below: &str) -> Option<(&str, &str)> {
    let at = below.find("/build/")? + "/build/".len();
    let (unit, rest) = below.get(at..)?.split_once('/')?;
    let (package, hash) = unit.rsplit_once('-')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let end = at + unit.len() + "/out".len();
    (is_hash && rest.starts_with("out")).then(|| Some((below.get(..end)?, package)))?
}

/// `/<package>-<version>`: strings stand one behind the other, so only as much as a version has.
fn of_registry(below: &str) -> Option<&str> {
    let name = below.strip_prefix('/')?;
    let hyphen = name.match_indices('-').find(|(at, _)| {
        name.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })?;
    let package = name.get(..hyphen.0)?;
    let is_name = !package.is_empty()
        && package.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let version = name.get(hyphen.0 + 1..)?;
    let length = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let version = version.get(..length)?.trim_end_matches('.');
    (is_name && version.matches('.').count() == 2)
        .then(|| name.get(..package.len() + 1 + version.len()))?
}
