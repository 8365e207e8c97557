//! Printable text in binary data, and what of it is only on one side.
//!
//! Rust's texts have no end mark: those that stand side by side read as one. So of two that are nearly
//! the same only the place is shown where they differ.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek};

use super::bytes::{self, Span};

/// Shorter runs are what any bytes look like now and then.
const SHORTEST: usize = 6;
/// Longer runs are cut into pieces, in bytes.
const LONGEST: usize = 16 << 10;
/// No more text is kept of one side, in bytes.
const MOST: usize = 32 << 20;
/// No more runs are compared with each other.
const COMPARED: usize = 64;
/// What is shown around a difference, and of a difference, in characters.
const AROUND: usize = 32;
const SHOWN: usize = 160;

/// The printable runs of a part of a file, in order.
pub(super) fn runs(reader: &mut (impl Read + Seek), span: Span) -> io::Result<Vec<String>> {
    let mut runs = Runs::default();
    bytes::pieces(reader, span, |piece| runs.take(piece))?;
    runs.end();
    Ok(runs.found)
}

#[derive(Default)]
struct Runs {
    found: Vec<String>,
    kept: usize,
    run: Vec<u8>,
}

impl Runs {
    fn take(&mut self, piece: &[u8]) {
        for &byte in piece {
            if matches!(byte, b' '..=b'~' | 0x80..) && self.run.len() < LONGEST {
                self.run.push(byte);
            } else {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        for chunk in self.run.utf8_chunks() {
            for text in chunk.valid().split(char::is_control) {
                if text.chars().count() >= SHORTEST && self.kept < MOST {
                    self.kept += text.len() + size_of::<String>();
                    self.found.push(text.to_owned());
                }
            }
        }
        self.run.clear();
    }
}

/// Text of one side, or of both where it is nearly the same.
pub(super) type Pair = (Option<String>, Option<String>);

/// What is only on one side, the most telling first, and how many more there are that were not
/// compared: paths, then words, then what may be no text at all.
pub(super) fn compare(given: &[String], rebuilt: &[String]) -> (Vec<Pair>, usize) {
    let (theirs, more) = only(given, rebuilt);
    let (mut ours, others) = only(rebuilt, given);
    let mut pairs = Vec::new();
    for text in theirs {
        let best = ours.iter().enumerate().max_by_key(|(_, other)| shared(text, other).length());
        match best.map(|(place, other)| (place, shared(text, other))) {
            Some((place, shared)) if shared.is_near(text, ours.get(place).unwrap_or(&"")) => {
                let other = ours.remove(place);
                pairs.push((Some(shared.around(text)), Some(shared.around(other))));
            }
            _ => pairs.push((Some(Shared::NOTHING.around(text)), None)),
        }
    }
    pairs.extend(ours.into_iter().map(|text| (None, Some(Shared::NOTHING.around(text)))));
    pairs.sort_by_key(rank);
    // What reads the same was cut to nothing that differs.
    pairs.dedup();
    (pairs, more.max(others))
}

/// The runs of one side that are not on the other, the most telling first.
fn only<'a>(here: &'a [String], there: &[String]) -> (Vec<&'a str>, usize) {
    let mut seen: BTreeSet<&str> = there.iter().map(String::as_str).collect();
    let mut only: Vec<&str> =
        here.iter().map(String::as_str).filter(|text| seen.insert(text)).collect();
    only.sort_by_key(|text| rank_of(text));
    let more = only.len().saturating_sub(COMPARED);
    only.truncate(COMPARED);
    (only, more)
}

/// What to tell first: 0 for what has a path in it, 1 for words, 2 for the rest.
pub(super) fn rank(pair: &Pair) -> u8 {
    pair.0.iter().chain(&pair.1).map(|text| rank_of(text)).min().unwrap_or(u8::MAX)
}

fn rank_of(text: &str) -> u8 {
    let part = |part: &str| part.starts_with(|c: char| c.is_alphanumeric() || "._-~".contains(c));
    let mut parts = text.split('/');
    // Not what stands before the first one.
    parts.next();
    let parts: Vec<&str> = parts.collect();
    if parts.windows(2).any(|pair| pair.iter().all(|text| part(text))) {
        return 0;
    }
    let plain = text.chars().filter(|c| c.is_alphanumeric() || *c == ' ').count();
    u8::from(plain * 5 < text.chars().count() * 4) + 1
}

/// How many characters two texts share at their beginnings and at their ends.
#[derive(Clone, Copy)]
struct Shared {
    before: usize,
    behind: usize,
}

fn shared(a: &str, b: &str) -> Shared {
    let same = |(a, b): &(char, char)| a == b;
    let before = a.chars().zip(b.chars()).take_while(same).count();
    let most = a.chars().count().min(b.chars().count()) - before;
    let behind = a.chars().rev().zip(b.chars().rev()).take(most).take_while(same).count();
    Shared { before, behind }
}

impl Shared {
    const NOTHING: Self = Self { before: 0, behind: 0 };

    fn length(self) -> usize {
        self.before + self.behind
    }

    /// Whether it is half of the shorter one.
    fn is_near(self, a: &str, b: &str) -> bool {
        2 * self.length() >= a.chars().count().min(b.chars().count())
    }

    /// What is not shared of a text, with a little of what stands around it.
    fn around(self, text: &str) -> String {
        let length = text.chars().count();
        let from = self.before.saturating_sub(AROUND);
        let to = length - self.behind.saturating_sub(AROUND).min(length);
        let shown: String = text.chars().take(to).skip(from).take(SHOWN).collect();
        let cut = |cut: bool| if cut { "…" } else { "" };
        let end = from + shown.chars().count() < length;
        format!("`{}{shown}{}`", cut(from > 0), cut(end))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn of(bytes: &[u8]) -> Vec<String> {
        runs(&mut Cursor::new(bytes), Span::ALL).unwrap()
    }

    fn pairs(given: &[&str], rebuilt: &[&str]) -> Vec<String> {
        let owned =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let text = |text: Option<String>| text.unwrap_or_default();
        let found = compare(&owned(given), &owned(rebuilt)).0;
        found.into_iter().map(|(a, b)| format!("{}|{}", text(a), text(b))).collect()
    }

    #[test]
    fn runs_of_text() {
        assert_eq!(
            of(b"\0short\0longer\0\x01grosz and \xc3\xbc\xff\xfetrailing"),
            ["longer", "grosz and ü", "trailing"]
        );
        assert_eq!(of(&vec![b'x'; LONGEST + SHORTEST + 1]).len(), 2);
        assert_eq!(
            of("one line\nanother\u{9b}and more".as_bytes()),
            ["one line", "another", "and more"]
        );
    }

    #[test]
    fn only_what_differs_is_shown() {
        assert!(pairs(&["the same"], &["the same", "the same"]).is_empty());
        let text = |name: &str| format!("{}I am {name}{}", "a".repeat(99), "b".repeat(99));
        let (a, b) = ("a".repeat(27), "b".repeat(32));
        assert_eq!(
            pairs(&[&text("hello")], &[&text("other")]),
            [format!("`…{a}I am hello{b}…`|`…{a}I am other{b}…`")]
        );
        assert_eq!(pairs(&["something"], &["/a/b/c"]), ["|`/a/b/c`", "`something`|"]);
        assert_eq!(
            pairs(&["!\"#$%&'", "valueat /home/a/x.rs"], &["valueat /srv/b/x.rs", "(((((((("]),
            ["`valueat /home/a/x.rs`|`valueat /srv/b/x.rs`", "`!\"#$%&'`|", "|`((((((((`"]
        );
    }
}
