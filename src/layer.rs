//! Which files leave the functions for Lambda layers that they share, and why the others stay.
//!
//! Pure: it sees paths, digests and lengths only. Files are put together by who uses them and by how
//! often they change, so no function ever gets a file that it does not need, and what changes takes
//! nothing else along. A layer is made where it saves bytes; what can be in a layer alone (assets and
//! extensions, which are found below `/opt`) is in one whatever that saves.
//!
//! A file that leaves n functions for a layer is once in the layer instead of n times in functions:
//! the sum of all zips becomes smaller by its compressed length n − 1 times, since an entry of a zip is
//! as long in the one as in the other and a zip more costs 22 bytes. So no plan makes the sum larger.

mod fit;
mod name;
pub mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use name::{Known, LONGEST_PREFIX, has_prefix, is_name, name, plain};

use crate::digest::Sha256;
use crate::target::Arch;

/// How many layers a function may use ("Lambda quotas").
pub const MOST: usize = 5;
/// What a layer must save, where nothing is said: 1 MiB, before compression.
pub const MIN_SAVING: u64 = 1 << 20;

/// How often a file changes, from the rarest on; and so what it may share a layer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// With the compiler: Rust's own libraries.
    Toolchain,
    /// With a library of the build machine, or of a sysroot.
    Native,
    /// With what the user put there: models, certificates, fonts, data.
    Asset,
    /// With an extension of the workspace.
    Extension,
    /// With the crates that functions share.
    Workspace,
}

impl Kind {
    /// Every kind, from the one that changes most rarely on.
    pub const ALL: [Self; 5] =
        [Self::Toolchain, Self::Native, Self::Asset, Self::Extension, Self::Workspace];

    /// Its word, in the names of layers too.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Toolchain => "toolchain",
            Self::Native => "native",
            Self::Asset => "asset",
            Self::Extension => "extension",
            Self::Workspace => "workspace",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether it is built with the functions, so that what it was is of no interest.
    #[must_use]
    pub const fn is_built(self) -> bool {
        matches!(self, Self::Extension | Self::Workspace)
    }

    /// Whether a shared library of Rust code is of this kind.
    #[must_use]
    pub const fn is_of_rust(self) -> bool {
        matches!(self, Self::Toolchain | Self::Workspace)
    }

    /// Whether it is found below `/opt` only, and so in a layer only.
    #[must_use]
    pub const fn needs_layer(self) -> bool {
        matches!(self, Self::Asset | Self::Extension)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a file is: two of the same are the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct File {
    /// How often it changes.
    pub kind: Kind,
    /// Its permission bits.
    pub mode: u32,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its contents.
    pub digest: Sha256,
}

impl File {
    /// What the lock keeps of it: of what is built with the functions only that it is there, or the lock
    /// would be another one after each change of code.
    #[must_use]
    pub fn remembered(self) -> Self {
        if self.kind.is_built() { Self { size: 0, digest: Sha256::of(b""), ..self } } else { self }
    }
}

/// The files of a layer, or those of a function that could be in one, by their path below `/opt`.
pub type Files = BTreeMap<String, File>;

/// A function and what of it could be in layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its architecture.
    pub arch: Arch,
    /// How many layers it may have beside those of others.
    pub slots: usize,
    /// Whether it shares libraries; what needs a layer is in one all the same.
    pub shares: bool,
    /// Whether it is linked with a library of Rust code that it shares: with others that are, whatever that saves.
    pub linked: bool,
    /// Its files.
    pub files: Files,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it holds; more than one kind only where functions would have too many layers.
    pub kinds: BTreeSet<Kind>,
    /// Its architecture.
    pub arch: Arch,
    /// Its files.
    pub files: Files,
    /// The functions that use it.
    pub users: BTreeSet<String>,
}

/// Why a file stays in a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// The settings say so (`layers.share`).
    Unasked,
    /// No other function has it.
    Alone,
    /// Its layer would save less than is asked for.
    TooSmall {
        /// How many functions have it.
        users: usize,
        /// What the layer would save, in bytes.
        saves: u64,
    },
    /// The function has as many layers as it may have, and this one would save least.
    NoSlot {
        /// How many functions have it.
        users: usize,
        /// What the layer would save for all of them, in bytes.
        saves: u64,
    },
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The layers, sorted by architecture, kind and files.
    pub layers: Vec<Layer>,
    /// What stays, by function, architecture and path.
    pub stays: BTreeMap<(String, Arch), BTreeMap<String, Stay>>,
}

/// A function needs more layers than it may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{function}` needs {} of its own ({}), and its `layers` leave room for {slots}: AWS takes {MOST} in all",
    if layers.len() == 1 { "a layer".to_owned() } else { format!("{} layers", layers.len()) },
    layers.join(", ")
)]
pub struct TooMany {
    /// The function.
    pub function: String,
    /// What would be in each.
    pub layers: Vec<String>,
    /// How many it may have.
    pub slots: usize,
}

/// What functions of one set share of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Class {
    kinds: BTreeSet<Kind>,
    arch: Arch,
    users: BTreeSet<String>,
    files: Files,
}

impl Layer {
    /// The length of all its files, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        size(&self.files)
    }

    /// Whether there is no other place for all that is in it.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.kinds.iter().all(|kind| kind.needs_layer())
    }

    /// What it saves, in bytes before compression: it is there once instead of once for each function.
    #[must_use]
    pub fn saves(&self) -> u64 {
        self.size() * (self.users.len() as u64).saturating_sub(1)
    }
}

/// The length of files, in bytes.
#[must_use]
pub fn size(files: &Files) -> u64 {
    files.values().map(|file| file.size).sum()
}

/// What a layer is, whatever its zip: the digest over its sorted paths, modes and contents.
#[must_use]
pub fn tree_digest(files: &Files) -> Sha256 {
    let line = |(path, file): (&String, &File)| {
        format!("{:04o} {} {path}\n", file.mode, file.digest.hex())
    };
    Sha256::of(files.iter().map(line).collect::<String>().as_bytes())
}

/// Decides. `min_saving` is what a layer must save in bytes, before compression.
pub fn plan(users: &[User], min_saving: u64) -> Result<Plan, TooMany> {
    let mut stays = BTreeMap::new();
    let mut classes = Vec::new();
    for arch in Arch::ALL {
        let own: Vec<&User> = users.iter().filter(|user| user.arch == arch).collect();
        for user in &own {
            stays.insert((user.name.clone(), arch), BTreeMap::new());
        }
        let linked: BTreeSet<&String> =
            own.iter().filter(|user| user.linked).map(|user| &user.name).collect();
        let asked = |class: &Class| {
            class.kinds.iter().all(|kind| kind.is_of_rust())
                && class.users.iter().all(|user| linked.contains(user))
        };
        let worth = |class: &Class| {
            class.kinds.iter().any(|kind| kind.needs_layer())
                || (class.users.len() > 1 && (class.saves() >= min_saving || asked(class)))
        };
        let mut stay = |class: &Class, user: &str, why: Stay| {
            let stays = stays.entry((user.to_owned(), arch)).or_default();
            stays.extend(class.files.keys().map(|path| (path.clone(), why)));
        };
        let mut own_classes = Vec::new();
        for class in grouped(&own, arch, &mut stay) {
            if worth(&class) {
                own_classes.push(class);
                continue;
            }
            let users = class.users.len();
            let why = match users {
                1 => Stay::Alone,
                _ => Stay::TooSmall { users, saves: class.saves() },
            };
            class.users.iter().for_each(|user| stay(&class, user, why));
        }
        let slots = own.iter().map(|user| (user.name.as_str(), user.slots)).collect();
        classes.extend(fit::fit(own_classes, &slots, min_saving, &mut stay)?);
    }
    let layer = |Class { kinds, arch, users, files }| Layer { kinds, arch, files, users };
    Ok(Plan { layers: classes.into_iter().map(layer).collect(), stays })
}

/// Files of the same kind that the same functions have, together. What is not to be shared stays.
fn grouped(users: &[&User], arch: Arch, stay: &mut dyn FnMut(&Class, &str, Stay)) -> Vec<Class> {
    let mut owners: BTreeMap<(&String, &File), BTreeSet<String>> = BTreeMap::new();
    for user in users {
        for (path, file) in &user.files {
            if user.shares || file.kind.needs_layer() {
                owners.entry((path, file)).or_default().insert(user.name.clone());
            } else {
                let files = Files::from([(path.clone(), *file)]);
                let class = Class::new(file.kind, arch, BTreeSet::new(), files);
                stay(&class, &user.name, Stay::Unasked);
            }
        }
    }
    let mut classes: BTreeMap<(Kind, BTreeSet<String>), Files> = BTreeMap::new();
    for ((path, file), users) in owners {
        classes.entry((file.kind, users)).or_default().insert(path.clone(), *file);
    }
    let class = |((kind, users), files)| Class::new(kind, arch, users, files);
    classes.into_iter().map(class).collect()
}

impl Class {
    fn new(kind: Kind, arch: Arch, users: BTreeSet<String>, files: Files) -> Self {
        Self { kinds: BTreeSet::from([kind]), arch, users, files }
    }

    fn saves(&self) -> u64 {
        size(&self.files) * (self.users.len() as u64).saturating_sub(1)
    }

    fn needs_layer(&self) -> bool {
        self.kinds.iter().any(|kind| kind.needs_layer())
    }

    /// What it is called where it has no name yet.
    fn shown(&self) -> String {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.word()).collect();
        let first = self.files.keys().next().map_or("", String::as_str);
        format!("{} {first}", kinds.join("+"))
    }
}

#[cfg(test)]
mod tests;
