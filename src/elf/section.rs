//! Section headers and symbol tables (gABI, "Sections", "Symbol Table"): what tells two builds of one
//! program apart. Nothing that is loaded depends on them.

use std::io::{Read, Seek};

use super::ElfError;
use super::bytes::{Source, Table};
use super::header::{Header, Tables};

const HEADERS: &str = "section header table";
const NAMES: &str = "section name table";
const SYMBOLS: &str = "symbol table";
const SYMBOL_NAMES: &str = "symbol name table";
const HEADER_SIZE: u16 = 64;
const SYMBOL_SIZE: u64 = 24;

const SHT_PROGBITS: u32 = 1;
const SHT_SYMTAB: u32 = 2;
const SHT_NOBITS: u32 = 8;
const SHT_DYNSYM: u32 = 11;
const SHF_EXECINSTR: u64 = 4;
/// The name of a source file, or of what a compiler divides one into.
const STT_FILE: u8 = 4;

/// Longer names of sections are cut.
const MAX_SECTION_NAME: usize = 255;
/// Longer names of symbols are cut; those of real C++ programs have some thousand bytes.
const MAX_NAME: usize = 4096;
/// All symbols of a table come to no more, in memory.
const MAX_SYMBOLS: usize = 64 << 20;

/// A section, by its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name; empty where the table of names has none for it. Names may repeat.
    pub name: String,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// Where its contents begin in the file.
    pub offset: u64,
    /// How many bytes of the file they are: none of `SHT_NOBITS`.
    pub length: u64,
    /// How large the section is, in the file or in memory.
    pub size: u64,
    /// Which section it refers to, as by `sh_link`.
    link: u32,
}

impl Section {
    /// Whether a program's own data stands in it: neither instructions nor a table of the linker's.
    #[must_use]
    pub fn is_data(&self) -> bool {
        self.kind == SHT_PROGBITS && self.flags & SHF_EXECINSTR == 0
    }
}

/// Where the parts of an ELF file are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Name, offset and length of the headers.
    pub headers: Vec<(&'static str, u64, u64)>,
    /// The sections, in the order of their headers, without the first, which is none (`SHN_UNDEF`).
    pub sections: Vec<Section>,
}

/// A symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol {
    /// Its name, as it is stored.
    pub name: String,
    /// How many bytes it is of.
    pub size: u64,
}

/// Reads where the parts of the ELF file are that is the whole of `reader`; nothing of an ELF32 or a
/// big-endian one.
///
/// # Errors
///
/// As [`super::read`]: a section header that cannot be read is an error here.
pub fn layout<R: Read + Seek>(reader: &mut R) -> Result<Layout, ElfError> {
    let mut source = Source::new(reader)?;
    let Some(tables) = Header::read(&mut source)?.tables else { return Ok(Layout::default()) };
    let headers = [("program headers", &tables.program), ("section headers", &tables.section)];
    let headers = headers.map(|(name, table)| (name, table.offset, table.size()));
    Ok(Layout {
        headers: std::iter::once(("ELF header", 0, u64::from(HEADER_SIZE)))
            .chain(headers)
            .collect(),
        sections: read(&mut source, &tables)?.into_iter().skip(1).collect(),
    })
}

/// Reads the named symbols of the ELF file that is the whole of `reader`, in the order of the table:
/// of `.symtab`, else of `.dynsym`, without those that name a source file; none of an ELF32 or a
/// big-endian one.
///
/// # Errors
///
/// As [`super::read`]; also where the symbols come to more than 64 MiB in memory.
pub fn symbols<R: Read + Seek>(reader: &mut R) -> Result<Vec<Symbol>, ElfError> {
    let mut source = Source::new(reader)?;
    let Some(tables) = Header::read(&mut source)?.tables else { return Ok(Vec::new()) };
    let sections = read(&mut source, &tables)?;
    let of_kind = |kind| sections.iter().find(|section| section.kind == kind);
    let Some(table) = of_kind(SHT_SYMTAB).or_else(|| of_kind(SHT_DYNSYM)) else {
        return Ok(Vec::new());
    };
    let names = usize::try_from(table.link).ok().and_then(|link| sections.get(link));
    let names = match names {
        Some(names) => source.read(SYMBOL_NAMES, names.offset, names.length)?,
        None => Table::empty(SYMBOL_NAMES),
    };
    let table = source.read(SYMBOLS, table.offset, table.length)?;
    let mut room = MAX_SYMBOLS;
    let mut symbols = Vec::new();
    for at in (0..table.bytes().len() as u64 / SYMBOL_SIZE).map(|n| n.saturating_mul(SYMBOL_SIZE)) {
        let name = name(&names, table.u32(at)?, MAX_NAME);
        let kind = table.u8(at.saturating_add(4))? & 0xf;
        if name.is_empty() || kind == STT_FILE {
            continue;
        }
        let left = room.checked_sub(name.len().saturating_add(size_of::<Symbol>()));
        room = left.ok_or_else(|| table.malformed(at, "the symbols come to more than 64 MiB"))?;
        symbols.push(Symbol { name, size: table.u64(at.saturating_add(16))? });
    }
    Ok(symbols)
}

/// All section headers; none where there is no table of them.
pub(super) fn read<R: Read + Seek>(
    source: &mut Source<'_, R>,
    tables: &Tables,
) -> Result<Vec<Section>, ElfError> {
    if tables.section.offset == 0 || tables.section.entry_size != HEADER_SIZE {
        return Ok(Vec::new());
    }
    let headers = source.read(HEADERS, tables.section.offset, tables.section.size())?;
    let header_of = |number: u16| u64::from(number).saturating_mul(u64::from(HEADER_SIZE));
    let names_at = header_of(tables.section_names);
    let names = source.read(
        NAMES,
        headers.u64(names_at.saturating_add(24))?,
        headers.u64(names_at.saturating_add(32))?,
    )?;
    let section = |at: u64| {
        let field = |n: u64| headers.u64(at.saturating_add(n));
        let kind = headers.u32(at.saturating_add(4))?;
        let size = field(32)?;
        Ok(Section {
            name: name(&names, headers.u32(at)?, MAX_SECTION_NAME),
            kind,
            flags: field(8)?,
            offset: field(24)?,
            length: if kind == SHT_NOBITS { 0 } else { size },
            size,
            link: headers.u32(at.saturating_add(40))?,
        })
    };
    (0..tables.section.count).map(|number| section(header_of(number))).collect()
}

fn name(names: &Table, at: u32, most: usize) -> String {
    let rest = names.tail(u64::from(at)).unwrap_or_default();
    let rest = rest.get(..most).unwrap_or(rest);
    String::from_utf8_lossy(rest.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}
