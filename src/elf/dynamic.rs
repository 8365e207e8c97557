//! The dynamic table (gABI, "Dynamic Section").

use std::io::{Read, Seek};

use super::ElfError;
use super::image::{Address, Image};

const WHAT: &str = "dynamic table";
const ENTRY_SIZE: u64 = 16;
const MAX_ENTRIES: u64 = 65_536;
const DF_1_PIE: u64 = 0x0800_0000;

/// What an entry means (gABI, "Dynamic Array Tags"; LSB Core, "Dynamic Section"; glibc
/// `elf/elf.h`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    const NULL: Self = Self(0);
    pub(super) const NEEDED: Self = Self(1);
    pub(super) const PLT_REL_SZ: Self = Self(2);
    pub(super) const HASH: Self = Self(4);
    pub(super) const STR_TAB: Self = Self(5);
    pub(super) const SYM_TAB: Self = Self(6);
    pub(super) const RELA: Self = Self(7);
    pub(super) const RELA_SZ: Self = Self(8);
    pub(super) const STR_SZ: Self = Self(10);
    pub(super) const SONAME: Self = Self(14);
    pub(super) const RPATH: Self = Self(15);
    pub(super) const JMP_REL: Self = Self(23);
    pub(super) const RUNPATH: Self = Self(29);
    pub(super) const GNU_HASH: Self = Self(0x6fff_fef5);
    pub(super) const VER_SYM: Self = Self(0x6fff_fff0);
    pub(super) const FLAGS_1: Self = Self(0x6fff_fffb);
    pub(super) const VER_DEF: Self = Self(0x6fff_fffc);
    pub(super) const VER_NEED: Self = Self(0x6fff_fffe);
}

/// The dynamic table up to its `DT_NULL`; empty for a static program.
pub(super) struct Dynamic {
    entries: Vec<(Tag, Address)>,
}

impl Dynamic {
    pub(super) fn read<R: Read + Seek>(image: &mut Image<'_, R>) -> Result<Self, ElfError> {
        let mut entries = Vec::new();
        let Some(address) = image.dynamic() else {
            return Ok(Self { entries });
        };
        let table = image.window(WHAT, address, MAX_ENTRIES.saturating_mul(ENTRY_SIZE))?;
        for number in 0..MAX_ENTRIES {
            let at = number.saturating_mul(ENTRY_SIZE);
            let tag = Tag(table.u64(at)?);
            if tag == Tag::NULL {
                return Ok(Self { entries });
            }
            let value = table.u64(at.saturating_add(8))?;
            entries.push((tag, Address { value, written_at: table.offset_of(at) }));
        }
        Err(table.malformed(0, "it has more than 65536 entries"))
    }

    /// The entry with this tag; of several the last, as in glibc `elf/get-dynamic-info.h`.
    pub(super) fn last(&self, tag: Tag) -> Option<Address> {
        self.all(tag).next_back()
    }

    /// The entries with this tag, in order.
    pub(super) fn all(&self, tag: Tag) -> impl DoubleEndedIterator<Item = Address> {
        self.entries.iter().filter(move |(found, _)| *found == tag).map(|(_, value)| *value)
    }

    /// Whether the linker marked this as a program.
    pub(super) fn is_pie(&self) -> bool {
        self.last(Tag::FLAGS_1).is_some_and(|flags| flags.value & DF_1_PIE != 0)
    }
}
