//! Records of what has a form of its own.

use super::Message;
use crate::audit::Finding;
use crate::compare::Difference;

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
        Self::Difference {
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
        }
    }
}

impl<'a> From<&'a crate::Error> for Message<'a> {
    fn from(error: &'a crate::Error) -> Self {
        Self::Error {
            message: error.to_string(),
            causes: error.causes(),
            hint: error.hint(),
            code: error.code().map(str::to_owned),
            exit_code: error.exit_code(),
        }
    }
}
