//! Files of ours on top of a base: as entries of layers that unpack the same everywhere.
//!
//! Folders above a file that are symbolic links in the base are followed, so that the link stays
//! (`/lib64` of Amazon Linux). Every folder above it gets an entry, which Lambda wants
//! (`MissingParentDirectory`), with the attributes that the base gives it: an entry replaces those of
//! the layer below (image-spec, "Changeset over existing files").

use std::collections::BTreeMap;

use super::root::{Item, Node, Owner, Root, WHITEOUT, layer_number};
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
    #[error("/{0} cannot be put into the image: a folder is there")]
    Folder(String),
    /// Links of the base lead two files to one place.
    #[error(
        "/{0} cannot be put into the image: by links of the base it is /{1}, as another file is"
    )]
    Twice(String, String),
    /// It would hide a file in place of being one.
    #[error(
        "/{0} cannot be put into the image: a name that begins with `.wh.` takes a file away (image-spec, \
         \"Whiteouts\")"
    )]
    Whiteout(String),
}

/// The entries of one layer, sorted by their paths; afterwards the root has them.
pub fn place<'a>(
    root: &mut Root,
    number: usize,
    things: &BTreeMap<String, Thing<'a>>,
) -> Result<Vec<Placed<'a>>, PlaceError> {
    let layer = layer_number(number);
    let mut placed: BTreeMap<String, Placed<'a>> = BTreeMap::new();
    for (path, thing) in things {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let not_in_folder = || PlaceError::NotInFolder(path.clone());
        let real = root.real(folder).ok_or_else(not_in_folder)?;
        let mut real = if real.is_empty() { name.to_owned() } else { format!("{real}/{name}") };
        // A link to a folder is one.
        if matches!(thing, Thing::Folder(_)) {
            real = root.real(&real).filter(|real| !real.is_empty()).ok_or_else(not_in_folder)?;
        }
        if real.split('/').any(|part| part.starts_with(WHITEOUT)) {
            return Err(PlaceError::Whiteout(path.clone()));
        }
        let above: Vec<String> = Root::above(&real).map(str::to_owned).collect();
        for folder in above {
            let (mode, owner) = match root.get(&folder) {
                Some(node) if node.item != Item::Folder => return Err(not_in_folder()),
                Some(node) => (node.mode, node.owner.clone()),
                None => (Mode::Executable.bits(), Owner::default()),
            };
            let (uid, gid) = owner.ids();
            root.set(&folder, Node { item: Item::Folder, mode, owner, layer });
            let member = Member { path: folder.clone(), what: What::Folder, mode, uid, gid };
            placed.entry(folder).or_insert(Placed { member, entry: None });
        }
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
        if item != Item::Folder && placed.contains_key(&real) {
            return Err(PlaceError::Twice(path.clone(), real));
        }
        let node = Node { item, mode, owner: Owner::default(), layer };
        root.set(&real, node);
        let member = Member { path: real.clone(), what, mode, uid: 0, gid: 0 };
        placed.insert(real, Placed { member, entry });
    }
    Ok(placed.into_values().collect())
}
