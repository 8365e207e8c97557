//! What is taken out of texts of AWS's and of functions before anybody sees them.

use std::cell::Cell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::percent;

/// Values that are never shown.
#[derive(Debug, Clone, Default)]
pub(in crate::aws) struct Secrets {
    values: BTreeSet<String>,
    /// Whether one was hidden since that was last asked.
    hidden: Cell<bool>,
}

/// From how many characters on a value is hidden in the middle of a word too: nobody writes it by chance.
const LONG: usize = 8;

impl Secrets {
    pub(in crate::aws) fn add(&mut self, values: impl IntoIterator<Item = String>) {
        for value in values {
            // Logs have lines of it each by itself, and without the blanks around it.
            let lines = value.lines().map(str::trim).filter(|line| line.chars().count() >= LONG);
            for part in lines.chain([value.trim(), &value]) {
                self.add_one(part);
            }
        }
    }

    /// One text, and the ways in which it may stand in others.
    fn add_one(&mut self, value: &str) {
        // What is as short as that is in every other text.
        if value.len() <= 3 {
            return;
        }
        // As it stands in JSON, with quotes and line ends escaped, and by some all that is not ASCII.
        let quoted = Value::from(value).to_string();
        if let Some(inner) = quoted.get(1..quoted.len() - 1) {
            let ascii = |char: char| match char {
                char if char.is_ascii() => char.to_string(),
                char => {
                    let mut units = [0; 2];
                    let units = char.encode_utf16(&mut units).iter();
                    units.fold(String::new(), |all, unit| format!("{all}\\u{unit:04x}"))
                }
            };
            self.values.insert(inner.chars().map(ascii).collect());
            self.values.insert(inner.to_owned());
        }
        self.values.insert(percent::encoded(value, b""));
        self.values.insert(value.to_owned());
    }

    /// Whether a value was hidden since this was last asked.
    pub(in crate::aws) fn took_out(&self) -> bool {
        self.hidden.take()
    }

    /// A text of AWS's without them. Where a whole environment is quoted, it is cut out.
    pub(in crate::aws) fn scrub(&self, text: &str) -> String {
        // "…exceeded the 4KB limit. String measured: {…}" (recorded).
        let mut text = match text.split_once("String measured:") {
            Some((before, _)) => format!("{before}(not shown)"),
            None => text.to_owned(),
        };
        // The longest first: one may be a part of another.
        let mut secrets: Vec<&String> = self.values.iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in secrets {
            if let Some(without) = without(&text, secret) {
                self.hidden.set(true);
                text = without;
            }
        }
        without_values(&text)
    }
}

/// A text without a value, if that is in it. A short one may be a part of any word (`panic` of "panicked"): it
/// is hidden where it stands by itself.
fn without(text: &str, secret: &str) -> Option<String> {
    let is_long = secret.chars().count() >= LONG;
    let first = secret.chars().next().map_or(1, char::len_utf8);
    let (mut out, mut from, mut search) = (String::new(), 0, 0);
    while let Some(found) = text.get(search..).and_then(|rest| rest.find(secret)) {
        let (at, end) = (search + found, search + found + secret.len());
        let (before, after) = (text.get(..at)?, text.get(end..)?);
        let joined = is_word(before) || after.starts_with(char::is_alphanumeric);
        if joined && !is_long {
            search = at + first;
            continue;
        }
        out.push_str(text.get(from..at)?);
        out.push('…');
        (from, search) = (end, end);
    }
    out.push_str(text.get(from..)?);
    (from > 0).then_some(out)
}

/// Whether a text ends within a word. The letters of an escape are none: `\n` and `\u00e9` of JSON, `%20` of a
/// URL, and what colours a terminal.
fn is_word(before: &str) -> bool {
    if !before.ends_with(char::is_alphanumeric) {
        return false;
    }
    let last = |count| before.char_indices().nth_back(count).map_or("", |(at, _)| &before[at..]);
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let of_json = last(1).starts_with('\\') || last(5).strip_prefix("\\u").is_some_and(is_hex);
    let of_url = last(2).strip_prefix('%').is_some_and(is_hex);
    let colour = before.trim_end_matches(|char: char| char.is_ascii_digit() || ";m".contains(char));
    let coloured = ["\u{1b}[", "\\u001b[", "\\u001B[", "\\x1b[", "\\033["];
    !(of_json || of_url || coloured.iter().any(|begin| colour.ends_with(begin)))
}

/// "Value '{…}' at 'environment.variables' failed to satisfy constraint" (recorded), without the value.
fn without_values(text: &str) -> String {
    let (begin, end) = ("Value '", "' at 'environment");
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(end) {
        let Some(from) = rest.get(..at).and_then(|before| before.rfind(begin)) else { break };
        out.push_str(&rest[..from + begin.len()]);
        out.push('…');
        out.push_str(end);
        rest = &rest[at + end.len()..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logs are lines, and whoever writes a value writes it as its language does.
    #[test]
    fn parts_and_other_ways_of_writing_a_value_are_hidden() {
        let mut secrets = Secrets::default();
        let key = "-----BEGIN KEY-----\nMIIEsecretline1\nMIIEsecretline2\n";
        secrets.add([key, "  spacesecret9  ", "pässwörtlich"].map(str::to_owned));
        for said in [
            "key MIIEsecretline1 is",
            "(spacesecret9)",
            r"{'a': 'p\u00e4ssw\u00f6rtlich'}",
            "?k=MIIEsecretline1%0AMIIEsecretline2%0A",
        ] {
            let shown = secrets.scrub(said);
            assert!(shown.contains('…') && !shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn values_of_the_environment_are_never_shown() {
        let mut secrets = Secrets::default();
        secrets.add(["hunter22".to_owned(), "ab".to_owned(), "a\"quoted\"one".to_owned()]);
        secrets.add(["my-hunter22-too".to_owned()]);
        for (said, shown) in [
            ("bad hunter22 here", "bad … here"),
            // Nothing is left of one that holds another.
            ("my-hunter22-too", "…"),
            (
                "exceeded the 4KB limit. String measured: {\"A\":\"ab\"}",
                "exceeded the 4KB limit. (not shown)",
            ),
            (
                "Value '{A=ab}' at 'environment.variables' failed to satisfy constraint",
                "Value '…' at 'environment.variables' failed to satisfy constraint",
            ),
            (r#"{"mode":"a\"quoted\"one"}"#, r#"{"mode":"…"}"#),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(secrets.scrub(said), shown);
        }
    }

    #[test]
    fn short_values_are_hidden_where_they_stand_by_themselves() {
        let mut secrets = Secrets::default();
        secrets.add(["panic", "über", "pass", "0123456789"].map(str::to_owned));
        for said in ["main panicked at", "ein überaus übergroßes", "bypass", "passé", "pass1"] {
            assert_eq!(secrets.scrub(said), said);
        }
        assert!(!secrets.took_out());
        for (said, shown) in [
            ("panic", "…"),
            ("MODE=panic panicked, panic.", "MODE=… panicked, …."),
            ("panic panic", "… …"),
            ("it is über_all", "it is …_all"),
            (r#"{"mode":"panic"}"#, r#"{"mode":"…"}"#),
            ("x0123456789y", "x…y"),
            (r#""one\npanic\npanic""#, r#""one\n…\n…""#),
            (r"caf\u00e9panic", r"caf\u00e9…"),
            ("a=1%20panic", "a=1%20…"),
            ("\u{1b}[1;31mpanic\u{1b}[0m", "\u{1b}[1;31m…\u{1b}[0m"),
            (r"\u001b[31mpanic", r"\u001b[31m…"),
        ] {
            assert_eq!(secrets.scrub(said), shown);
            assert!(secrets.took_out() && !secrets.took_out(), "{said}");
        }
    }
}
