//! The file system that the layers of an image make, one over the other.
//!
//! The rules are those of the OCI image specification, "Image Layer Filesystem Changeset": later entries
//! replace earlier ones, whiteouts take away what is below. Folders that lead through symbolic links are
//! followed inside of the image, as container runtimes do.

mod layer;
mod trouble;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

pub use layer::Layer;
pub use trouble::Trouble;

use crate::audit::Content;

/// As many links in a row as Linux follows (`path_resolution(7)`).
const MAX_LINKS: usize = 40;
/// The most parts of the paths that all links on one way name: far more than any has.
const MAX_PARTS: usize = 512;
/// The prefix of a whiteout.
pub(super) const WHITEOUT: &str = ".wh.";

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A folder.
    Folder,
    /// A file of so many bytes.
    File(u64, Content),
    /// A symbolic link.
    Symlink(String),
    /// A device, a pipe or something that is none of these.
    Special,
}

/// One path of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub item: Item,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub owner: Owner,
    /// The layer that it is of.
    pub layer: u32,
}

/// User and group: of nearly everything those of root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner(Option<Box<(u64, u64)>>);

impl Owner {
    /// By the numbers.
    #[must_use]
    pub fn new(uid: u64, gid: u64) -> Self {
        Self(((uid, gid) != (0, 0)).then(|| Box::new((uid, gid))))
    }

    /// The numbers.
    #[must_use]
    pub fn ids(&self) -> (u64, u64) {
        self.0.as_deref().copied().unwrap_or_default()
    }
}

/// The number of a layer, as nodes keep it.
#[must_use]
pub fn layer_number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The files of an image, by their path without a slash at the beginning. There may be many: whoever keeps a
/// path beside it shares its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Root {
    nodes: BTreeMap<Arc<str>, Node>,
    /// The permission bits of the root itself, if it has an entry.
    top: Option<u32>,
    /// The texts of `/etc/ld.so.conf` and of what it may include, and the folders that loaders know.
    texts: BTreeMap<String, String>,
    /// How much room the folders that had no entry have taken, in bytes.
    implied: usize,
}

/// The parts of a path as one spelling: no slash at either end, no `.`; none if it leads out.
#[must_use]
pub fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl Root {
    /// Begins to put a layer on top.
    pub fn layer(&mut self, number: usize) -> Layer<'_> {
        Layer::new(self, layer_number(number))
    }

    /// Everything, in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_ref(), node))
    }

    /// The permission bits of the root itself.
    #[must_use]
    pub fn top(&self) -> u32 {
        self.top.unwrap_or(0o755)
    }

    /// The sum of the files' lengths, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        let length = |node: &Node| if let Item::File(length, _) = node.item { length } else { 0 };
        self.nodes.values().map(length).fold(0, u64::saturating_add)
    }

    /// What stands at exactly this path, which may be a link.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Whether the text of a file at this path is to be kept for [`Self::loader_folders`].
    #[must_use]
    pub fn wants_text(path: &str) -> bool {
        path.trim_start_matches("./").starts_with("etc/ld.so.conf")
    }

    /// Keeps the text of a file.
    pub fn keep_text(&mut self, path: &str, text: String) {
        self.texts.insert(path.trim_start_matches("./").to_owned(), text);
    }

    /// The folders of `/etc/ld.so.conf` (ldconfig(8)), where there is a cache that was made of it.
    #[must_use]
    pub fn loader_folders(&self) -> Vec<String> {
        if self.find("etc/ld.so.cache").is_none() {
            return Vec::new();
        }
        let texts = self.texts.iter().filter(|(path, _)| Self::wants_text(path));
        let words = texts.flat_map(|(_, text)| text.lines()).flat_map(|line| {
            let line = line.split('#').next().unwrap_or_default();
            let line = if line.trim_start().starts_with("include") { "" } else { line };
            line.split(['\t', ' ', ':', ','])
        });
        words.filter(|word| word.starts_with('/')).map(str::to_owned).collect()
    }

    /// The text that was kept of a file.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Puts something at a path, whose folders are real.
    pub(super) fn set(&mut self, path: &str, node: Node) {
        self.nodes.insert(path.into(), node);
    }

    /// The number of paths.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Where a path leads when links are followed, from the root or from it: the path itself may not
    /// be there, but all folders above it are real. None where links lead in circles, or through
    /// something that is no folder.
    #[must_use]
    pub fn real(&self, path: &str) -> Option<String> {
        let mut left: Vec<String> = parts(path);
        let mut at = String::new();
        let (mut links, mut steps) = (0, 0);
        while let Some(part) = left.pop() {
            let above = at.len();
            if part == ".." {
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            if !at.is_empty() {
                at.push('/');
            }
            at.push_str(&part);
            match self.nodes.get(at.as_str()).map(|node| &node.item) {
                Some(Item::Symlink(to)) => {
                    let more = parts(to);
                    links += 1;
                    steps += more.len();
                    if links > MAX_LINKS || steps > MAX_PARTS {
                        return None;
                    }
                    at.truncate(if to.starts_with('/') { 0 } else { above });
                    left.extend(more);
                }
                Some(Item::File(..) | Item::Special) if !left.is_empty() => return None,
                _ => {}
            }
        }
        Some(at)
    }

    /// What a path leads to.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<(String, &Node)> {
        let real = self.real(path)?;
        self.get(&real).map(|node| (real, node))
    }

    /// What shuts everyone out of a real path: a folder above it that cannot be gone through, or itself, if
    /// its mode has not these bits. Where that is, and its mode.
    #[must_use]
    pub fn shut(&self, path: &str, bits: u32) -> Option<(String, u32)> {
        if self.top() & 0o001 == 0 {
            return Some(("/".to_owned(), self.top()));
        }
        let closed = |path: &str, bits: u32| {
            let mode = self.nodes.get(path)?.mode;
            (mode & bits != bits).then(|| (path.to_owned(), mode))
        };
        Self::above(path).find_map(|folder| closed(folder, 0o001)).or_else(|| closed(path, bits))
    }

    /// The folders above a path, from the root on.
    pub fn above(path: &str) -> impl Iterator<Item = &str> {
        path.match_indices('/').filter_map(|(at, _)| path.get(..at))
    }

    /// What stands below a folder, in the order of the paths.
    fn below(&self, folder: &str) -> impl Iterator<Item = (&Arc<str>, &Node)> {
        // `/` sorts before all that may follow a name, so what is below stands together.
        let from = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let below = self.nodes.range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded));
        below.take_while(move |(path, _)| path.starts_with(&from))
    }

    fn remove_below(&mut self, folder: &str, keep: impl Fn(&Node) -> bool) {
        let gone = self.below(folder).filter(|(_, node)| !keep(node));
        let gone: Vec<Arc<str>> = gone.map(|(path, _)| Arc::clone(path)).collect();
        for path in gone {
            self.nodes.remove(&path);
        }
    }
}

/// The parts of a path, the last one first.
fn parts(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).rev().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
