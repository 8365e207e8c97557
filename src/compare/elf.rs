//! What tells two ELF files apart: compilers, text, symbols, sections, headers, the build id.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use super::bytes::{self, Span};
use super::difference::{Difference, Kind};
use super::{at_most, demangle, strings};
use crate::elf::{self, ElfError, Layout, Section, Symbol};

/// At most so many of these are told one by one.
const TEXTS: usize = 10;
/// With so many no other section is searched for more: each costs time.
const ENOUGH_TEXTS: usize = 256;
const SYMBOLS: usize = 10;
const SECTIONS: usize = 40;

/// How names begin that compilers make up and number.
const OF_COMPILERS: [&str; 4] = [".", "$", "anon.", "GCC_except_table"];

const BUILD_ID: &str = ".note.gnu.build-id";
/// Before the id: three numbers and the owner, `GNU\0`.
const NOTE_HEADER: usize = 16;
/// A longer one is no digest.
const MAX_BUILD_ID: usize = 64;

/// Where the parts of a file are; none if it is no ELF file, or one that makes no sense: sections
/// that overlap would be read over and over.
pub(super) fn understand(reader: &mut (impl Read + Seek)) -> io::Result<Option<Layout>> {
    let layout = known(elf::layout(reader))?;
    let length = reader.seek(SeekFrom::End(0))?;
    let in_all = |layout: &Layout| {
        layout.sections.iter().fold(0, |sum: u64, section| sum.saturating_add(section.length))
    };
    Ok(layout.filter(|layout| in_all(layout) <= length))
}

/// Only what the disk does is an error.
fn known<T>(result: Result<T, ElfError>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ElfError::Io(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The section, or the header, that a byte of the file belongs to.
pub(super) fn part_at(layout: &Layout, at: u64) -> Option<String> {
    let within = |offset: u64, length: u64| at.checked_sub(offset).is_some_and(|at| at < length);
    let section = layout.sections.iter().find(|section| within(section.offset, section.length));
    let header = || layout.headers.iter().find(|(_, offset, length)| within(*offset, *length));
    section.map(|section| section.name.clone()).or_else(|| header().map(|at| at.0.to_owned()))
}

/// All that differs of two files that are not the same.
pub(super) fn compare<G: Read + Seek, R: Read + Seek>(
    path: &str,
    (given, theirs): (&mut G, &Layout),
    (rebuilt, ours): (&mut R, &Layout),
) -> io::Result<Vec<Difference>> {
    let comments = known(elf::comments(given))?.zip(known(elf::comments(rebuilt))?);
    let compilers = comments.and_then(|(a, b)| compilers(path, &a, &b));
    let mut pairs =
        Pairs { path, given, rebuilt, sections: Vec::new(), texts: Vec::new(), more: 0 };
    for (a, b) in side_by_side(theirs, ours) {
        match (a, b) {
            (Some(a), Some(b)) if a.name == COMMENT && b.name == COMMENT && compilers.is_some() => {
            }
            (a, b) => pairs.compare(a, b)?,
        }
    }
    let Pairs { mut sections, texts, more, .. } = pairs;
    if sections.is_empty() && compilers.is_none() {
        sections = headers(path, (given, theirs), (rebuilt, ours))?;
    }
    let symbols = match (known(elf::symbols(given))?, known(elf::symbols(rebuilt))?) {
        (Some(a), Some(b)) => symbols(path, &a, &b),
        // Of the section it was said.
        _ => Vec::new(),
    };
    let mut found: Vec<Difference> = compilers.into_iter().collect();
    found.extend(shown(path, texts, more));
    found.extend(at_most(SYMBOLS, symbols));
    found.extend(at_most(SECTIONS, sections));
    Ok(found)
}

/// Sections side by side, and what was found in them.
struct Pairs<'a, G, R> {
    path: &'a str,
    given: &'a mut G,
    rebuilt: &'a mut R,
    sections: Vec<Difference>,
    /// By the section that they stand in.
    texts: Vec<(String, strings::Pair)>,
    /// Texts that were not compared.
    more: usize,
}

impl<G: Read + Seek, R: Read + Seek> Pairs<'_, G, R> {
    fn compare(&mut self, a: Option<&Section>, b: Option<&Section>) -> io::Result<()> {
        let named = a.or(b).map_or("", |section| &section.name);
        let mut offset = None;
        if let (Some(a), Some(b)) = (a, b) {
            let spans = (span(a), span(b));
            offset = bytes::first_difference((self.given, spans.0), (self.rebuilt, spans.1))?;
            if offset.is_none() && a.size == b.size {
                return Ok(());
            }
            if a.is_data() && b.is_data() && self.texts.len() < ENOUGH_TEXTS {
                let theirs = strings::runs(self.given, spans.0)?;
                let ours = strings::runs(self.rebuilt, spans.1)?;
                let (pairs, more) = strings::compare(&theirs, &ours);
                self.texts.extend(pairs.into_iter().map(|pair| (named.to_owned(), pair)));
                self.more += more;
            }
        }
        let difference = if named == BUILD_ID {
            let given = a.map(|section| id(self.given, section)).transpose()?;
            let rebuilt = b.map(|section| id(self.rebuilt, section)).transpose()?;
            Difference { given, rebuilt, ..Difference::of(Kind::BuildId, self.path) }
        } else {
            let (given, rebuilt) = (a.map(size), b.map(size));
            let difference = Difference::of(Kind::Section, self.path).part(named).at(offset);
            Difference { given, rebuilt, ..difference }
        };
        self.sections.push(difference);
        Ok(())
    }
}

/// The texts of all sections, the most telling first.
fn shown(path: &str, mut texts: Vec<(String, strings::Pair)>, more: usize) -> Vec<Difference> {
    texts.sort_by_key(|(_, pair)| strings::rank(pair));
    let difference = |(section, (given, rebuilt)): (String, strings::Pair)| Difference {
        given,
        rebuilt,
        ..Difference::of(Kind::String, path).part(section)
    };
    let mut shown = at_most(TEXTS, texts.into_iter().map(difference).collect());
    if let Some(last) = shown.last_mut() {
        last.more += more;
    }
    shown
}

const COMMENT: &str = ".comment";

fn span(section: &Section) -> Span {
    Span { offset: section.offset, length: section.length }
}

fn size(section: &Section) -> String {
    super::bytes(section.size)
}

/// The sections of both by name, and those of one name in their order.
fn side_by_side<'a>(
    given: &'a Layout,
    rebuilt: &'a Layout,
) -> Vec<(Option<&'a Section>, Option<&'a Section>)> {
    let keyed = |layout: &'a Layout| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let key = move |section: &'a Section| {
            let count = counts.entry(&*section.name).or_default();
            *count += 1;
            ((&*section.name, *count), section)
        };
        layout.sections.iter().map(key).collect::<Vec<_>>()
    };
    let (theirs, ours) = (keyed(given), keyed(rebuilt));
    let by_key: BTreeMap<_, _> = ours.iter().copied().collect();
    let known: BTreeMap<_, _> = theirs.iter().copied().collect();
    let first = theirs.iter().map(|(key, section)| (Some(*section), by_key.get(key).copied()));
    let rest = ours.iter().filter(|(key, _)| !known.contains_key(key));
    first.chain(rest.map(|(_, section)| (None, Some(*section)))).collect()
}

/// The lines that only one of them has.
fn compilers(path: &str, given: &[String], rebuilt: &[String]) -> Option<Difference> {
    let only = |here: &[String], there: &[String]| {
        let lines: Vec<_> = here.iter().filter(|line| !there.contains(line)).collect();
        let quoted: Vec<String> = lines.iter().map(|line| format!("`{line}`")).collect();
        (!quoted.is_empty()).then(|| quoted.join(" and "))
    };
    let (theirs, ours) = (only(given, rebuilt), only(rebuilt, given));
    let other = theirs.is_some() || ours.is_some();
    let difference = Difference::of(Kind::Compiler, path);
    other.then_some(Difference { given: theirs, rebuilt: ours, ..difference })
}

fn id(reader: &mut (impl Read + Seek), section: &Section) -> io::Result<String> {
    let length = section.length.min((NOTE_HEADER + MAX_BUILD_ID) as u64);
    let note = bytes::some(reader, section.offset, length)?;
    let digest = note.get(NOTE_HEADER..).unwrap_or_default();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}

/// Where no section differs, what does.
fn headers<G: Read + Seek, R: Read + Seek>(
    path: &str,
    (given, theirs): (&mut G, &Layout),
    (rebuilt, ours): (&mut R, &Layout),
) -> io::Result<Vec<Difference>> {
    let mut found = Vec::new();
    for (a, b) in theirs.headers.iter().zip(&ours.headers) {
        let spans = [a, b].map(|&(_, offset, length)| Span { offset, length });
        let first = bytes::first_difference((given, spans[0]), (rebuilt, spans[1]))?;
        if first.is_some() {
            found.push(Difference::of(Kind::Header, path).part(a.0).at(first));
        }
    }
    Ok(found)
}

/// Symbols that only one has, and those that are of another size: the latter first, and last what
/// compilers make names for themselves.
fn symbols(path: &str, given: &[Symbol], rebuilt: &[Symbol]) -> Vec<Difference> {
    let (theirs, ours) = (sizes(given), sizes(rebuilt));
    let mut others = Vec::new();
    let mut only = BTreeMap::new();
    for (name, sizes) in &theirs {
        match ours.get(name) {
            Some(other) if other == sizes => {}
            Some(other) => {
                let difference = Difference::of(Kind::Symbol, path).part(plain(name));
                others.push(difference.given(text_of(sizes)).rebuilt(text_of(other)));
            }
            None => only_here(&mut only, name).0 = Some(named(name, sizes)),
        }
    }
    for (name, sizes) in ours.iter().filter(|(name, _)| !theirs.contains_key(*name)) {
        only_here(&mut only, name).1 = Some(named(name, sizes));
    }
    let mut only: Vec<(String, Sides)> = only.into_iter().collect();
    only.sort_by_key(|(name, _)| OF_COMPILERS.iter().any(|start| name.starts_with(start)));
    let only = only.into_iter().map(|(name, (given, rebuilt))| Difference {
        given,
        rebuilt,
        ..Difference::of(Kind::Symbol, path).part(name)
    });
    others.into_iter().chain(only).collect()
}

type Sides = (Option<String>, Option<String>);

/// Two names that only differ in the hash that rustc puts behind them are one.
fn only_here<'m>(only: &'m mut BTreeMap<String, Sides>, name: &str) -> &'m mut Sides {
    only.entry(plain(name)).or_default()
}

fn plain(name: &str) -> String {
    demangle::legacy(name).map_or_else(|| name.to_owned(), |(path, _)| path)
}

fn named(name: &str, sizes: &[u64]) -> String {
    match demangle::legacy(name) {
        Some((_, hash)) => format!("{} with hash {hash}", text_of(sizes)),
        None => text_of(sizes),
    }
}

/// Local symbols may have one name.
fn sizes(symbols: &[Symbol]) -> BTreeMap<&str, Vec<u64>> {
    let mut sizes: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for symbol in symbols {
        sizes.entry(&*symbol.name).or_default().push(symbol.size);
    }
    for sizes in sizes.values_mut() {
        sizes.sort_unstable();
    }
    sizes
}

fn text_of(sizes: &[u64]) -> String {
    let sum = super::bytes(sizes.iter().fold(0, |sum: u64, size| sum.saturating_add(*size)));
    if sizes.len() == 1 { sum } else { format!("{} of {sum} in all", sizes.len()) }
}
