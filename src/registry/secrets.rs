//! Texts that are never shown, whatever a server or a helper says, and in whatever form it says them.

use std::collections::BTreeSet;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::text::clean;

/// What stands in the place of a secret.
const VEIL: &str = "…";

/// A word as long as this, of letters and digits, may be a password.
const PASSWORD: usize = 8;

/// What only we and one server may know.
#[derive(Default)]
pub(super) struct Secrets(BTreeSet<String>);

/// A byte of what a text means, and where it stands in that.
type Seen = (u8, Range<usize>);

/// Reads what is escaped at the beginning of a text: what it means, and how long it is.
type Form = fn(&str) -> Option<(Vec<u8>, usize)>;

impl Secrets {
    pub(super) fn keep(&mut self, text: &str) {
        // What is as short as that is in every other text.
        if text.len() > 3 {
            self.0.insert(text.to_owned());
        }
    }

    /// The text without them: as they are, percent-encoded (RFC 3986), escaped in JSON (RFC 8259) or HTML,
    /// in hexadecimal digits, in Base64.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut found: Vec<Range<usize>> = Vec::new();
        let forms: [Form; 4] = [|_| None, percent, json, html];
        let views = forms.map(|form| view(text, form));
        for secret in &self.0 {
            for view in &views {
                find(view, secret.as_bytes(), &mut found);
            }
            let plain = &views[0];
            for coded in [STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret)] {
                find(plain, coded.as_bytes(), &mut found);
            }
            let digits: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let digits = digits.concat();
            for digits in [digits.to_uppercase(), digits] {
                find(plain, digits.as_bytes(), &mut found);
            }
        }
        veiled(text, found)
    }
}

/// A text as it is when what is escaped in a form is read.
fn view(text: &str, form: Form) -> Vec<Seen> {
    let mut all = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&first) = text.as_bytes().get(at) {
        let escaped = text.get(at..).and_then(form);
        let (bytes, length) = escaped.unwrap_or_else(|| (vec![first], 1));
        all.extend(bytes.into_iter().map(|byte| (byte, at..at + length)));
        at += length;
    }
    all
}

fn find(view: &[Seen], secret: &[u8], found: &mut Vec<Range<usize>>) {
    let windows = view.windows(secret.len());
    let equal = windows.filter(|window| window.iter().map(|seen| &seen.0).eq(secret));
    found.extend(equal.map(|window| {
        let end = window.last().map_or(0, |seen| seen.1.end);
        window[0].1.start..end
    }));
}

/// `%41`.
fn percent(text: &str) -> Option<(Vec<u8>, usize)> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    Some((vec![u8::from_str_radix(digits, 16).ok()?], 3))
}

/// `\"`, `\u0041`; without pairs that stand for one character.
fn json(text: &str) -> Option<(Vec<u8>, usize)> {
    let rest = text.strip_prefix('\\')?;
    if let Some(digits) = rest.strip_prefix('u').and_then(|rest| rest.get(..4)) {
        let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        return Some((c.to_string().into_bytes(), 6));
    }
    let c = rest.bytes().next().filter(|c| b"\"\\/".contains(c))?;
    Some((vec![c], 2))
}

/// `&quot;`, `&#65;`, `&#x41;`.
fn html(text: &str) -> Option<(Vec<u8>, usize)> {
    let name = text.strip_prefix('&')?.split_once(';').filter(|(name, _)| name.len() < 9)?.0;
    let c = match (name, name.strip_prefix('#')) {
        ("amp", _) => '&',
        ("lt", _) => '<',
        ("gt", _) => '>',
        ("quot", _) => '"',
        ("apos", _) => '\'',
        (_, Some(number)) => char::from_u32(match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        })?,
        _ => return None,
    };
    Some((c.to_string().into_bytes(), name.len() + 2))
}

fn veiled(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_by_key(|range| range.start);
    let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
    for range in found {
        if range.start >= at {
            shown.push_str(&text[at..range.start]);
            shown.push_str(VEIL);
        }
        at = at.max(range.end);
    }
    shown.push_str(&text[at..]);
    shown
}

/// What a program says that may know secrets which we do not: without the `Secret` of an answer of a
/// helper's, what is named a password or a token, and words that look like one.
pub(super) fn sentence(text: &str) -> String {
    if text.to_lowercase().contains("\"secret\"") {
        return String::new();
    }
    let mut follows = false;
    let word = |word: &str| {
        let lower = word.to_lowercase();
        let after_name = std::mem::take(&mut follows);
        let begins = |name: &str| lower.trim_matches(['"', '\'', '{', ',']).starts_with(name);
        let names = ["password", "passwd", "secret", "token", "bearer", "basic", "authorization"];
        let by_name = names.iter().any(|name| begins(name));
        if by_name && let Some(at) = word.find(['=', ':']) {
            follows = at + 1 == word.len();
            return if follows { word.to_owned() } else { format!("{}{VEIL}", &word[..=at]) };
        }
        follows = word == "Bearer" || word == "Basic";
        if after_name || is_token(word) { VEIL.to_owned() } else { word.to_owned() }
    };
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.filter(|word| !word.is_empty()).map(word);
    clean(&words.collect::<Vec<_>>().join(" "))
}

/// A word with a part of letters and digits that is long enough to be a password, or of a token. Numbers of
/// versions, hosts, accounts and errors are shown.
fn is_token(word: &str) -> bool {
    word.split(['.', '-', ':', '/', '(', ')']).any(|part| {
        let has = |of: fn(&u8) -> bool| part.bytes().any(|byte| of(&byte));
        let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        part.len() >= PASSWORD && mixed && !part.starts_with("0x")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_in_no_form() {
        let mut secrets = Secrets::default();
        secrets.keep("p\"a&s/ß 22");
        secrets.keep("abc");
        for (text, shown) in [
            ("no p\"a&s/ß 22!", "no …!"),
            ("p%22a%26s%2F%C3%9f%2022", "…"),
            ("at p%22a&s/%C3%9F 22, %zz %4", "at …, %zz %4"),
            (r#"{"x":"p\"a&s\/\u00df 22"}"#, r#"{"x":"…"}"#),
            ("<b>p&quot;a&amp;s/&#223; 22</b>", "<b>…</b>"),
            ("p&#34;a&#x26;s/&#xDF; 22", "…"),
            ("7022612673 2fc39f203232", "7022612673 2fc39f203232"),
            ("0x702261267 70226126732fc39f203232", "0x702261267 …"),
            ("70226126732FC39F203232", "…"),
            ("cCJhJnMvw58gMjI=", "…="),
            ("abc & &; &x; \\ \\q ü", "abc & &; &x; \\ \\q ü"),
        ] {
            assert_eq!(secrets.scrub(text), shown, "{text}");
        }
        secrets.keep("p\"a&s");
        assert_eq!(secrets.scrub("p\"a&s/ß 22 p\"a&s"), "… …");
    }

    #[test]
    fn what_a_helper_says_holds_no_secret_that_can_be_told() {
        for (said, shown) in [
            (
                "credentials not found in native keychain",
                "credentials not found in native keychain",
            ),
            (r#"{"ServerURL":"x","Username":"u","Secret":"hunter22"}"#, ""),
            (r#"no {"Username":"u","Secret":"correct horse""#, ""),
            ("no: password=hunter22 is wrong", "no: password=… is wrong"),
            ("Authorization: Bearer hunter22 was refused", "Authorization: … … was refused"),
            ("boom S3cretPW!x, hunter22", "boom … …"),
            (
                "status 403 of 123456789012.dkr.ecr.eu-west-1.amazonaws.com: 0x80070005",
                "status 403 of 123456789012.dkr.ecr.eu-west-1.amazonaws.com: 0x80070005",
            ),
            ("no basic auth credentials", "no basic auth credentials"),
            ("the token eyJhbGciOiJIUzI1NiIsInR5cCI6 is old", "the token … is old"),
            (
                "error getting credentials: no session\u{1b}[2J",
                "error getting credentials: no session [2J",
            ),
        ] {
            assert_eq!(sentence(said), shown, "{said}");
        }
    }
}
