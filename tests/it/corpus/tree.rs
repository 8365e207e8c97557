//! Fuzz target `tree`: paths as they come, into a tree, a zip, and back. Also included by
//! `fuzz/targets/tree.rs`.
//!
//! The input is lines: a path, and after a tab the contents. Those that begin with `#!` are
//! executable.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor};

use lambda_pack::bundle::{
    Access, Bundle, BundleError, DosTime, Gate, Level, Member, ReadError, ZipFile, write_zip,
};
use lambda_pack::digest::Sha256;
use lambda_pack::files;
use lambda_pack::tree::{ArchivePath, Entry, Mode, Source, Tree};

/// Trees up to this size are also written as a zip, so that one input does not take long.
const SMALL: usize = 8;

/// The tree must take exactly what a plain model of it takes, in the order of the paths' bytes; its
/// zip must have exactly the promised length, and be read back as it was.
pub(crate) fn run(data: &[u8]) {
    let mut tree = Tree::default();
    let mut model = Model::default();
    for line in data.split(|byte| *byte == b'\n') {
        let mut halves = line.splitn(2, |byte| *byte == b'\t');
        let text = String::from_utf8_lossy(halves.next().unwrap_or_default());
        let contents = halves.next().unwrap_or_default();
        let path = ArchivePath::new(&text);
        assert_eq!(path.is_ok(), is_sound(&text), "{text:?}: {path:?}");
        let Ok(path) = path else { continue };
        assert_eq!(path.as_str(), text);
        let taken = tree.insert(path, entry(contents));
        assert_eq!(taken.is_ok(), model.insert(&text, contents), "{text:?}: {taken:?}");
    }
    let held = tree.iter().map(|(path, entry)| (path.as_str(), entry));
    assert!(held.map(|(path, entry)| (path, entry.clone())).eq(model.entries()));
    assert_eq!((tree.len(), tree.is_empty()), (model.files.len(), model.files.is_empty()));
    if tree.len() <= SMALL {
        check_zip(&tree, &model);
    }
}

/// The guarantees of [`ArchivePath`], once more.
fn is_sound(text: &str) -> bool {
    let bad = |part: &str| matches!(part, "" | "." | "..") || part.len() > 255;
    let odd = |c: char| c == '\\' || c.is_control();
    // An absolute path has an empty first part.
    !text.split('/').any(bad) && !text.chars().any(odd) && text.len() <= 4085
}

fn mode(contents: &[u8]) -> Mode {
    if contents.starts_with(b"#!") { Mode::Executable } else { Mode::Regular }
}

fn entry(contents: &[u8]) -> Entry {
    Entry {
        mode: mode(contents),
        length: contents.len() as u64,
        source: Source::Bytes(contents.into()),
    }
}

/// What a [`Tree`] should be: files, and the folders that they imply.
#[derive(Default)]
struct Model {
    files: BTreeMap<String, Vec<u8>>,
    folders: BTreeSet<String>,
}

impl Model {
    /// Whether there is room for the file, which then is there.
    fn insert(&mut self, path: &str, contents: &[u8]) -> bool {
        if let Some(present) = self.files.get(path) {
            return present == contents;
        }
        let folders = || path.match_indices('/').map(|(at, _)| &path[..at]);
        if self.folders.contains(path) || folders().any(|folder| self.files.contains_key(folder)) {
            return false;
        }
        self.folders.extend(folders().map(str::to_owned));
        self.files.insert(path.to_owned(), contents.to_vec());
        true
    }

    /// Sorted by the bytes of their paths.
    fn entries(&self) -> impl Iterator<Item = (&str, Entry)> {
        self.files.iter().map(|(path, contents)| (path.as_str(), entry(contents)))
    }
}

fn check_zip(tree: &Tree, model: &Model) {
    // The best level takes milliseconds: only for a lone program.
    let lone_program = tree.len() == 1 && tree.iter().all(|(_, e)| e.mode == Mode::Executable);
    let level = if lone_program { Level::Best } else { Level::Fast };
    let written = write(tree, level);
    assert!(written.is_ok(), "{written:?}");
    let Ok((bundle, zip)) = written else { return };
    assert_eq!(bundle.length, zip.len() as u64);
    assert_eq!(bundle.digest, Sha256::of(&zip));
    assert!(bundle.files.iter().map(|file| file.path.as_str()).eq(model.files.keys()));
    for (file, contents) in bundle.files.iter().zip(model.files.values()) {
        let (length, digest) = (contents.len() as u64, Sha256::of(contents));
        assert_eq!((file.mode, file.length, file.digest), (mode(contents), length, digest));
    }
    assert_eq!(promised_length(&zip, model), zip.len());
    let back = read(&zip);
    assert!(back.is_ok(), "{back:?}");
    let back = back.unwrap_or_default();
    assert_eq!(back.len(), model.files.len());
    for ((member, contents), (path, expected)) in back.into_iter().zip(&model.files) {
        assert_eq!(contents, *expected);
        assert_eq!(member.stored, member.compressed == member.claimed);
        let expected = Member {
            name: path.clone(),
            mode: Some(mode(expected).bits()),
            claimed: expected.len() as u64,
            // What it comes to is in the promised length.
            compressed: member.compressed,
            stored: member.stored,
            time: DosTime::EARLIEST,
            folder: false,
            symlink: false,
            named_twice: false,
            refused: None,
        };
        assert_eq!(member, expected);
    }
}

fn write(tree: &Tree, level: Level) -> Result<(Bundle, Vec<u8>), BundleError> {
    let mut zip = Vec::new();
    let access = Access {
        open: &files::open,
        spool: &|| Err(io::Error::other("nothing here is large")),
        gate: &Gate::default(),
    };
    let bundle = write_zip(tree, level, DosTime::EARLIEST, &access, &mut zip)?;
    Ok((bundle, zip))
}

/// 22 bytes, and for each member 76, twice its name and what is stored of it; that is read from the
/// local headers, which must follow one another without gaps (APPNOTE 4.3.7).
fn promised_length(zip: &[u8], model: &Model) -> usize {
    let number = |at: usize, size: usize| {
        let bytes = zip.get(at..at + size).unwrap_or_default();
        bytes.iter().rev().fold(0, |number, byte| (number << 8) | usize::from(*byte))
    };
    let mut at = 0;
    let mut length = 22;
    for (path, contents) in &model.files {
        assert_eq!(number(at, 4), 0x0403_4b50);
        let (stored, whole, name, extra) =
            (number(at + 18, 4), number(at + 22, 4), number(at + 26, 2), number(at + 28, 2));
        assert_eq!((whole, name, extra), (contents.len(), path.len(), 0));
        assert!(stored <= whole, "{path} grew from {whole} to {stored} bytes");
        at += 30 + name + stored;
        length += 76 + 2 * name + stored;
    }
    length
}

fn read(zip: &[u8]) -> Result<Vec<(Member, Vec<u8>)>, ReadError> {
    let mut zip = ZipFile::open(Cursor::new(zip))?;
    let members = zip.members()?;
    let mut read = Vec::with_capacity(members.len());
    for (index, member) in members.into_iter().enumerate() {
        let mut contents = Vec::new();
        zip.extract(index, &mut contents)?;
        read.push((member, contents));
    }
    Ok(read)
}
