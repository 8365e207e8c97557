//! What can be the matter with an entry.

/// What is the matter with an entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The path leads out, is absolute or has two spellings.
    Path,
    /// A folder above it has no entry, in this layer or below.
    NoParent(String),
    /// What stands above it is no folder.
    NotInFolder(String),
    /// A folder takes the place of a symbolic link of a layer below.
    OverSymlink(String),
    /// The file that a hard link names is not there.
    NoTarget(String),
    /// The file that a hard link names is a folder.
    ToFolder(String),
    /// A whiteout without a name.
    Whiteout,
    /// What aufs has for itself.
    Aufs,
    /// An entry without a name.
    Nameless,
    /// A path that this layer has already.
    Twice,
    /// A folder above it has its entry only later in this layer.
    Late(String),
    /// A name that no file system takes: so many bytes.
    Name(usize),
}

impl Trouble {
    /// How many bytes of text it holds.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Self::NoParent(text)
            | Self::Late(text)
            | Self::NotInFolder(text)
            | Self::OverSymlink(text)
            | Self::NoTarget(text)
            | Self::ToFolder(text) => text.len(),
            Self::Path
            | Self::Whiteout
            | Self::Aufs
            | Self::Nameless
            | Self::Twice
            | Self::Name(_) => 0,
        }
    }
}
