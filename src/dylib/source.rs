//! The two lines in a program's source that link it with the shared library.

use cargo_metadata::Edition;

use crate::cargo_manifest::Form;
use crate::compile::LAYER_FEATURE;

/// The lines themselves. In Rust 2015 paths begin at the crate's root, where the crate is not.
fn lines(name: &str, edition: Edition) -> String {
    let name = name.replace('-', "_");
    let line = match edition {
        Edition::E2015 => format!("extern crate {name} as _;"),
        _ => format!("use ::{name} as _;"),
    };
    format!("#[cfg(feature = \"{LAYER_FEATURE}\")]\n{line}\n")
}

/// Whether a source says in other words that it uses the crate.
#[must_use]
pub fn mentions(text: &str, name: &str) -> bool {
    let name = name.replace('-', "_");
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words = [format!("use {name}"), format!("use ::{name}"), format!("extern crate {name}")];
    { code }.any(|line| words.iter().any(|word| line.contains(word.as_str())))
}

/// The source with the lines that link the crate, below its inner attributes; none where they are there.
#[must_use]
pub fn mark(text: &str, name: &str, edition: Edition) -> Option<String> {
    let lines = lines(name, edition);
    let (text, form) = Form::take(text);
    let text = text.as_str();
    if text.contains(&lines) {
        return None;
    }
    let (head, rest) = text.split_at(start(text));
    let before = if head.is_empty() || head.ends_with("\n\n") { "" } else { "\n" };
    // Of lines that follow one another rustfmt makes one sorted group.
    let after = if rest.starts_with('\n') || rest.is_empty() { "" } else { "\n" };
    Some(form.give(&format!("{head}{before}{lines}{after}{rest}")))
}

/// The source without them; none where they are not there.
#[must_use]
pub fn unmark(text: &str, name: &str) -> Option<String> {
    let (text, form) = Form::take(text);
    let all = [Edition::E2021, Edition::E2015].map(|edition| lines(name, edition));
    let (head, rest) = all.iter().find_map(|lines| text.split_once(lines.as_str()))?;
    let rest = match rest.strip_prefix('\n') {
        Some(less) if head.is_empty() || head.ends_with("\n\n") => less,
        _ => rest,
    };
    Some(form.give(&format!("{head}{rest}")))
}

/// Where the first item may stand: behind a `#!` line, inner attributes and inner documentation, and the
/// comments before those; a comment at the top that is not one of an item's stays there too.
fn start(text: &str) -> usize {
    let mut at = 0;
    let mut start = 0;
    if text.starts_with("#!") && !is_attribute(text) {
        at = line_end(text, 0);
        start = at;
    }
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        at += blank;
        let end = if rest.starts_with("//") {
            line_end(text, at)
        } else if rest.starts_with("/*") {
            at + comment(rest)
        } else if is_attribute(rest) {
            at + attribute(rest)
        } else {
            return start;
        };
        let inner = ["//!", "/*!"].iter().any(|sign| rest.starts_with(sign)) || is_attribute(rest);
        let outer = ["///", "/**"].iter().any(|sign| rest.starts_with(sign));
        let behind = text.get(end..).unwrap_or_default();
        let apart = behind.starts_with('\n') && (start == 0 || inner) && !outer;
        at = end;
        if inner {
            // Whole lines.
            start = if text.get(..end).is_some_and(|it| it.ends_with('\n')) {
                end
            } else {
                line_end(text, end)
            };
            at = start;
        } else if apart && start == 0 {
            start = end;
        }
    }
}

/// Behind the end of the line that a place is in.
fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.find('\n').map_or(text.len(), |found| at + found + 1)
}

/// How long a block comment is; they nest.
fn comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// Whether an inner attribute begins here; blanks may stand between its signs.
fn is_attribute(text: &str) -> bool {
    let after =
        |text: &'static str| move |rest: &str| rest.trim_start().strip_prefix(text).map(str::len);
    let rest = |count: usize| text.get(text.len() - count..).unwrap_or_default();
    let sign = after("#")(text).and_then(|left| after("!")(rest(left)));
    sign.and_then(|left| after("[")(rest(left))).is_some()
}

/// How long an attribute is: to the bracket that closes it; strings and comments are passed over.
fn attribute(text: &str) -> usize {
    let (mut depth, mut quoted, mut at) = (0_usize, false, 0);
    while let Some(&byte) = text.as_bytes().get(at) {
        let rest = text.get(at..).unwrap_or_default();
        at += match byte {
            b'\\' if quoted => 2,
            b'/' if !quoted && rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if !quoted && rest.starts_with("/*") => comment(rest),
            _ => 1,
        };
        match byte {
            b'"' => quoted = !quoted,
            b'[' if !quoted => depth += 1,
            b']' if !quoted => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}
