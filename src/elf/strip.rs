//! A library without what no loader looks at.

use std::io::Cursor;

use super::ElfError;
use super::bytes::Source;
use super::header::Header;

const ENTRY: usize = 64;
const SHF_ALLOC: u64 = 2;
const SHT_STRTAB: u32 = 3;
const SHT_NOBITS: u32 = 8;
/// `e_shoff`, `e_shnum` and `e_shstrndx` in the header (gABI, "ELF Header").
const OFFSET_AT: usize = 0x28;
const COUNT_AT: usize = 0x3c;
const NAMES_AT: usize = 0x3e;
const NAME: &[u8] = b".shstrtab\0";

/// The file without the sections that are not loaded: debugging information, symbols for debuggers, what
/// rustc keeps for those that link with it. What is loaded stays byte for byte, at its place.
///
/// None where that is not to be had: of a file that is no ELF64 little-endian one, has no sections, or has
/// loaded ones behind others in its table, so that symbols would name them by another number.
///
/// # Errors
///
/// Where it is no sound ELF file (as [`super::layout`]).
pub fn stripped(data: &[u8]) -> Result<Option<Vec<u8>>, ElfError> {
    let mut reader = Cursor::new(data);
    let mut source = Source::new(&mut reader)?;
    let Some(tables) = Header::read(&mut source)?.tables else { return Ok(None) };
    let sections = super::section::read(&mut source, &tables)?;
    let loaded = |flags: u64, kind: u32| flags & SHF_ALLOC != 0 || kind == 0;
    let kept = sections.iter().take_while(|it| loaded(it.flags, it.kind)).count();
    if kept < 2 || sections.iter().skip(kept).any(|it| it.flags & SHF_ALLOC != 0) {
        return Ok(None);
    }
    let Some(end) = end(&mut source, &tables)? else { return Ok(None) };
    let of_file = sections.iter().take(kept).filter(|it| it.kind != SHT_NOBITS);
    let reaches = of_file.map(|it| it.offset.saturating_add(it.length)).max().unwrap_or_default();
    let end = usize::try_from(end.max(reaches)).unwrap_or(usize::MAX);
    let Some(head) = data.get(..end) else { return Ok(None) };
    let mut names = vec![0];
    let at = usize::try_from(tables.section.offset).unwrap_or(usize::MAX);
    let Some(old) = data.get(at..).and_then(|rest| rest.get(..kept * ENTRY)) else {
        return Ok(None);
    };
    let mut headers = Vec::new();
    for (entry, section) in old.chunks_exact(ENTRY).zip(&sections) {
        let name = if section.name.is_empty() { 0 } else { names.len() };
        if name > 0 {
            names.extend(section.name.as_bytes());
            names.push(0);
        }
        headers.extend(u32::try_from(name).unwrap_or_default().to_le_bytes());
        headers.extend(entry.iter().skip(4));
    }
    let own = u32::try_from(names.len()).unwrap_or_default();
    names.extend(NAME);
    let mut out = head.to_vec();
    let names_at = out.len() as u64;
    out.extend(&names);
    out.resize(out.len().next_multiple_of(8), 0);
    let table = out.len() as u64;
    out.extend(headers);
    out.extend(names_header(own, names_at, names.len() as u64));
    let count = u16::try_from(kept).unwrap_or_default();
    put(&mut out, OFFSET_AT, &table.to_le_bytes());
    put(&mut out, COUNT_AT, &count.saturating_add(1).to_le_bytes());
    put(&mut out, NAMES_AT, &count.to_le_bytes());
    Ok(Some(out))
}

/// Where the last segment ends in the file.
fn end(
    source: &mut Source<'_, Cursor<&[u8]>>,
    tables: &super::header::Tables,
) -> Result<Option<u64>, ElfError> {
    let headers = &tables.program;
    let table = source.read("program header table", headers.offset, headers.size())?;
    let mut end = headers.offset.saturating_add(headers.size());
    if headers.count == 0 || headers.entry_size != 56 {
        return Ok(None);
    }
    for number in 0..u64::from(headers.count) {
        let at = number.saturating_mul(u64::from(headers.entry_size));
        let (offset, size) = (table.u64(at.saturating_add(8))?, table.u64(at.saturating_add(32))?);
        if size > 0 {
            end = end.max(offset.saturating_add(size));
        }
    }
    Ok(Some(end))
}

/// The header of the section with the names.
fn names_header(name: u32, offset: u64, size: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(ENTRY);
    header.extend(name.to_le_bytes());
    header.extend(SHT_STRTAB.to_le_bytes());
    // Flags and address.
    header.extend([0; 16]);
    header.extend(offset.to_le_bytes());
    header.extend(size.to_le_bytes());
    // Link and info.
    header.extend([0; 8]);
    header.extend(1_u64.to_le_bytes());
    header.extend([0; 8]);
    header
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in out.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_stays_and_the_rest_goes() {
        // This very program: dynamic, with symbols, and debugging information of std at least.
        let data = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let out = stripped(&data).unwrap().unwrap();
        assert!(out.len() * 4 < data.len() * 3, "{} of {}", out.len(), data.len());
        let before = super::super::read(&mut Cursor::new(&data)).unwrap();
        let after = super::super::read(&mut Cursor::new(&out)).unwrap();
        assert_eq!(super::super::ElfFacts { comments: Vec::new(), ..before }, after);
        let sections = super::super::layout(&mut Cursor::new(&out)).unwrap().sections;
        assert!(sections.iter().any(|it| it.name == ".dynsym"));
        assert!(!sections.iter().any(|it| it.name == ".debug_info"));
        assert_eq!(sections.last().unwrap().name, ".shstrtab");
        // Once more there is nothing to take away.
        assert_eq!(stripped(&out).unwrap().unwrap().len(), out.len());
    }

    #[test]
    fn what_is_none_is_left_alone() {
        assert!(stripped(b"text").is_err());
        let cut = &std::fs::read(std::env::current_exe().unwrap()).unwrap()[..4096];
        assert!(stripped(cut).is_err());
    }
}
