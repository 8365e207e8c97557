//! Dynamic symbols: how many there are, and which of them are bound to needed versions.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use super::ElfError;
use super::dynamic::{Dynamic, Tag};
use super::image::{Address, Image};
use super::strings::Strings;
use super::version::{INDEX_MASK, Need};

pub(super) const SYMBOLS: &str = "dynamic symbol table";
pub(super) const VERSIONS: &str = "symbol version table";
const HASH: &str = "symbol hash table";
const GNU_HASH: &str = "GNU symbol hash table";
const RELOCATIONS: &str = "relocation table";

pub(super) const SYMBOL_SIZE: u64 = 24;
const STB_WEAK: u8 = 2;
pub(super) const VERSION_SIZE: u64 = 2;
const RELOCATION_SIZE: u64 = 24;
/// No hash chain is followed over more bytes, at four a symbol.
const CHAIN_CAP: u64 = 1 << 20;

/// Gives each need the names of the symbols that `DT_VERSYM` binds to it (LSB Core, "Symbol Version
/// Table"). Of needs with the same index the last one counts, as in `_dl_check_map_versions` of
/// glibc `elf/dl-version.c`.
pub(super) fn bind<R: Read + Seek>(
    image: &mut Image<'_, R>,
    dynamic: &Dynamic,
    strings: &mut Strings,
    needs: &mut [Need],
) -> Result<(), ElfError> {
    let (Some(versions), Some(symbols)) = (dynamic.last(Tag::VER_SYM), dynamic.last(Tag::SYM_TAB))
    else {
        return Ok(());
    };
    if needs.is_empty() {
        return Ok(());
    }
    let count = count(image, dynamic)?;
    let versions = image.table(VERSIONS, versions, count.saturating_mul(VERSION_SIZE))?;
    let symbols = image.table(SYMBOLS, symbols, count.saturating_mul(SYMBOL_SIZE))?;
    let mut by_index: BTreeMap<u16, &mut Need> =
        needs.iter_mut().map(|need| (need.index, need)).collect();
    for number in 0..count {
        let index = versions.u16(number.saturating_mul(VERSION_SIZE))? & INDEX_MASK;
        if let Some(need) = by_index.get_mut(&index) {
            let at = number.saturating_mul(SYMBOL_SIZE);
            let name = strings.text(u64::from(symbols.u32(at)?))?;
            // `st_info`; its upper half is the binding.
            if symbols.u8(at.saturating_add(4))? >> 4 != STB_WEAK {
                need.facts.strong.push(name.clone());
            }
            need.facts.symbols.push(name);
        }
    }
    for need in needs {
        need.facts.symbols.sort_unstable();
        need.facts.symbols.dedup();
        need.facts.strong.sort_unstable();
        need.facts.strong.dedup();
    }
    Ok(())
}

/// How many dynamic symbols there are, as far as a loader can tell: `nchain` of `DT_HASH`;
/// otherwise as many as `DT_GNU_HASH` or the relocations reach.
///
/// The relocations count because `DT_GNU_HASH` leaves out undefined symbols, and GNU ld gives it a
/// first symbol of 1 when it leaves out all; what no relocation names is never looked up (glibc
/// `elf/do-rel.h`).
pub(super) fn count<R: Read + Seek>(
    image: &mut Image<'_, R>,
    dynamic: &Dynamic,
) -> Result<u64, ElfError> {
    if let Some(address) = dynamic.last(Tag::HASH) {
        return Ok(u64::from(image.table(HASH, address, 8)?.u32(4)?));
    }
    let hashed = match dynamic.last(Tag::GNU_HASH) {
        Some(address) => gnu_hash_count(image, address)?,
        None => 0,
    };
    let relocated = relocated_count(image, dynamic, Tag::RELA, Tag::RELA_SZ)?;
    let called = relocated_count(image, dynamic, Tag::JMP_REL, Tag::PLT_REL_SZ)?;
    Ok(hashed.max(relocated).max(called))
}

/// One more than the last symbol in `DT_GNU_HASH`: the end of the chain that the highest bucket
/// begins (glibc `elf/dl-lookup.c`, `do_lookup_x`, and `elf/dl-setup_hash.c`).
fn gnu_hash_count<R: Read + Seek>(
    image: &mut Image<'_, R>,
    address: Address,
) -> Result<u64, ElfError> {
    let header = image.table(GNU_HASH, address, 16)?;
    let field = |at| header.u32(at).map(u64::from);
    let (bucket_count, first, bloom_count) = (field(0)?, field(4)?, field(8)?);
    let address = address.plus(16).plus(bloom_count.saturating_mul(8));
    let buckets = image.table(GNU_HASH, address, bucket_count.saturating_mul(4))?;
    let mut last = 0;
    for number in 0..bucket_count {
        last = last.max(u64::from(buckets.u32(number.saturating_mul(4))?));
    }
    let Some(in_chain) = last.checked_sub(first) else {
        return Ok(first);
    };
    let address = address.plus(bucket_count.saturating_mul(4)).plus(in_chain.saturating_mul(4));
    let chain = image.window(GNU_HASH, address, CHAIN_CAP)?;
    let mut length = 0_u64;
    while chain.u32(length.saturating_mul(4))? & 1 == 0 {
        length = length.saturating_add(1);
    }
    Ok(last.saturating_add(length).saturating_add(1))
}

/// One more than the last symbol that a relocation table names (gABI, "Relocation", `ELF64_R_SYM`).
fn relocated_count<R: Read + Seek>(
    image: &mut Image<'_, R>,
    dynamic: &Dynamic,
    table: Tag,
    size: Tag,
) -> Result<u64, ElfError> {
    let (Some(address), Some(size)) = (dynamic.last(table), dynamic.last(size)) else {
        return Ok(0);
    };
    let table = image.table(RELOCATIONS, address, size.value)?;
    let mut count = 0;
    for number in 0..size.value / RELOCATION_SIZE {
        let at = number.saturating_mul(RELOCATION_SIZE);
        let symbol = table.u64(at.saturating_add(8))? >> 32;
        count = count.max(symbol.saturating_add(1));
    }
    Ok(count)
}
