//! A program and the shared libraries of Rust code that it ships with, held against each other.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use crate::elf::{self, ElfError};

/// What was found of a pair.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// The libraries that the program is linked with.
    pub needed: Vec<String>,
    /// The symbols of Rust's that one of them wants and none defines.
    pub unbound: BTreeSet<String>,
}

/// How names of symbols begin that rustc gave (The rustc book, "Symbol Mangling"; the older ones as Itanium
/// C++ has them), and those of its own that it does not mangle.
const OF_RUST: [&str; 4] = ["_R", "_ZN", "__rust", "rust_"];

/// Looks at a program and all libraries in a folder. Rust's symbols have no versions, so each is looked for by its
/// name, which has a hash of the build in it.
///
/// # Errors
///
/// Where a file cannot be read, with its path.
pub fn pair(program: &Path, folder: &Path) -> Result<Pair, (PathBuf, io::Error)> {
    let mut files = vec![program.to_path_buf()];
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |error| (path, error)
    };
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        files.push(entry.map_err(at(folder))?.path());
    }
    let needed = of(program, elf::read)?.needed;
    let mut unbound = BTreeSet::new();
    for file in &files {
        unbound.append(&mut of(file, elf::wanted)?);
    }
    unbound.retain(|name| OF_RUST.iter().any(|prefix| name.starts_with(prefix)));
    for file in &files {
        of(file, |reader| elf::provide(reader, &mut unbound))?;
    }
    Ok(Pair { needed, unbound })
}

fn of<T>(
    path: &Path,
    read: impl FnOnce(&mut BufReader<File>) -> Result<T, ElfError>,
) -> Result<T, (PathBuf, io::Error)> {
    let opened = File::open(path).map(BufReader::new);
    let answer = opened.and_then(|mut reader| read(&mut reader).map_err(io::Error::other));
    answer.map_err(|error| (path.to_path_buf(), error))
}
