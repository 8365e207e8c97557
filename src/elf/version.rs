//! Symbol versions (LSB Core, "Symbol Versioning"), walked as glibc `elf/dl-version.c` does: by the
//! `next` fields alone, whatever `DT_VERNEEDNUM`, `DT_VERDEFNUM`, `vn_cnt` and `vd_cnt` say.

use std::io::{Read, Seek};

use super::bytes::Table;
use super::dynamic::{Dynamic, Tag};
use super::image::Image;
use super::strings::Strings;
use super::{ElfError, VersionNeed};

const NEEDS: &str = "version need table";
const DEFINITIONS: &str = "version definition table";
/// Neither table has more entries, nor spans more bytes.
const MAX_ENTRIES: usize = 65_536;
const MAX_SPAN: u64 = 4 << 20;
const TOO_MANY: &str = "it has more than 65536 entries";
const BAD_REVISION: &str = "an entry is not of revision 1";
const BAD_HASH: &str =
    "the hash of a version is not that of its name, so the loader would not find it";

const VER_FLG_BASE: u16 = 1;
const VER_FLG_WEAK: u16 = 2;
/// Bit 15 of a version index says "hidden" and is no part of it.
pub(super) const INDEX_MASK: u16 = 0x7fff;

/// A needed version, and the index that binds symbols to it.
pub(super) struct Need {
    pub(super) index: u16,
    pub(super) facts: VersionNeed,
}

/// The versions in `DT_VERNEED` (`Elf64_Verneed`, `Elf64_Vernaux`), still without symbols.
pub(super) fn needs<R: Read + Seek>(
    image: &mut Image<'_, R>,
    dynamic: &Dynamic,
    strings: &mut Strings,
) -> Result<Vec<Need>, ElfError> {
    let mut needs = Vec::new();
    let Some(address) = dynamic.last(Tag::VER_NEED) else {
        return Ok(needs);
    };
    let table = image.window(NEEDS, address, MAX_SPAN)?;
    let mut library = Some(0);
    while let Some(at) = library {
        check_revision(&table, at)?;
        let name = u64::from(table.u32(at.saturating_add(4))?);
        let mut version = Some(at.saturating_add(u64::from(table.u32(at.saturating_add(8))?)));
        while let Some(at) = version {
            if needs.len() >= MAX_ENTRIES {
                return Err(table.malformed(0, TOO_MANY));
            }
            needs.push(need(&table, at, name, strings)?);
            version = next(&table, at, 12)?;
        }
        library = next(&table, at, 12)?;
    }
    Ok(needs)
}

fn need(table: &Table, at: u64, library: u64, strings: &mut Strings) -> Result<Need, ElfError> {
    let name = u64::from(table.u32(at.saturating_add(8))?);
    check_hash(table, at, strings.bytes(name)?)?;
    Ok(Need {
        index: table.u16(at.saturating_add(6))? & INDEX_MASK,
        facts: VersionNeed {
            library: strings.text(library)?,
            version: strings.text(name)?,
            weak: table.u16(at.saturating_add(4))? & VER_FLG_WEAK != 0,
            symbols: Vec::new(),
            strong: Vec::new(),
        },
    })
}

/// The versions in `DT_VERDEF` (`Elf64_Verdef`, `Elf64_Verdaux`) but for the base one.
pub(super) fn definitions<R: Read + Seek>(
    image: &mut Image<'_, R>,
    dynamic: &Dynamic,
    strings: &mut Strings,
) -> Result<Vec<String>, ElfError> {
    let mut names = Vec::new();
    let Some(address) = dynamic.last(Tag::VER_DEF) else {
        return Ok(names);
    };
    let table = image.window(DEFINITIONS, address, MAX_SPAN)?;
    let mut at = 0;
    for _ in 0..MAX_ENTRIES {
        check_revision(&table, at)?;
        if table.u16(at.saturating_add(2))? & VER_FLG_BASE == 0 {
            names.push(definition(&table, at, strings)?);
        }
        match next(&table, at, 16)? {
            Some(next) => at = next,
            None => return Ok(names),
        }
    }
    Err(table.malformed(0, TOO_MANY))
}

fn definition(table: &Table, at: u64, strings: &mut Strings) -> Result<String, ElfError> {
    let auxiliary = at.saturating_add(u64::from(table.u32(at.saturating_add(12))?));
    let name = u64::from(table.u32(auxiliary)?);
    check_hash(table, at.saturating_add(8), strings.bytes(name)?)?;
    strings.text(name)
}

/// Where the entry after the one at `at` is: a distance in its `field`, or none if that is zero.
fn next(table: &Table, at: u64, field: u64) -> Result<Option<u64>, ElfError> {
    let distance = table.u32(at.saturating_add(field))?;
    Ok((distance != 0).then(|| at.saturating_add(u64::from(distance))))
}

fn check_revision(table: &Table, at: u64) -> Result<(), ElfError> {
    if table.u16(at)? == 1 { Ok(()) } else { Err(table.malformed(at, BAD_REVISION)) }
}

/// Checks what `match_symbol` of glibc `elf/dl-version.c` compares first. A version renamed by a
/// careless patch fails here as it would at start.
fn check_hash(table: &Table, at: u64, name: &[u8]) -> Result<(), ElfError> {
    if table.u32(at)? == hash(name) { Ok(()) } else { Err(table.malformed(at, BAD_HASH)) }
}

/// The hash of gABI, "Hash Table".
pub(super) fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(*byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}
