//! The ELF header (gABI, "ELF Header").

use std::io::{Read, Seek};

use super::bytes::{Source, Table};
use super::{ByteOrder, Class, ElfError, Machine};

const WHAT: &str = "ELF header";
const SIZE: u64 = 64;

/// What the header says of the file, and where the tables are if this is an ELF64 little-endian
/// one.
pub(super) struct Header {
    pub(super) class: Class,
    pub(super) byte_order: ByteOrder,
    pub(super) machine: Machine,
    pub(super) e_type: u16,
    pub(super) tables: Option<Tables>,
}

/// Where the program and section headers are.
pub(super) struct Tables {
    pub(super) program: HeaderTable,
    pub(super) section: HeaderTable,
    /// Which section has the names of the sections.
    pub(super) section_names: u16,
}

/// An array of program or section headers.
pub(super) struct HeaderTable {
    pub(super) offset: u64,
    pub(super) entry_size: u16,
    pub(super) count: u16,
}

impl HeaderTable {
    fn read(
        header: &Table,
        offset_at: u64,
        entry_size_at: u64,
        count_at: u64,
    ) -> Result<Self, ElfError> {
        Ok(Self {
            offset: header.u64(offset_at)?,
            entry_size: header.u16(entry_size_at)?,
            count: header.u16(count_at)?,
        })
    }

    /// How many bytes the whole array takes.
    pub(super) fn size(&self) -> u64 {
        u64::from(self.count).saturating_mul(u64::from(self.entry_size))
    }
}

impl Header {
    pub(super) fn read<R: Read + Seek>(source: &mut Source<'_, R>) -> Result<Self, ElfError> {
        let table = source.read(WHAT, 0, SIZE.min(source.len_from(0)))?;
        if !super::is_elf(table.bytes()) {
            return Err(ElfError::NotElf);
        }
        let class = match table.u8(4)? {
            1 => Class::Elf32,
            2 => Class::Elf64,
            _ => return Err(table.malformed(4, "the word size is neither 32 nor 64 bits")),
        };
        let byte_order = match table.u8(5)? {
            1 => ByteOrder::Little,
            2 => ByteOrder::Big,
            _ => return Err(table.malformed(5, "the byte order is neither little nor big endian")),
        };
        let half = |at| table.array(at).map(|bytes| byte_order.u16(bytes));
        Ok(Self {
            class,
            byte_order,
            e_type: half(16)?,
            machine: Machine::from_code(half(18)?),
            tables: match (class, byte_order) {
                (Class::Elf64, ByteOrder::Little) => Some(Tables::read(&table)?),
                _ => None,
            },
        })
    }
}

impl Tables {
    fn read(header: &Table) -> Result<Self, ElfError> {
        Ok(Self {
            program: HeaderTable::read(header, 32, 54, 56)?,
            section: HeaderTable::read(header, 40, 58, 60)?,
            section_names: header.u16(62)?,
        })
    }
}

impl ByteOrder {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }
}
