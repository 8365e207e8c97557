//! The lines that compilers and linkers leave in `.comment` (gABI, "Special Sections"). Nothing
//! loads them, so section headers that make no sense only mean that there are none.

use std::io::{Read, Seek};

use super::ElfError;
use super::bytes::{Source, Table};
use super::header::Tables;
use super::section::{self, Section};

const WHAT: &str = "comment section";
const COMMENT: &str = ".comment";

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
    let sections = section::read(source, tables)?;
    let found = sections.iter().find(|section| section.name == COMMENT && section.is_data());
    let read = |found: &Section| source.read(WHAT, found.offset, found.size.min(MAX_SECTION));
    found.map(read).transpose()
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
