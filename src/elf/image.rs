//! The file as it is mapped: program headers, and virtual addresses looked up through them (gABI,
//! "Program Header").

use std::io::{Read, Seek};

use super::ElfError;
use super::bytes::{Source, Table};
use super::header::Tables;

const WHAT: &str = "program header table";
const SEGMENT: &str = "loaded segment";
const INTERPRETER: &str = "program interpreter";
const ENTRY_SIZE: u16 = 56;
/// `PATH_MAX`, the kernel's limit for the interpreter.
const PATH_MAX: u64 = 4096;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;

/// No more segments of notes are read, and none that is longer, in bytes.
const MAX_NOTES: usize = 16;
const MAX_NOTE: u64 = 1 << 20;

/// A virtual address (or a number), and the offset in the file where it is written.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) value: u64,
    pub(super) written_at: u64,
}

impl Address {
    /// The address this many bytes further on; past the end of the address space nothing is loaded.
    pub(super) fn plus(self, bytes: u64) -> Self {
        Self { value: self.value.saturating_add(bytes), ..self }
    }

    /// The error that says what is wrong with it.
    pub(super) fn malformed(self, what: &'static str, reason: &'static str) -> ElfError {
        ElfError::Malformed { what, offset: self.written_at, reason }
    }
}

struct Segment {
    kind: u32,
    offset: u64,
    address: Address,
    file_size: u64,
    memory_size: u64,
}

/// The file and its segments.
pub(super) struct Image<'r, R> {
    source: Source<'r, R>,
    segments: Vec<Segment>,
}

impl<'r, R: Read + Seek> Image<'r, R> {
    /// Reads the program headers. Their entry size is checked as the kernel and glibc check it, and
    /// there must be a loaded segment (`load_elf_phdrs` of `fs/binfmt_elf.c`;
    /// `_dl_map_object_from_fd` of glibc `elf/dl-load.c`). Neither asks whether the file has all
    /// that it loads: a file cut short starts, and dies with SIGBUS. Here that is an error.
    pub(super) fn read(mut source: Source<'r, R>, tables: &Tables) -> Result<Self, ElfError> {
        let headers = &tables.program;
        if headers.count > 0 && headers.entry_size != ENTRY_SIZE {
            let reason = "its entries are not of 56 bytes";
            return Err(ElfError::Malformed { what: WHAT, offset: headers.offset, reason });
        }
        let table = source.read(WHAT, headers.offset, headers.size())?;
        let segments =
            (0..headers.count).map(|n| Segment::read(&table, n)).collect::<Result<Vec<_>, _>>()?;
        if segments.iter().all(|segment| segment.kind != PT_LOAD) {
            return Err(table.malformed(0, "it has no loadable segment"));
        }
        let cut = |s: &&Segment| s.kind == PT_LOAD && s.file_size > source.len_from(s.offset);
        if let Some(Segment { offset, file_size, .. }) = segments.iter().find(cut) {
            let (offset, needed) = (*offset, *file_size);
            return Err(ElfError::Truncated { what: SEGMENT, offset, needed });
        }
        Ok(Self { source, segments })
    }

    /// The interpreter's path, under the kernel's conditions (`load_elf_binary` of
    /// `fs/binfmt_elf.c`). A segment without content, as a file with nothing but debugging
    /// information has it, is none.
    pub(super) fn interpreter(&mut self) -> Result<Option<String>, ElfError> {
        let Some(segment) = self.segments.iter().find(|s| s.kind == PT_INTERP && s.file_size > 0)
        else {
            return Ok(None);
        };
        if !(2..=PATH_MAX).contains(&segment.file_size) {
            return Err(segment
                .address
                .malformed(INTERPRETER, "its length is not from 2 to 4096 bytes"));
        }
        let table = self.source.read(INTERPRETER, segment.offset, segment.file_size)?;
        match table.bytes().split_last() {
            Some((0, path)) => {
                let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(Some(String::from_utf8_lossy(path).into_owned()))
            }
            _ => Err(table.malformed(0, "it does not end with a zero byte")),
        }
    }

    /// Where the dynamic table is: `p_vaddr` of the last `PT_DYNAMIC` with content, since
    /// `_dl_map_object_from_fd` of glibc `elf/dl-load.c` lets a later one win and never looks at
    /// `p_offset`.
    pub(super) fn dynamic(&self) -> Option<Address> {
        self.segments
            .iter()
            .rev()
            .find(|s| s.kind == PT_DYNAMIC && s.file_size > 0)
            .map(|s| s.address)
    }

    /// The segments with notes, as far as they are in the file: none of them is needed to load it.
    pub(super) fn notes(&mut self) -> Result<Vec<Table>, ElfError> {
        let notes = self.segments.iter().filter(|s| s.kind == PT_NOTE && s.file_size <= MAX_NOTE);
        let mut tables = Vec::new();
        for segment in notes.take(MAX_NOTES) {
            match self.source.read("notes", segment.offset, segment.file_size) {
                Ok(table) => tables.push(table),
                Err(error @ ElfError::Io(_)) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(tables)
    }

    /// The `size` bytes at `address`.
    pub(super) fn table(
        &mut self,
        what: &'static str,
        address: Address,
        size: u64,
    ) -> Result<Table, ElfError> {
        if size == 0 {
            return Ok(Table::empty(what));
        }
        let (offset, available) = self.locate(what, address)?;
        if size > available {
            return Err(address.malformed(what, "it reaches past its segment"));
        }
        self.source.read(what, offset, size)
    }

    /// What the file has at `address`, up to the end of the segment but at most `cap` bytes: for
    /// tables that do not tell their size.
    pub(super) fn window(
        &mut self,
        what: &'static str,
        address: Address,
        cap: u64,
    ) -> Result<Table, ElfError> {
        let (offset, available) = self.locate(what, address)?;
        let size = available.min(cap).min(self.source.len_from(offset));
        self.source.read(what, offset, size)
    }

    /// The offset that is mapped at `address`, and how many bytes of the segment's file part begin
    /// there. Of segments that overlap the last one counts, as it is mapped over the others.
    fn locate(&self, what: &'static str, address: Address) -> Result<(u64, u64), ElfError> {
        let unmapped =
            || address.malformed(what, "its address is not in a loaded part of the file");
        let segment = self.segments.iter().rev().find(|s| s.maps(address)).ok_or_else(unmapped)?;
        let within = address.value.saturating_sub(segment.address.value);
        let available = segment.file_size.saturating_sub(within);
        let offset = segment.offset.checked_add(within).ok_or_else(unmapped)?;
        if available == 0 { Err(unmapped()) } else { Ok((offset, available)) }
    }
}

impl Segment {
    fn read(table: &Table, number: u16) -> Result<Self, ElfError> {
        let at = u64::from(number).saturating_mul(u64::from(ENTRY_SIZE));
        let field = |n: u64| table.u64(at.saturating_add(n));
        Ok(Self {
            kind: table.u32(at)?,
            offset: field(8)?,
            address: Address { value: field(16)?, written_at: table.offset_of(at) },
            file_size: field(32)?,
            memory_size: field(40)?,
        })
    }

    fn maps(&self, address: Address) -> bool {
        let size = self.file_size.max(self.memory_size);
        self.kind == PT_LOAD
            && address.value.checked_sub(self.address.value).is_some_and(|within| within < size)
    }
}
