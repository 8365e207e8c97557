//! What a file takes from others by name alone, and what it offers them: Rust's own symbols have no
//! versions, so nothing else tells whether a program and a shared library are of one build.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use super::ElfError;
use super::bytes::{Source, Table};
use super::dynamic::{Dynamic, Tag};
use super::header::Header;
use super::image::Image;
use super::strings::Strings;
use super::symbol::{SYMBOL_SIZE, SYMBOLS, VERSION_SIZE, VERSIONS, count};
use super::version::INDEX_MASK;

const STB_LOCAL: u8 = 0;
const STB_WEAK: u8 = 2;
const SHN_UNDEF: u16 = 0;
/// Indices of versions from here on are of a version that another library must define, or this one does
/// (LSB Core, "Symbol Version Table"): 0 is local, 1 global.
const FIRST_VERSION: u16 = 2;

/// The dynamic symbols of a file.
struct Exchange {
    symbols: Table,
    versions: Option<Table>,
    strings: Strings,
    count: u64,
}

/// The symbols that some other file must define, by name, whatever defines them: without those that are
/// weak or bound to a version. None of an ELF32 or a big-endian file.
///
/// # Errors
///
/// As [`super::read`].
pub fn wanted<R: Read + Seek>(reader: &mut R) -> Result<BTreeSet<String>, ElfError> {
    let Some(mut exchange) = Exchange::read(reader)? else { return Ok(BTreeSet::new()) };
    let mut wanted = BTreeSet::new();
    for number in 1..exchange.count {
        let (binding, section, name) = exchange.symbol(number)?;
        let strong = binding != STB_LOCAL && binding != STB_WEAK;
        if strong && section == SHN_UNDEF && !exchange.has_version(number)? {
            wanted.insert(exchange.strings.text(name)?);
        }
    }
    Ok(wanted)
}

/// Takes off a set what a file defines for others.
///
/// # Errors
///
/// As [`super::read`].
pub fn provide<R: Read + Seek>(
    reader: &mut R,
    wanted: &mut BTreeSet<String>,
) -> Result<(), ElfError> {
    let Some(exchange) = Exchange::read(reader)? else { return Ok(()) };
    for number in 1..exchange.count {
        let (binding, section, name) = exchange.symbol(number)?;
        if binding != STB_LOCAL && section != SHN_UNDEF {
            // What is no text is no name that anyone wants.
            if let Ok(name) = std::str::from_utf8(exchange.strings.bytes(name)?) {
                wanted.remove(name);
            }
        }
    }
    Ok(())
}

impl Exchange {
    fn read<R: Read + Seek>(reader: &mut R) -> Result<Option<Self>, ElfError> {
        let mut source = Source::new(reader)?;
        let Some(tables) = Header::read(&mut source)?.tables else { return Ok(None) };
        let mut image = Image::read(source, &tables)?;
        let dynamic = Dynamic::read(&mut image)?;
        let Some(symbols) = dynamic.last(Tag::SYM_TAB) else { return Ok(None) };
        let strings = Strings::read(&mut image, &dynamic)?;
        let count = count(&mut image, &dynamic)?;
        let symbols = image.table(SYMBOLS, symbols, count.saturating_mul(SYMBOL_SIZE))?;
        let versions = match dynamic.last(Tag::VER_SYM) {
            Some(at) => Some(image.table(VERSIONS, at, count.saturating_mul(VERSION_SIZE))?),
            None => None,
        };
        Ok(Some(Self { symbols, versions, strings, count }))
    }

    /// The binding of a symbol, its section, and where its name is.
    fn symbol(&self, number: u64) -> Result<(u8, u16, u64), ElfError> {
        let at = number.saturating_mul(SYMBOL_SIZE);
        let binding = self.symbols.u8(at.saturating_add(4))? >> 4;
        let section = self.symbols.u16(at.saturating_add(6))?;
        Ok((binding, section, u64::from(self.symbols.u32(at)?)))
    }

    fn has_version(&self, number: u64) -> Result<bool, ElfError> {
        let Some(versions) = &self.versions else { return Ok(false) };
        let index = versions.u16(number.saturating_mul(VERSION_SIZE))?;
        Ok(index & INDEX_MASK >= FIRST_VERSION)
    }
}
