//! What tells two bundles apart, the most telling first.
//!
//! Decided here: which files are only in one, have other modes, times or contents; of ELF files which
//! compiler, string, symbol and section; and what of the container differs where the files do not.
//! One side is *given* and may be hostile, the other was *rebuilt*. Equal sides have no difference;
//! sides that are not equal have at least one. Contents are read in pieces: memory is bounded by what
//! is kept of strings and symbols (64 MiB each), however large the files are.

mod bytes;
mod content;
mod demangle;
mod difference;
mod elf;
mod strings;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use content::{Built, contents, zips};
pub use difference::{Difference, Kind};

use crate::bundle::DosTime;
use crate::digest::Sha256;

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its path in the bundle.
    pub path: String,
    /// Permission bits, where there are any.
    pub mode: Option<u32>,
    /// Is a symbolic link; its contents are where it leads.
    pub symlink: bool,
    /// Its length in bytes.
    pub length: u64,
    /// The digest of its contents; none where they cannot be unpacked.
    pub digest: Option<Sha256>,
    /// How it stands in its zip, if it does.
    pub zipped: Option<Zipped>,
}

/// How a file stands in a zip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zipped {
    /// Its time.
    pub time: DosTime,
    /// Not compressed.
    pub stored: bool,
    /// The bytes it takes there.
    pub compressed: u64,
}

/// What of two bundles differs but for the contents of files: which are only in one, modes, times.
#[must_use]
pub fn listings(given: &[Item], rebuilt: &[Item]) -> Vec<Difference> {
    let (ours, theirs) = (by_path(rebuilt), by_path(given));
    let mut found = Vec::new();
    for item in given.iter().filter(|item| !ours.contains_key(&*item.path)) {
        found.push(Difference::of(Kind::File, &item.path).given(bytes(item.length)));
    }
    for item in rebuilt.iter().filter(|item| !theirs.contains_key(&*item.path)) {
        found.push(Difference::of(Kind::File, &item.path).rebuilt(bytes(item.length)));
    }
    for (a, b) in pairs(given, rebuilt) {
        if a.symlink != b.symlink || (a.mode != b.mode && a.mode.is_some()) {
            let difference = Difference::of(Kind::Mode, &a.path);
            found.push(difference.given(mode(a)).rebuilt(mode(b)));
        }
    }
    found.extend(times(given, rebuilt));
    found
}

/// The files that both have and that are not of equal contents, by their places.
#[must_use]
pub fn changed(given: &[Item], rebuilt: &[Item]) -> Vec<(usize, usize)> {
    let places: BTreeMap<&str, usize> =
        rebuilt.iter().enumerate().map(|(place, item)| (&*item.path, place)).collect();
    let pair = |(place, item): (usize, &Item)| Some((place, *places.get(&*item.path)?));
    let differ = |(a, b): &(usize, usize)| {
        let digest = |items: &[Item], place: usize| items.get(place).and_then(|item| item.digest);
        let (a, b) = (digest(given, *a), digest(rebuilt, *b));
        // What cannot be unpacked was said.
        a.is_some() && b.is_some() && a != b
    };
    given.iter().enumerate().filter_map(pair).filter(differ).collect()
}

/// What of the container differs: the order, and how files are compressed. To be asked where the
/// files themselves are equal, since else the latter follows from them.
#[must_use]
pub fn containers(given: &[Item], rebuilt: &[Item]) -> Vec<Difference> {
    let mut found = Vec::new();
    let common = |items: &[Item], others: &[Item]| -> Vec<String> {
        let others: BTreeSet<&str> = others.iter().map(|item| &*item.path).collect();
        let here = items.iter().filter(|item| others.contains(&*item.path));
        here.map(|item| item.path.clone()).collect()
    };
    let (theirs, ours) = (common(given, rebuilt), common(rebuilt, given));
    let order = theirs.iter().zip(&ours).find(|(a, b)| a != b);
    let zipped = |items: &[Item]| items.iter().all(|item| item.zipped.is_some());
    if let Some((a, b)) = order.filter(|_| zipped(given) && zipped(rebuilt)) {
        let text = |path: &str| format!("`{path}` first");
        found.push(Difference::new(Kind::Order).given(text(a)).rebuilt(text(b)));
    }
    let both = pairs(given, rebuilt).filter_map(|(a, b)| Some((a, a.zipped?, b.zipped?)));
    for (item, a, b) in both {
        if (a.stored, a.compressed) != (b.stored, b.compressed) {
            let difference = Difference::of(Kind::Compression, &item.path);
            found.push(difference.given(packed(a)).rebuilt(packed(b)));
        }
    }
    found
}

/// At most `most` of them; the last then says how many more there are.
fn at_most(most: usize, mut all: Vec<Difference>) -> Vec<Difference> {
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    if let Some(last) = all.last_mut() {
        last.more += more;
    }
    all
}

fn by_path(items: &[Item]) -> BTreeMap<&str, &Item> {
    items.iter().map(|item| (&*item.path, item)).collect()
}

/// The files that both have.
fn pairs<'a>(
    given: &'a [Item],
    rebuilt: &'a [Item],
) -> impl Iterator<Item = (&'a Item, &'a Item)> + use<'a> {
    let ours = by_path(rebuilt);
    given.iter().filter_map(move |item| Some((item, *ours.get(&*item.path)?)))
}

/// Where all files have the other time, that is one difference.
fn times(given: &[Item], rebuilt: &[Item]) -> Vec<Difference> {
    let mut kinds: BTreeMap<(String, String), (String, usize)> = BTreeMap::new();
    for (a, b) in pairs(given, rebuilt) {
        let (Some(theirs), Some(ours)) = (a.zipped, b.zipped) else { continue };
        if theirs.time != ours.time {
            let key = (theirs.time.to_string(), ours.time.to_string());
            kinds.entry(key).or_insert_with(|| (a.path.clone(), 0)).1 += 1;
        }
    }
    let difference = |((a, b), (path, count)): (_, (String, usize))| {
        let mut difference = Difference::of(Kind::Time, &path).given(a).rebuilt(b);
        difference.more = count - 1;
        difference
    };
    at_most(10, kinds.into_iter().map(difference).collect())
}

fn bytes(count: u64) -> String {
    format!("{count} {}", if count == 1 { "byte" } else { "bytes" })
}

fn mode(item: &Item) -> String {
    let link = if item.symlink { "symbolic link " } else { "" };
    item.mode.map_or_else(|| format!("{link}none"), |mode| format!("{link}{mode:04o}"))
}

fn packed(zipped: Zipped) -> String {
    let how = if zipped.stored { "stored in" } else { "deflated to" };
    format!("{how} {}", bytes(zipped.compressed))
}
