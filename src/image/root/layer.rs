//! How a layer is put on top of what is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Item, Node, Owner, Root, Trouble, WHITEOUT, normal};
use crate::audit::Content;
use crate::tar::{self, Header, Kind};

/// The most room for folders that have no entry, in bytes: a few bytes can name thousands.
const MAX_IMPLIED: usize = 16 << 20;
/// The longest name, in bytes (Linux, `NAME_MAX`).
const MAX_NAME: usize = 255;
/// The whole name of an opaque whiteout.
const OPAQUE: &str = ".wh..wh..opq";
/// How names begin that aufs has for itself: engines pass over them (image-spec, "Whiteouts"; docker's
/// `pkg/archive`, `WhiteoutMetaPrefix`).
const AUFS: &str = ".wh..wh.";

/// A layer that is being put on top.
#[derive(Debug)]
pub struct Layer<'r> {
    root: &'r mut Root,
    number: u32,
    /// The folders that it only implied.
    implied: BTreeSet<Arc<str>>,
    /// What it has taken away; whether only what is in it.
    whiteouts: BTreeSet<(String, bool)>,
    /// Where the last entry was put.
    last: Option<Arc<str>>,
    /// Where what it names was, if it was a hard link.
    linked: Option<String>,
}

impl<'r> Layer<'r> {
    pub(super) fn new(root: &'r mut Root, number: u32) -> Self {
        let (implied, whiteouts) = (BTreeSet::new(), BTreeSet::new());
        Self { root, number, implied, whiteouts, last: None, linked: None }
    }

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
            if header.kind == Kind::Folder && !header.path.is_empty() {
                self.root.top = Some(header.mode);
            } else {
                troubles.push(Trouble::Nameless);
            }
            return troubles;
        }
        if path.split('/').any(|name| name.starts_with(AUFS) && name != OPAQUE) {
            return vec![Trouble::Aufs];
        }
        let longest = path.split('/').map(|name| tar::bytes(name).len()).max();
        troubles.extend(longest.filter(|length| *length > MAX_NAME).map(Trouble::Name));
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let Some(folder) = self.folder(folder, &mut troubles) else { return troubles };
        let path: Arc<str> = joined(&folder, name).into();
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            troubles.extend(self.whiteout(&folder, name, hidden));
            return troubles;
        }
        self.last = Some(Arc::clone(&path));
        let number = self.number;
        let is_there = self.root.get(&path).is_some_and(|node| node.layer == number);
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
                    Ok(node) => self.replace(path, node),
                    Err(trouble) => troubles.push(trouble),
                }
                return troubles;
            }
            Kind::Device | Kind::Fifo | Kind::Other(_) => Item::Special,
        };
        if let (Item::Folder, Some(Item::Symlink(to))) =
            (&item, self.root.get(&path).map(|node| &node.item))
        {
            troubles.push(Trouble::OverSymlink(to.clone()));
        }
        self.replace(path, Node { item, mode, owner: Owner::new(uid, gid), layer: self.number });
        troubles
    }

    /// The path that the last entry was put at: no whiteout, and nothing that cannot be there.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<str>> {
        self.last.as_ref()
    }

    /// Where the file was that the last entry names, if that is a hard link to something.
    #[must_use]
    pub fn linked(&self) -> Option<&str> {
        self.linked.as_deref()
    }

    /// The file that a hard link names, and its attributes.
    fn target(&mut self, to: &str) -> Result<Node, Trouble> {
        let missing = || Trouble::NoTarget(to.to_owned());
        let path = normal(to).ok_or_else(missing)?;
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let folder = self.root.real(folder).ok_or_else(missing)?;
        let path = joined(&folder, name);
        let node = self.root.get(&path).ok_or_else(missing)?;
        if node.item == Item::Folder {
            return Err(Trouble::ToFolder(to.to_owned()));
        }
        let node = Node { layer: self.number, ..node.clone() };
        self.linked = Some(path);
        Ok(node)
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
            match self.root.get(&above).map(|node| &node.item) {
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
                    self.imply(&above);
                }
            }
        }
        Some(real)
    }

    /// A folder that has no entry, as container runtimes make it.
    fn imply(&mut self, path: &str) {
        self.root.implied += path.len() + 128;
        let layer = self.number;
        let owner = Owner::default();
        let node = Node { item: Item::Folder, mode: 0o755, owner, layer };
        let path: Arc<str> = path.into();
        self.root.nodes.insert(Arc::clone(&path), node);
        self.implied.insert(path);
    }

    fn replace(&mut self, path: Arc<str>, node: Node) {
        if node.item != Item::Folder {
            self.root.remove_below(&path, |_| false);
        }
        self.root.nodes.insert(path, node);
    }

    /// Takes away what layers below have, whatever the order in this one.
    fn whiteout(&mut self, folder: &str, name: &str, hidden: &str) -> Vec<Trouble> {
        let number = self.number;
        let opaque = name == OPAQUE;
        if matches!(hidden, "" | "." | "..") {
            return vec![Trouble::Whiteout];
        }
        let path = if opaque { folder.to_owned() } else { joined(folder, hidden) };
        // What is gone does not come back, so once is enough.
        if !self.whiteouts.insert((path.clone(), opaque)) {
            return Vec::new();
        }
        self.root.remove_below(&path, |node| node.layer == number);
        if !opaque && self.root.get(&path).is_some_and(|node| node.layer != number) {
            self.root.nodes.remove(path.as_str());
        }
        self.orphans(&path)
    }

    /// What this layer has below a path may have stood in folders that are gone now.
    fn orphans(&mut self, path: &str) -> Vec<Trouble> {
        let root = &*self.root;
        let above = root.below(path).flat_map(|(path, _)| Root::above(path));
        let missing: BTreeSet<String> =
            above.filter(|path| root.get(path).is_none()).map(str::to_owned).collect();
        let implied = missing.into_iter().map(|path| {
            self.imply(&path);
            Trouble::NoParent(path)
        });
        implied.collect()
    }
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
