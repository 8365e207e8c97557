//! What registries warn of, each text once (OCI distribution specification, "Warnings": the header
//! `Warning` with the code 299).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hyper::header::WARNING;

use super::http::Answer;
use super::text::clean;

/// So many are kept.
const MOST: usize = 20;

/// Those that came.
#[derive(Default)]
pub(super) struct Warnings(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    seen: BTreeSet<String>,
    new: Vec<String>,
}

impl Warnings {
    /// Keeps what an answer warns of.
    pub(super) fn hear(&self, answer: &Answer) {
        for value in answer.headers.get_all(WARNING) {
            let Some(text) = value.to_str().ok().and_then(text) else { continue };
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.seen.len() < MOST && kept.seen.insert(text.clone()) {
                kept.new.push(text);
            }
        }
    }

    /// Those that were not handed out yet, as they came: they are to be scrubbed before they are cut.
    pub(super) fn take(&self) -> Vec<String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut kept.new)
    }
}

/// The text of `299 - "text"`. With any other agent or code it is none of a registry's.
fn text(value: &str) -> Option<String> {
    let quoted = value.trim().strip_prefix("299 - \"")?;
    let (mut text, mut chars) = (String::new(), quoted.chars());
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => text.push(chars.next()?),
            other => text.push(other),
        }
    }
    Some(text).filter(|text| !clean(text).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_read() {
        assert_eq!(text(r#"299 - "it is \"old\"""#).as_deref(), Some(r#"it is "old""#));
        for other in ["", "199 - \"x\"", "299 host \"x\"", "299 - \"x", "299 - \"\""] {
            assert_eq!(text(other), None, "{other}");
        }
    }
}
