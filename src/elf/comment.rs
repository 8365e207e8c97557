//! The lines that compilers and linkers leave in `.comment` (gABI, "Special Sections"). Nothing
//! loads them, so section headers that make no sense only mean that there are none.

use std::io::{Read, Seek};

use super::ElfError;
use super::bytes::{Source, Table};
use super::header::Tables;

const HEADERS: &str = "section header table";
const NAMES: &str = "section name table";
const COMMENT: &str = "comment section";
const HEADER_SIZE: u16 = 64;
const SHT_PROGBITS: u32 = 1;

const MAX_LINES: usize = 16;
const MAX_LINE: usize = 4096;
const MAX_SECTION: u64 = 1 << 20;

/// The lines of `.comment`; none if that cannot be made out.
pub(super) fn read<R: Read + Seek>(
    source: &mut Source<'_, R>,
    tables: &Tables,
) -> Result<Vec<String>, ElfError> {
    match section(source, tables) {
        Ok(Some(section)) => Ok(lines(section.bytes())),
        Err(error @ ElfError::Io(_)) => Err(error),
        Ok(None) | Err(_) => Ok(Vec::new()),
    }
}

fn section<R: Read + Seek>(
    source: &mut Source<'_, R>,
    tables: &Tables,
) -> Result<Option<Table>, ElfError> {
    if tables.section.offset == 0 || tables.section.entry_size != HEADER_SIZE {
        return Ok(None);
    }
    let headers = source.read(HEADERS, tables.section.offset, tables.section.size())?;
    let header_of = |number: u16| u64::from(number).saturating_mul(u64::from(HEADER_SIZE));
    let names_at = header_of(tables.section_names);
    let names = source.read(
        NAMES,
        headers.u64(names_at.saturating_add(24))?,
        headers.u64(names_at.saturating_add(32))?,
    )?;
    for at in (0..tables.section.count).map(header_of) {
        let name = names.tail(u64::from(headers.u32(at)?)).unwrap_or_default();
        if headers.u32(at.saturating_add(4))? == SHT_PROGBITS && name.starts_with(b".comment\0") {
            let size = headers.u64(at.saturating_add(32))?.min(MAX_SECTION);
            return source.read(COMMENT, headers.u64(at.saturating_add(24))?, size).map(Some);
        }
    }
    Ok(None)
}

fn lines(section: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in section.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line.get(..MAX_LINE).unwrap_or(line));
        if !lines.iter().any(|seen| *seen == line) {
            lines.push(line.into_owned());
        }
        if lines.len() == MAX_LINES {
            break;
        }
    }
    lines
}
