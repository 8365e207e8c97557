//! What goes into an archive: sorted paths, each with a mode, a length and a source.
//!
//! This is the one gate into any archive. Nothing enters with `..`, with a root, or under a path
//! that is taken; a clash names both sources. No byte is read here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The longest path that Linux opens, in bytes without the NUL (`PATH_MAX`, linux/limits.h), less
/// the longest folder that Lambda unpacks into (`/var/task/`).
const MAX_PATH: usize = 4095 - "/var/task/".len();
/// The longest file name of ext4, in bytes (`NAME_MAX`, linux/limits.h).
const MAX_COMPONENT: usize = 255;

/// A path inside an archive: relative, `/`-separated, UTF-8, normalised.
///
/// Guarantees: not empty; no empty, `.` or `..` component; no backslash and no control character
/// (unpackers disagree about both); no component over 255 and no path over 4,085 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchivePath(String);

/// Why a path may not enter an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathRefused {
    /// Nothing there.
    #[error("the path is empty")]
    Empty,
    /// It begins with `/`.
    #[error("the path is absolute")]
    Absolute,
    /// It could lead out of the folder that it is unpacked into.
    #[error("the path has a `..`")]
    Parent,
    /// `a//b`, `a/`, or `a/./b`: two spellings of one path.
    #[error("the path has an empty or `.` part")]
    NotNormalised,
    /// A backslash or a control character.
    #[error("the path has a backslash or a control character")]
    Character,
    /// Linux could not open it.
    #[error("the path or a part of it is too long")]
    TooLong,
}

impl ArchivePath {
    /// Takes a path as it would stand in the archive.
    pub fn new(path: &str) -> Result<Self, PathRefused> {
        if path.is_empty() {
            return Err(PathRefused::Empty);
        }
        if path.starts_with('/') {
            return Err(PathRefused::Absolute);
        }
        if path.chars().any(|c| c == '\\' || c.is_control()) {
            return Err(PathRefused::Character);
        }
        for part in path.split('/') {
            match part {
                ".." => return Err(PathRefused::Parent),
                "" | "." => return Err(PathRefused::NotNormalised),
                _ if part.len() > MAX_COMPONENT => return Err(PathRefused::TooLong),
                _ => {}
            }
        }
        if path.len() > MAX_PATH {
            return Err(PathRefused::TooLong);
        }
        Ok(Self(path.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every folder above the path, the nearest first.
    fn parents(&self) -> impl Iterator<Item = &str> {
        self.0.rmatch_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl fmt::Display for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The two modes that an entry of ours can have. Lambda runs the code under a user of its own, so
/// both are readable by everyone (AWS, "Deploying .zip file archives": 644 and 755).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 0644.
    Regular,
    /// 0755.
    Executable,
}

impl Mode {
    /// Permission bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Regular => 0o644,
            Self::Executable => 0o755,
        }
    }
}

/// Where the bytes of an entry are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, read when the archive is written.
    File(PathBuf),
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Bytes(bytes) => write!(f, "{} bytes made by lambda-pack", bytes.len()),
        }
    }
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its permission bits.
    pub mode: Mode,
    /// Its length in bytes, as it was when the tree was made.
    pub length: u64,
    /// Its bytes.
    pub source: Source,
}

/// Two sources want one path, or one wants a file where the other needs a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` clashes: {first} and {second}")]
pub struct Clash {
    /// The path that both want.
    pub path: String,
    /// The source that was there first.
    pub first: String,
    /// The source that came second.
    pub second: String,
}

/// Sorted archive entries. Folders are implied by the files in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<ArchivePath, Entry>);

impl Tree {
    /// Adds an entry. The same source again under the same path is no clash.
    pub fn insert(&mut self, path: ArchivePath, entry: Entry) -> Result<(), Clash> {
        let clash = |path: &str, first: &Entry| Clash {
            path: path.to_owned(),
            first: first.source.to_string(),
            second: entry.source.to_string(),
        };
        if let Some(present) = self.0.get(&path) {
            return if *present == entry { Ok(()) } else { Err(clash(path.as_str(), present)) };
        }
        for parent in path.parents() {
            if let Some(file) = self.0.get(&ArchivePath(parent.to_owned())) {
                return Err(clash(parent, file));
            }
        }
        // `/` sorts before every character that may follow a file name, but names with a smaller
        // character (`a-b`) stand between `a` and `a/…`: look from `a/` on.
        let below = ArchivePath(format!("{path}/"));
        if let Some((other, file)) = self.0.range(&below..).next()
            && other.as_str().starts_with(below.as_str())
        {
            return Err(clash(path.as_str(), file));
        }
        self.0.insert(path, entry);
        Ok(())
    }

    /// Keeps the entries whose path this says yes to.
    pub fn retain(&mut self, keep: impl Fn(&ArchivePath) -> bool) {
        self.0.retain(|path, _| keep(path));
    }

    /// The entries, sorted by the bytes of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&ArchivePath, &Entry)> {
        self.0.iter()
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of all lengths in bytes: what Lambda calls the unzipped size.
    #[must_use]
    pub fn unpacked_size(&self) -> u64 {
        self.0.values().map(|entry| entry.length).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(content: &str) -> Entry {
        Entry {
            mode: Mode::Regular,
            length: content.len() as u64,
            source: Source::Bytes(content.as_bytes().into()),
        }
    }

    fn file(path: &str) -> Entry {
        Entry { mode: Mode::Regular, length: 1, source: Source::File(path.into()) }
    }

    fn path(text: &str) -> ArchivePath {
        ArchivePath::new(text).unwrap()
    }

    #[test]
    fn refuses_what_leads_out_or_has_two_spellings() {
        for (text, why) in [
            ("", PathRefused::Empty),
            ("/etc/passwd", PathRefused::Absolute),
            ("../x", PathRefused::Parent),
            ("a/../b", PathRefused::Parent),
            ("a/..", PathRefused::Parent),
            ("a//b", PathRefused::NotNormalised),
            ("a/", PathRefused::NotNormalised),
            ("./a", PathRefused::NotNormalised),
            ("a\\b", PathRefused::Character),
            ("a\nb", PathRefused::Character),
            ("a\0b", PathRefused::Character),
        ] {
            assert_eq!(ArchivePath::new(text), Err(why), "{text:?}");
        }
        assert_eq!(ArchivePath::new(&"x".repeat(256)), Err(PathRefused::TooLong));
        assert!(ArchivePath::new(&"x".repeat(255)).is_ok());
        assert!(ArchivePath::new("größe/…/..x").is_ok());
    }

    #[test]
    fn a_clash_names_both_sources() {
        let mut tree = Tree::default();
        tree.insert(path("a"), file("/one")).unwrap();
        tree.insert(path("a"), file("/one")).unwrap();
        let clash = tree.insert(path("a"), file("/two")).unwrap_err();
        assert_eq!(clash.to_string(), "`a` clashes: /one and /two");
        let clash = tree.insert(path("a/b"), file("/two")).unwrap_err();
        assert_eq!(clash.to_string(), "`a` clashes: /one and /two");
        tree.insert(path("c-d"), file("/three")).unwrap();
        tree.insert(path("c/e"), file("/four")).unwrap();
        let clash = tree.insert(path("c"), file("/five")).unwrap_err();
        assert_eq!(clash.to_string(), "`c` clashes: /four and /five");
    }

    proptest! {
        /// Whatever is put in, what stands there is sorted, without `..`, and unpacks as it is:
        /// no path is both a file and a folder.
        #[test]
        fn a_tree_can_always_be_unpacked(texts in proptest::collection::vec("[ab./-]{0,6}", 0..40)) {
            let mut tree = Tree::default();
            for text in &texts {
                if let Ok(path) = ArchivePath::new(text) {
                    let _ = tree.insert(path, bytes(text));
                }
            }
            let paths: Vec<_> = tree.iter().map(|(path, _)| path.as_str().to_owned()).collect();
            prop_assert!(paths.is_sorted());
            for one in &paths {
                prop_assert!(!one.starts_with('/') && one.split('/').all(|part| part != ".."));
                for other in &paths {
                    prop_assert!(!other.starts_with(&format!("{one}/")), "{one} is a file and a folder");
                }
            }
        }
    }
}
