//! Fixed names for the folders of this machine, so that the same source gives the same bytes anywhere.
//!
//! Rustc writes the paths of sources into panic messages and debug information, and so does a C
//! compiler for `__FILE__`. Both take prefixes to write instead (rustc, `--remap-path-prefix`; GCC and
//! clang, `-ffile-prefix-map`); where several match, the last one given counts. Cargo leaves
//! `RUSTFLAGS` with such a word out of its hashes (cargo, `compute_metadata`), and so out of the names
//! of the folders of build scripts, which their output may carry.
//!
//! | folder | is written as |
//! |---|---|
//! | the workspace | `/workspace` |
//! | a package outside of it, by path | `/workspace/../…` |
//! | cargo's target folder, and its build folder | `/target` |
//! | packages of a registry, downloaded or vendored | `/cargo/registry/<name>-<version>` |
//! | a checkout of a git repository | `/cargo/git/<repository>/<commit>` |
//! | the source of the standard library | what rustc calls it: `/rustc/<commit>` |

mod c;
mod embedded;

use std::path::{Component, Path, PathBuf};

use cargo_metadata::{Metadata, Package};
use serde::{Deserialize, Serialize};

pub use c::CCompiler;
pub use embedded::{Embedded, Members, Outside, outside};

use crate::cargo_config::Word;

/// What the workspace is called.
const WORKSPACE: &str = "/workspace";
/// What cargo's target folder is called.
const TARGET: &str = "/target";
/// The folder of a registry's packages.
const REGISTRY: &str = "/cargo/registry";
/// The folder of git checkouts.
const GIT: &str = "/cargo/git";
/// As many digits of a commit as tell it from all others.
const COMMIT_DIGITS: usize = 12;
/// rustc's flag, in one word: cargo looks for it so.
const FLAG: &str = "--remap-path-prefix=";

/// A folder of this machine and what is written instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The folder; absolute.
    pub from: PathBuf,
    /// Its fixed name.
    pub to: String,
}

/// What packages and tools lie where.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// The root of the workspace.
    pub workspace: &'a Path,
    /// Where cargo writes: its target folders, and its build folder.
    pub targets: &'a [PathBuf],
    /// See [`packages`].
    pub packages: &'a [Place],
    /// `rustc --print sysroot`.
    pub sysroot: &'a Path,
    /// What rustc says in the place of its own sources: `/rustc/<commit>`, mostly.
    pub rustc: &'a str,
    /// What tells the linker and the C compiler from others: see [`Remap::new`].
    pub tools: &'a str,
}

/// A folder that is not there.
const NOWHERE: &str = "/lambda-pack/tools";

/// The folders that get fixed names, those inside of others behind them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remap {
    places: Vec<Place>,
    /// Folders that no compiler writes, but a program may ask cargo for.
    watched: Vec<PathBuf>,
}

impl Remap {
    /// Decides. Cargo compiles and links again if flags change, and not if the linker or the C compiler
    /// does; so a folder that is nowhere stands for these.
    #[must_use]
    pub fn new(folders: &Folders<'_>) -> Self {
        // Without a slash at the end: C compilers compare letter by letter.
        let place = |from: &Path, to: String| Place { from: from.components().collect(), to };
        let mut places = vec![
            place(folders.workspace, WORKSPACE.to_owned()),
            place(&folders.sysroot.join("lib/rustlib/src/rust"), folders.rustc.to_owned()),
            place(&Path::new(NOWHERE).join(folders.tools), NOWHERE.to_owned()),
        ];
        places.extend(folders.targets.iter().map(|target| place(target, TARGET.to_owned())));
        places.extend_from_slice(folders.packages);
        // Rustc divides at the last one.
        places.retain(|place| !place.to.contains('='));
        let mut remap = Self { places, watched: Vec::new() };
        remap.sort();
        remap
    }

    /// The same with the other names of the folders: `real` follows links, and takes `..` away.
    #[must_use]
    pub fn with_real(mut self, real: impl Fn(&Path) -> Option<PathBuf>) -> Self {
        let other = |place: &Place| Some(Place { from: real(&place.from)?, to: place.to.clone() });
        let others: Vec<Place> = self.places.iter().filter_map(other).collect();
        self.places.extend(others);
        self.sort();
        self
    }

    /// The same, with folders that are looked for in programs only: `env!("CARGO")` is in one of them.
    #[must_use]
    pub fn with_watched(mut self, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        self.watched.extend(folders);
        self
    }

    fn sort(&mut self) {
        self.places.sort_by_key(|place| (place.from.components().count(), place.clone()));
        // Of two names of one folder the first counts, whatever the order they were found in.
        self.places.dedup_by(|later, first| later.from == first.from);
    }

    /// The folders, those inside of others behind them.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| !place.from.starts_with(NOWHERE))
    }

    /// Words for rustc. What the user's own flags remap stays theirs.
    #[must_use]
    pub fn rustc_flags(&self, users: &[Word]) -> Vec<String> {
        let theirs = theirs(users);
        let left = self.places.iter().filter(|place| {
            let from = place.from.to_string_lossy();
            !theirs.iter().any(|other| other.trim_end_matches('/') == from)
        });
        left.map(|place| format!("{FLAG}{}={}", place.from.display(), place.to)).collect()
    }

    /// Whether a word for rustc is one of ours.
    #[must_use]
    pub fn is_flag(word: &str) -> bool {
        word.starts_with(FLAG)
    }
}

/// The folders that the user's own flags remap.
fn theirs(users: &[Word]) -> Vec<&str> {
    let mut words = users.iter().map(|word| word.text.as_str());
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix(FLAG) {
            Some(value) => Some(value),
            None if word == FLAG.trim_end_matches('=') => words.next(),
            None => None,
        };
        found.extend(value.and_then(|value| value.rsplit_once('=')).map(|(from, _)| from));
    }
    found
}

/// The places of packages that are not in the workspace, sorted, each once.
#[must_use]
pub fn packages(metadata: &Metadata) -> Vec<Place> {
    let root = metadata.workspace_root.as_std_path();
    let mut places: Vec<Place> =
        metadata.packages.iter().filter_map(|package| of_package(package, root)).collect();
    places.sort();
    places.dedup();
    places
}

fn of_package(package: &Package, workspace: &Path) -> Option<Place> {
    let folder = package.manifest_path.parent()?.as_std_path();
    let whole = format!("{}-{}", package.name, package.version);
    let Some(source) = &package.source else {
        let to = relative(workspace, folder)?;
        return Some(Place { from: folder.to_path_buf(), to: format!("{WORKSPACE}/{to}") });
    };
    if let Some(git) = source.repr.strip_prefix("git+") {
        return Some(of_git(git, folder, &whole));
    }
    // Cargo has all packages of a registry in one folder; a vendored one may lack the version.
    let parent = folder.parent().filter(|_| folder.ends_with(&whole));
    Some(match parent {
        Some(parent) => registry(parent.to_path_buf()),
        None => Place { from: folder.to_path_buf(), to: format!("{REGISTRY}/{whole}") },
    })
}

/// A folder in which cargo has the packages of a registry.
#[must_use]
pub fn registry(from: PathBuf) -> Place {
    Place { from, to: REGISTRY.to_owned() }
}

/// A checkout, `…/<repository>-<hash>/<short commit>`, of which the whole commit is not known.
#[must_use]
pub fn checkout(from: PathBuf) -> Place {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
    };
    let (commit, clone) = (name(Some(&from)), name(from.parent()));
    let repository = clone.rsplit_once('-').map_or(clone.as_str(), |(name, _)| name);
    Place { to: format!("{GIT}/{repository}/{commit}"), from }
}

/// `…/git/checkouts/<repository>-<hash>/<short commit>/…`, and `<url>?…#<commit>` as the source. How
/// short the commit is depends on git and on the clone.
fn of_git(source: &str, folder: &Path, whole: &str) -> Place {
    let commit = source.rsplit_once('#').map_or("", |(_, commit)| commit);
    let checkout = folder.ancestors().find(|above| {
        let name = above.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let kept = above.parent().and_then(Path::parent).is_some_and(|f| f.ends_with("checkouts"));
        kept && !name.is_empty() && commit.starts_with(name)
    });
    let short = commit.get(..COMMIT_DIGITS).unwrap_or(commit);
    match checkout.map(|from| self::checkout(from.to_path_buf())) {
        Some(Place { from, to }) => {
            let repository = to.rsplit_once('/').map_or(GIT, |(repository, _)| repository);
            Place { from, to: format!("{repository}/{short}") }
        }
        // Vendored: where in the repository it was nothing tells.
        None => Place { from: folder.to_path_buf(), to: format!("{GIT}/{whole}/{short}") },
    }
}

/// The way from one absolute folder to another that is not in it.
fn relative(from: &Path, to: &Path) -> Option<String> {
    if to.starts_with(from) {
        return None;
    }
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| "..".to_owned());
    let down = to.components().skip(common).map(|part| match part {
        Component::Normal(name) => name.to_string_lossy().into_owned(),
        _ => String::new(),
    });
    Some(up.chain(down).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests;
