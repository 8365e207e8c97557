//! The dynamic string table (gABI, "String Table").

use std::ffi::CStr;
use std::io::{Read, Seek};

use super::ElfError;
use super::bytes::Table;
use super::dynamic::{Dynamic, Tag};
use super::image::Image;

const WHAT: &str = "dynamic string table";
/// No string is longer; more is left out.
const STRING_CAP: usize = 4096;
/// No search path has more elements.
const PATH_LIST_CAP: usize = 65_536;
/// All strings given out come to no more, however many entries name the same one.
const TOTAL_CAP: usize = 64 << 20;

/// The string table, and how many bytes of strings may still be given out.
pub(super) struct Strings {
    table: Table,
    allowance: usize,
}

impl Strings {
    /// Reads `DT_STRSZ` bytes at `DT_STRTAB`. The loader never looks at `DT_STRSZ`; here a string
    /// that does not end within it is an error.
    pub(super) fn read<R: Read + Seek>(
        image: &mut Image<'_, R>,
        dynamic: &Dynamic,
    ) -> Result<Self, ElfError> {
        let table = match (dynamic.last(Tag::STR_TAB), dynamic.last(Tag::STR_SZ)) {
            (Some(address), Some(size)) => image.table(WHAT, address, size.value)?,
            _ => Table::empty(WHAT),
        };
        Ok(Self { table, allowance: TOTAL_CAP })
    }

    /// The string at `at`, without its zero byte.
    pub(super) fn bytes(&self, at: u64) -> Result<&[u8], ElfError> {
        let rest = self.table.tail(at).unwrap_or_default();
        match rest.get(..STRING_CAP) {
            Some(head) => Ok(CStr::from_bytes_until_nul(head).map_or(head, CStr::to_bytes)),
            None => self.whole(at, rest),
        }
    }

    /// The string at `at`.
    pub(super) fn text(&mut self, at: u64) -> Result<String, ElfError> {
        let text = decode(self.bytes(at)?);
        self.spend(at, text.len())?;
        Ok(text)
    }

    /// The elements of a search path; none of an empty one (glibc `elf/dl-load.c`,
    /// `decompose_rpath`).
    pub(super) fn path_list(&mut self, at: u64) -> Result<Vec<String>, ElfError> {
        let list = self.whole(at, self.table.tail(at).unwrap_or_default())?;
        if list.is_empty() {
            return Ok(Vec::new());
        }
        let elements: Vec<String> =
            list.split(|byte| *byte == b':').take(PATH_LIST_CAP).map(decode).collect();
        if elements.len() == PATH_LIST_CAP {
            return Err(self.table.malformed(at, "a search path has 65536 elements or more"));
        }
        self.spend(at, elements.iter().map(String::len).sum())?;
        Ok(elements)
    }

    fn whole<'a>(&self, at: u64, rest: &'a [u8]) -> Result<&'a [u8], ElfError> {
        let ended = CStr::from_bytes_until_nul(rest).map(CStr::to_bytes);
        ended.map_err(|_| self.table.malformed(at, "a string does not end inside of it"))
    }

    fn spend(&mut self, at: u64, bytes: usize) -> Result<(), ElfError> {
        let left = self.allowance.checked_sub(bytes);
        self.allowance = left
            .ok_or_else(|| self.table.malformed(at, "the strings used come to more than 64 MiB"))?;
        Ok(())
    }
}

fn decode(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..STRING_CAP).unwrap_or(bytes)).into_owned()
}
