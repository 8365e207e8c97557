//! Files of ours on top of a base: as entries of layers that unpack the same everywhere.
//!
//! Folders above a file that are symbolic links in the base are followed, so that the link stays
//! (`/lib64` of Amazon Linux). Every folder above it gets an entry, which Lambda wants
//! (`MissingParentDirectory`), with the attributes that the base gives it: an entry replaces those of
//! the layer below (image-spec, "Changeset over existing files").

use std::collections::{BTreeMap, BTreeSet};

use super::root::{Item, Node, Root};
use crate::audit::Content;
use crate::tar::{Member, What};
use crate::tree::{Entry, Mode};

/// A file of ours, with its place in the image without a slash at the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing<'a> {
    /// A file.
    File(&'a Entry, Content),
    /// A folder with these permission bits.
    Folder(u32),
    /// A symbolic link.
    Symlink(String),
}

/// An entry of a layer, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<'a> {
    /// The entry.
    pub member: Member,
    /// The file.
    pub entry: Option<&'a Entry>,
}

/// A file of ours cannot go where it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Above it is something that is no folder.
    #[error("/{0} cannot be put into the image: what the base has above it is no folder")]
    NotInFolder(String),
    /// The base has a folder there.
    #[error("/{0} cannot be put into the image: the base has a folder there")]
    Folder(String),
}

/// The entries of one layer, sorted by their paths; afterwards the root has them.
pub fn place<'a>(
    root: &mut Root,
    number: usize,
    things: &BTreeMap<String, Thing<'a>>,
) -> Result<Vec<Placed<'a>>, PlaceError> {
    let mut placed: BTreeMap<String, Placed<'a>> = BTreeMap::new();
    let mut folders = BTreeSet::new();
    for (path, thing) in things {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let real = root.real(folder).ok_or_else(|| PlaceError::NotInFolder(path.clone()))?;
        let real = if real.is_empty() { name.to_owned() } else { format!("{real}/{name}") };
        let above: Vec<String> = Root::above(&real).map(str::to_owned).collect();
        for folder in &above {
            if root.get(folder).is_some_and(|node| node.item != Item::Folder) {
                return Err(PlaceError::NotInFolder(path.clone()));
            }
        }
        folders.extend(above);
        let (what, mode, entry, item) = match thing {
            Thing::File(entry, content) => {
                let item = Item::File(entry.length, content.clone());
                (What::File(entry.length), entry.mode.bits(), Some(*entry), item)
            }
            Thing::Folder(mode) => (What::Folder, *mode, None, Item::Folder),
            Thing::Symlink(to) => {
                (What::Symlink(to.clone()), 0o777, None, Item::Symlink(to.clone()))
            }
        };
        let there = root.get(&real).map(|node| &node.item);
        if there == Some(&Item::Folder) && item != Item::Folder {
            return Err(PlaceError::Folder(path.clone()));
        }
        let node = Node { item, mode, uid: 0, gid: 0, layer: number };
        root.set(&real, node);
        let member = Member { path: real.clone(), what, mode, uid: 0, gid: 0 };
        placed.insert(real, Placed { member, entry });
    }
    for folder in folders {
        let (mode, uid, gid) = match root.get(&folder) {
            Some(node) => (node.mode, node.uid, node.gid),
            None => (Mode::Executable.bits(), 0, 0),
        };
        let node = Node { item: Item::Folder, mode, uid, gid, layer: number };
        root.set(&folder, node);
        let member = Member { path: folder.clone(), what: What::Folder, mode, uid, gid };
        placed.entry(folder).or_insert(Placed { member, entry: None });
    }
    Ok(placed.into_values().collect())
}
