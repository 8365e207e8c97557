//! The two lines in a program's source that link it with the shared library.

use crate::compile::LAYER_FEATURE;

/// The lines themselves.
fn lines(name: &str) -> String {
    format!("#[cfg(feature = \"{LAYER_FEATURE}\")]\nuse {} as _;\n", name.replace('-', "_"))
}

/// The source with the lines that link the crate, below its inner attributes; none where they are there.
#[must_use]
pub fn mark(text: &str, name: &str) -> Option<String> {
    let lines = lines(name);
    if text.contains(&lines) {
        return None;
    }
    let (head, rest) = text.split_at(start(text));
    let before = if head.is_empty() || head.ends_with("\n\n") { "" } else { "\n" };
    // Of lines that follow one another rustfmt makes one sorted group.
    let after = if rest.starts_with('\n') || rest.is_empty() { "" } else { "\n" };
    Some(format!("{head}{before}{lines}{after}{rest}"))
}

/// The source without them; none where they are not there.
#[must_use]
pub fn unmark(text: &str, name: &str) -> Option<String> {
    let (head, rest) = text.split_once(&lines(name))?;
    let rest = match rest.strip_prefix('\n') {
        Some(less) if head.is_empty() || head.ends_with("\n\n") => less,
        _ => rest,
    };
    Some(format!("{head}{rest}"))
}

/// Where the first item may stand: behind a `#!` line, inner attributes and inner documentation, and the
/// comments before those; a comment at the top that is not one of an item's stays there too.
fn start(text: &str) -> usize {
    let mut at = 0;
    let mut start = 0;
    if text.starts_with("#!") && !text.starts_with("#![") {
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
        } else if rest.starts_with("#![") {
            at + attribute(rest)
        } else {
            return start;
        };
        let inner = ["//!", "/*!", "#!["].iter().any(|sign| rest.starts_with(sign));
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

/// How long an attribute is: to the bracket that closes it, strings passed over.
fn attribute(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' if !quoted => depth += 1,
            b']' if !quoted => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}
