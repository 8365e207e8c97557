//! The contents of one file of two bundles.

use std::io::{self, Read, Seek};

use super::bytes::{self, Span};
use super::difference::{Difference, Kind};
use super::elf;
use crate::elf::Layout;

/// The folders that the rebuilt side was built in: of the sources, of cargo's target folder.
pub type Built<'a> = &'a [String];

/// How much of a path that was found is shown, in bytes.
const EXCERPT: u64 = 240;

/// What differs in a file of which both sides have one, and not the same.
///
/// # Errors
///
/// Only if reading fails: a file that claims to be ELF and cannot be understood is compared as bytes.
pub fn contents(
    path: &str,
    given: &mut (impl Read + Seek),
    rebuilt: &mut (impl Read + Seek),
    built: Built<'_>,
) -> io::Result<Vec<Difference>> {
    let Some(first) = bytes::first_difference((given, Span::ALL), (rebuilt, Span::ALL))? else {
        return Ok(Vec::new());
    };
    let whole = Difference::of(Kind::Content, path);
    let whole = whole.given(length(given)?).rebuilt(length(rebuilt)?).at(Some(first));
    let elves = elf::understand(given)?.zip(elf::understand(rebuilt)?);
    let mut found = vec![whole];
    found.extend(embedded(path, rebuilt, elves.as_ref().map(|(_, ours)| ours), built)?);
    if let Some((theirs, ours)) = &elves {
        found.extend(elf::compare(path, (given, theirs), (rebuilt, ours))?);
    }
    found.sort_by_key(|difference| difference.kind);
    Ok(found)
}

fn length(reader: &mut impl Seek) -> io::Result<String> {
    reader.seek(io::SeekFrom::End(0)).map(super::bytes)
}

/// The folders that the rebuilt file was built in, where they stand in it.
fn embedded(
    path: &str,
    rebuilt: &mut (impl Read + Seek),
    layout: Option<&Layout>,
    built: Built<'_>,
) -> io::Result<Vec<Difference>> {
    let mut found = Vec::new();
    for folder in built {
        let Some(at) = bytes::find(rebuilt, folder.as_bytes())? else { continue };
        let text = bytes::some(rebuilt, at, EXCERPT.max(folder.len() as u64))?;
        let text = String::from_utf8_lossy(&text);
        let ends = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
        let difference = Difference::of(Kind::Path, path);
        let text = text.split(ends).next().unwrap_or_default();
        let difference = difference.rebuilt(format!("`{text}`"));
        let part = layout.and_then(|layout| elf::part_at(layout, at));
        found.push(match part {
            Some(part) => difference.part(part),
            None => difference,
        });
    }
    Ok(found)
}

/// What differs of two zips whose files are equal and stand in the same order: where.
pub fn zips(given: &mut impl Read, rebuilt: &mut impl Read) -> io::Result<Option<Difference>> {
    let first = bytes::first_of(given, rebuilt)?;
    Ok(first.map(|first| Difference::new(Kind::Container).at(Some(first))))
}
