//! The file system that the layers of an image make, one over the other.
//!
//! The rules are those of the OCI image specification, "Image Layer Filesystem Changeset": later entries
//! replace earlier ones, whiteouts take away what is below. Folders that lead through symbolic links are
//! followed inside of the image, as container runtimes do.

mod trouble;

use std::collections::{BTreeMap, BTreeSet};

pub use trouble::Trouble;

use crate::audit::Content;
use crate::tar::{self, Header, Kind};

/// As many links in a row as Linux follows (`path_resolution(7)`).
const MAX_LINKS: usize = 40;
/// The most parts of the paths that all links on one way name: far more than any has.
const MAX_PARTS: usize = 512;
/// The most room for folders that have no entry, in bytes: a few bytes can name thousands.
const MAX_IMPLIED: usize = 16 << 20;
/// The longest name, in bytes (Linux, `NAME_MAX`).
const MAX_NAME: usize = 255;
/// The prefix of a whiteout, and the whole name of an opaque one.
pub(super) const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

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
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// The layer that it is of.
    pub layer: usize,
}

/// The files of an image, by their path without a slash at the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Root {
    nodes: BTreeMap<String, Node>,
    /// The permission bits of the root itself, if it has an entry.
    top: Option<u32>,
    /// The texts of `/etc/ld.so.conf` and of what it may include, and the folders that loaders know.
    texts: BTreeMap<String, String>,
    /// How much room the folders that had no entry have taken, in bytes.
    implied: usize,
}

/// A layer that is being put on top.
#[derive(Debug)]
pub struct Layer<'r> {
    root: &'r mut Root,
    number: usize,
    /// The folders that it only implied.
    implied: BTreeSet<String>,
    /// What it has taken away; whether only what is in it.
    whiteouts: BTreeSet<(String, bool)>,
    /// Where the last entry was put.
    last: Option<String>,
    /// Where what it names was, if it was a hard link.
    linked: Option<String>,
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
        let (implied, whiteouts) = (BTreeSet::new(), BTreeSet::new());
        Layer { root: self, number, implied, whiteouts, last: None, linked: None }
    }

    /// Everything, in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
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
        self.nodes.insert(path.to_owned(), node);
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
            match self.nodes.get(&at).map(|node| &node.item) {
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
        self.nodes.get(&real).map(|node| (real, node))
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

    fn remove_below(&mut self, folder: &str, keep: impl Fn(&Node) -> bool) {
        // `/` sorts before all that may follow a name, so what is below stands together.
        let from = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let below = self.nodes.range(from.clone()..);
        let below = below.take_while(|(path, _)| path.starts_with(&from));
        let gone: Vec<String> =
            below.filter(|(_, node)| !keep(node)).map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.nodes.remove(&path);
        }
    }
}

/// The parts of a path, the last one first.
fn parts(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).rev().map(str::to_owned).collect()
}

impl Layer<'_> {
    /// Puts an entry there, with what its file is; says what is the matter with it. Whatever that is,
    /// what a container runtime would make of it is there afterwards.
    pub fn put(&mut self, header: &Header, content: Content) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        (self.last, self.linked) = (None, None);
        let Some(path) = normal(&header.path) else { return vec![Trouble::Path] };
        if header.path.starts_with('/') {
            troubles.push(Trouble::Path);
        }
        if path.is_empty() {
            if header.kind == Kind::Folder {
                self.root.top = Some(header.mode);
            }
            return troubles;
        }
        let longest = path.split('/').map(|name| tar::bytes(name).len()).max();
        troubles.extend(longest.filter(|length| *length > MAX_NAME).map(Trouble::Name));
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let Some(folder) = self.folder(folder, &mut troubles) else { return troubles };
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            troubles.extend(self.whiteout(&folder, name, hidden));
            return troubles;
        }
        self.last = Some(path.clone());
        let number = self.number;
        let is_there = self.root.nodes.get(&path).is_some_and(|node| node.layer == number);
        if is_there && !self.implied.remove(&path) {
            troubles.push(Trouble::Twice);
        }
        let Header { mode, uid, gid, .. } = *header;
        let item = match &header.kind {
            Kind::Folder => Item::Folder,
            Kind::File => Item::File(header.size, content),
            Kind::Symlink(to) => Item::Symlink(to.clone()),
            Kind::HardLink(to) => {
                match self.target(to) {
                    Some(node) => self.replace(path, node),
                    None => troubles.push(Trouble::NoTarget(to.clone())),
                }
                return troubles;
            }
            Kind::Device | Kind::Fifo | Kind::Other(_) => Item::Special,
        };
        if let (Item::Folder, Some(Item::Symlink(to))) =
            (&item, self.root.nodes.get(&path).map(|node| &node.item))
        {
            troubles.push(Trouble::OverSymlink(to.clone()));
        }
        self.replace(path, Node { item, mode, uid, gid, layer: self.number });
        troubles
    }

    /// The path that the last entry was put at: no whiteout, and nothing that cannot be there.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Where the file was that the last entry names, if that is a hard link to something.
    #[must_use]
    pub fn linked(&self) -> Option<&str> {
        self.linked.as_deref()
    }

    /// The file that a hard link names, and its attributes.
    fn target(&mut self, to: &str) -> Option<Node> {
        let path = normal(to)?;
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let folder = self.root.real(folder)?;
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let node = self.root.nodes.get(&path).filter(|node| node.item != Item::Folder)?;
        let node = Node { layer: self.number, ..node.clone() };
        self.linked = Some(path);
        Some(node)
    }

    /// The real folder that an entry goes into; folders without an entry are made.
    fn folder(&mut self, folder: &str, troubles: &mut Vec<Trouble>) -> Option<String> {
        let Some(real) = self.root.real(folder) else {
            troubles.push(Trouble::NotInFolder(folder.to_owned()));
            return None;
        };
        let all: Vec<String> =
            Root::above(&real).chain([real.as_str()]).map(str::to_owned).collect();
        for above in all.into_iter().filter(|path| !path.is_empty()) {
            match self.root.nodes.get(&above).map(|node| &node.item) {
                Some(Item::Folder) => {}
                Some(_) => {
                    troubles.push(Trouble::NotInFolder(above));
                    return None;
                }
                None => {
                    if self.root.implied > MAX_IMPLIED {
                        troubles.push(Trouble::NotInFolder(above));
                        return None;
                    }
                    troubles.push(Trouble::NoParent(above.clone()));
                    self.imply(above);
                }
            }
        }
        Some(real)
    }

    /// A folder that has no entry, as container runtimes make it.
    fn imply(&mut self, path: String) {
        self.root.implied += path.len() + 128;
        let layer = self.number;
        let node = Node { item: Item::Folder, mode: 0o755, uid: 0, gid: 0, layer };
        self.root.nodes.insert(path.clone(), node);
        self.implied.insert(path);
    }

    fn replace(&mut self, path: String, node: Node) {
        if node.item != Item::Folder {
            self.root.remove_below(&path, |_| false);
        }
        self.root.nodes.insert(path, node);
    }

    /// Takes away what layers below have, whatever the order in this one.
    fn whiteout(&mut self, folder: &str, name: &str, hidden: &str) -> Vec<Trouble> {
        let number = self.number;
        let opaque = name == OPAQUE;
        if !opaque && (hidden.is_empty() || hidden.starts_with(WHITEOUT)) {
            return vec![Trouble::Whiteout];
        }
        let path = match folder {
            folder if opaque => folder.to_owned(),
            "" => hidden.to_owned(),
            folder => format!("{folder}/{hidden}"),
        };
        // What is gone does not come back, so once is enough.
        if !self.whiteouts.insert((path.clone(), opaque)) {
            return Vec::new();
        }
        self.root.remove_below(&path, |node| node.layer == number);
        if !opaque && self.root.nodes.get(&path).is_some_and(|node| node.layer != number) {
            self.root.nodes.remove(&path);
        }
        self.orphans(&path)
    }

    /// What this layer has below a path may have stood in folders that are gone now.
    fn orphans(&mut self, path: &str) -> Vec<Trouble> {
        let nodes = &self.root.nodes;
        let from = if path.is_empty() { String::new() } else { format!("{path}/") };
        let kept = nodes.range(from.clone()..).map(|(path, _)| path);
        let above = kept.take_while(|path| path.starts_with(&from)).flat_map(|it| Root::above(it));
        let missing: BTreeSet<String> =
            above.filter(|path| !nodes.contains_key(*path)).map(str::to_owned).collect();
        let implied = missing.into_iter().map(|path| {
            self.imply(path.clone());
            Trouble::NoParent(path)
        });
        implied.collect()
    }
}

#[cfg(test)]
mod tests;
