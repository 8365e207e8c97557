//! Libraries that a file says it opens while it runs (`.note.dlopen`, UAPI Group, "ELF dlopen
//! metadata"). No loader reads it, so a note that makes no sense only means that there is none.

use std::io::{Read, Seek};

use serde::Deserialize;

use super::bytes::Table;
use super::image::Image;
use super::{Dlopen, ElfError, Priority};

/// Type of the note; its owner is `FDO`.
const TYPE: u32 = 0x407c_0c0a;
const OWNER: &[u8] = b"FDO\0";
const HEADER: u64 = 12;
/// Fields begin at multiples of that.
const ALIGN: u64 = 4;

const MAX_NOTES: usize = 64;
/// Of one note, and of all: enough for thousands, too few to cost anything.
const MAX_ENTRIES: usize = 256;
const MAX_NAME: usize = 255;

#[derive(Deserialize)]
struct Json {
    soname: Vec<String>,
    #[serde(default)]
    priority: Option<String>,
}

/// What the notes of a file say; nothing if they cannot be made out.
pub(super) fn dlopen<R: Read + Seek>(image: &mut Image<'_, R>) -> Result<Vec<Dlopen>, ElfError> {
    let mut found = Vec::new();
    for table in image.notes()? {
        for text in texts(&table) {
            let entries: Vec<Json> = serde_json::from_slice(text).unwrap_or_default();
            found.extend(entries.into_iter().filter_map(entry));
            found.truncate(MAX_ENTRIES);
        }
    }
    Ok(found)
}

/// The texts of the notes in a segment, without their zero bytes, up to one that is cut short.
fn texts(table: &Table) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut at = 0_u64;
    while found.len() < MAX_NOTES {
        let field = |n: u64| table.u32(at.saturating_add(n));
        let (Ok(name), Ok(size), Ok(kind)) = (field(0), field(4), field(8)) else { break };
        let (name, size) = (u64::from(name), u64::from(size));
        let name_at = at.saturating_add(HEADER);
        let text_at = name_at.saturating_add(name.next_multiple_of(ALIGN));
        let owner = table.tail(name_at).unwrap_or_default();
        if kind == TYPE && name == 4 && owner.starts_with(OWNER) {
            let rest = table.tail(text_at).unwrap_or_default();
            let text = usize::try_from(size).ok().and_then(|size| rest.get(..size));
            let text = text.unwrap_or_default().split(|byte| *byte == 0).next();
            found.push(text.unwrap_or_default());
        }
        at = text_at.saturating_add(size.next_multiple_of(ALIGN));
    }
    found
}

fn entry(json: Json) -> Option<Dlopen> {
    let fits = |name: &String| !name.is_empty() && name.len() <= MAX_NAME;
    let sonames: Vec<String> = json.soname.into_iter().filter(fits).take(MAX_ENTRIES).collect();
    let priority = match json.priority.as_deref() {
        Some("required") => Priority::Required,
        Some("suggested") => Priority::Suggested,
        _ => Priority::Recommended,
    };
    (!sonames.is_empty()).then_some(Dlopen { sonames, priority })
}
