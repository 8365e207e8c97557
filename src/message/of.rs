//! Records of what has a form of its own.

use serde::Serialize;

use super::Message;
use crate::audit::Finding;
use crate::compare::Difference;

/// One thing that differs between a bundle and what was rebuilt.
#[derive(Debug, Serialize)]
pub struct Differing<'a> {
    /// As in `verified`.
    thing: &'a str,
    /// Its stable name.
    kind: &'static str,
    /// The file in the bundle; null of the zip itself.
    path: Option<&'a str>,
    /// The section, symbol or header of that file.
    part: Option<&'a str>,
    /// What is given; null where there is nothing.
    given: Option<&'a str>,
    /// What was rebuilt; null where there is nothing.
    rebuilt: Option<&'a str>,
    /// The first byte that differs, from the beginning of the part, else of the file or the zip.
    offset: Option<u64>,
    /// How many more of the kind there are that have no record.
    more: usize,
    /// All of it for people.
    message: String,
    /// What to do; may be empty.
    hint: &'static str,
}

impl<'a> From<&'a Finding> for Message<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self::Finding {
            code: finding.code.name(),
            level: finding.level.word(),
            thing: &finding.thing,
            path: finding.path.as_deref(),
            message: &finding.message,
            hint: &finding.hint,
        }
    }
}

impl<'a> Message<'a> {
    /// One thing that differs.
    #[must_use]
    pub fn difference(thing: &'a str, difference: &'a Difference) -> Self {
        Self::Difference(Differing {
            thing,
            kind: difference.kind.name(),
            path: difference.path.as_deref(),
            part: difference.part.as_deref(),
            given: difference.given.as_deref(),
            rebuilt: difference.rebuilt.as_deref(),
            offset: difference.offset,
            more: difference.more,
            message: difference.to_string(),
            hint: difference.hint(),
        })
    }
}

impl<'a> From<&'a crate::Error> for Message<'a> {
    fn from(error: &'a crate::Error) -> Self {
        Self::Error {
            message: error.to_string(),
            causes: error.causes(),
            hint: error.hint(),
            code: error.code().map(str::to_owned),
            status: error.status(),
            exit_code: error.exit_code(),
        }
    }
}
