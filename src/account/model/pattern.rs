//! The patterns of the model, which are Java's regular expressions.

use std::sync::OnceLock;

use regex_lite::Regex;
use serde::Deserialize;

/// A pattern that a whole text must match.
#[derive(Debug, Deserialize)]
pub(super) struct Pattern {
    /// As the model has it and messages show it.
    #[serde(rename = "pattern")]
    pub(super) text: String,
    /// The same without look-around, where the model's has some.
    matches: Option<String>,
    /// Whether every text of letters, digits, hyphens and underscores matches.
    #[serde(default)]
    plain: bool,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

/// What the keys and values of tags are made of. Letters and numbers of all languages are beyond the
/// small engine.
const OF_TAGS: &str = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)";

impl Pattern {
    /// Whether the whole text matches.
    pub(super) fn fits(&self, text: &str) -> bool {
        if self.text == OF_TAGS {
            return text.chars().all(of_tag);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if self.plain && !text.is_empty() && text.bytes().all(plain) {
            return true;
        }
        // A test compiles every pattern: there is none that cannot be judged.
        self.regex().is_none_or(|regex| regex.is_match(text))
    }

    fn regex(&self) -> Option<&Regex> {
        let compile = || {
            let pattern = self.matches.as_deref().unwrap_or(&self.text);
            Regex::new(&format!("^(?:{pattern})$")).ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

#[cfg(test)]
impl Pattern {
    /// Whether it can be compiled.
    pub(super) fn is_sound(&self) -> bool {
        self.text == OF_TAGS || self.regex().is_some()
    }

    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether the expression alone matches.
    pub(super) fn matched(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }
}

fn of_tag(c: char) -> bool {
    let blank = c == ' ' || (!c.is_ascii() && c.is_whitespace());
    c.is_alphanumeric() || blank || "_.:/=+-@".contains(c)
}
