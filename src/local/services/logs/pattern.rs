//! Filter patterns: which lines a reader wants.
//!
//! AWS: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live
//! Tail". Patterns of terms and of JSON are understood; those of fields between spaces (`[…]`) are
//! refused. Letters count by their case.

use regex_lite::Regex;

use super::json::Condition;

/// What a line must be.
#[derive(Debug)]
pub(super) enum Pattern {
    Terms(Terms),
    /// A JSON object of which this holds.
    Json(Condition),
}

/// What a line must have in it.
#[derive(Debug, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    none: Vec<Term>,
    /// One of these, if there is no other term.
    any: Vec<Term>,
}

#[derive(Debug)]
pub(super) enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    pub(super) fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Text(term) => text.contains(term),
            Self::Regex(term) => term.is_match(text),
        }
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in the service's words where they are known.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix('{') {
            let inner = inner.strip_suffix('}').ok_or_else(|| {
                "If a filter pattern starts with '{' it must end with '}'".to_owned()
            })?;
            return Condition::of(inner).map(Self::Json);
        }
        if text.starts_with('[') {
            return Err("this server does not understand space-delimited patterns".to_owned());
        }
        let mut terms = Terms::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (into, start) = match rest.as_bytes() {
                [b'?', ..] => (&mut terms.any, &rest[1..]),
                [b'-', ..] => (&mut terms.none, &rest[1..]),
                _ => (&mut terms.all, rest),
            };
            let (term, after) = term(start)?;
            into.push(term);
            rest = after.trim_start();
        }
        Ok(Self::Terms(terms))
    }

    /// Whether a line is wanted.
    pub(super) fn matches(&self, line: &str) -> bool {
        match self {
            Self::Terms(terms) => terms.want(line),
            Self::Json(condition) => serde_json::from_str(line.trim())
                .is_ok_and(|event: serde_json::Value| condition.holds(&event)),
        }
    }
}

impl Terms {
    fn want(&self, line: &str) -> bool {
        let Self { all, none, any } = self;
        let alone = all.is_empty() && none.is_empty();
        all.iter().all(|term| term.is_in(line))
            && !none.iter().any(|term| term.is_in(line))
            && (any.is_empty() || !alone || any.iter().any(|term| term.is_in(line)))
    }
}

/// The first term, and what follows it.
fn term(text: &str) -> Result<(Term, &str), String> {
    if text.starts_with('"') {
        let (phrase, after) = quoted(text)?;
        // `" "` stands for everything.
        return Ok((Term::Text(phrase.trim().to_owned()), after));
    }
    if text.starts_with('%') {
        let (regex, after) = regex(text)?;
        return Ok((Term::Regex(regex), after));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let wrong = word.chars().find(|c| !c.is_alphanumeric() && *c != '_');
    match wrong {
        Some(wrong) => Err(invalid(&wrong.to_string())),
        None if word.is_empty() => Err("a term is missing".to_owned()),
        None => Ok((Term::Text(word.to_owned()), after)),
    }
}

fn invalid(term: &str) -> String {
    format!("Invalid character(s) in term '{term}'")
}

/// What stands between quotation marks, and what follows them.
pub(super) fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut phrase = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '"' if phrase.is_empty() => return Err(invalid("\"\"")),
            '"' => return Ok((phrase, text.get(at + 1..).unwrap_or_default())),
            '\\' => phrase.extend(chars.next().map(|(_, char)| char)),
            char => phrase.push(char),
        }
    }
    Err(invalid("\""))
}

/// The expression between percent signs, and what follows them.
pub(super) fn regex(text: &str) -> Result<(Regex, &str), String> {
    let (inner, after) =
        text.strip_prefix('%').and_then(|rest| rest.split_once('%')).ok_or_else(|| invalid("%"))?;
    if let Some(wrong) = inner.chars().find(|c| matches!(c, '(' | ')' | '!') || !c.is_ascii()) {
        return Err(invalid(&wrong.to_string()));
    }
    let regex = Regex::new(inner).map_err(|error| format!("{inner} is no expression: {error}"))?;
    Ok((regex, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_as_the_guide_has_them() {
        let lines = [
            "[ERROR 400] BAD REQUEST",
            "[ERROR 401] UNAUTHORIZED REQUEST",
            "[ERROR 419] MISSING ARGUMENTS",
            "[INFO] all is well, says a_b",
        ];
        let found = |pattern: &str| {
            let pattern = Pattern::of(pattern).unwrap();
            let found = lines.iter().enumerate().filter(|(_, line)| pattern.matches(line));
            found.map(|(at, _)| at).collect::<Vec<_>>()
        };
        for (pattern, expected) in [
            ("", &[0, 1, 2, 3][..]),
            ("  ", &[0, 1, 2, 3]),
            (r#"" ""#, &[0, 1, 2, 3]),
            ("ERROR", &[0, 1, 2]),
            ("error", &[]),
            ("ERROR ARGUMENTS", &[2]),
            ("?BAD ?ARGUMENTS", &[0, 2]),
            // With others, these do not count.
            ("?BAD ?ARGUMENTS REQUEST", &[0, 1]),
            ("ERROR -ARGUMENTS", &[0, 1]),
            ("-ERROR", &[3]),
            (r#""ERROR 401""#, &[1]),
            (r#"?"BAD REQUEST" ?"is well,""#, &[0, 3]),
            ("%4[01]{2}%", &[0, 1]),
            ("a_b", &[3]),
        ] {
            assert_eq!(found(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_quotation_mark_in_a_phrase_is_escaped() {
        let pattern = Pattern::of(r#""\"level\":\"ERROR\"""#).unwrap();
        assert!(pattern.matches(r#"{"level":"ERROR"}"#));
        assert!(!pattern.matches("level ERROR"));
    }

    #[test]
    fn what_the_service_refuses_is_refused() {
        for (pattern, said) in [
            ("Status: 500", "Invalid character(s) in term ':'"),
            ("user@domain", "Invalid character(s) in term '@'"),
            (r#""""#, "Invalid character(s) in term '\"\"'"),
            (r#""open"#, "Invalid character(s) in term '\"'"),
            ("%open", "Invalid character(s) in term '%'"),
            ("%(a)%", "Invalid character(s) in term '('"),
            ("{ $.a = 1", "If a filter pattern starts with '{' it must end with '}'"),
            ("[a, b]", "this server does not understand space-delimited patterns"),
            ("?", "a term is missing"),
        ] {
            assert_eq!(Pattern::of(pattern).unwrap_err(), said, "{pattern}");
        }
    }
}
