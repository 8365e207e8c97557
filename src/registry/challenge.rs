//! `WWW-Authenticate`: what a server wants to see (RFC 9110, sections 11.2 to 11.6.1), read as
//! generously as it is written.

use std::collections::BTreeMap;

/// One way to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// `bearer`, `basic`: in lower case.
    pub(super) scheme: String,
    /// Its parameters; the names in lower case. Of two of one name, the first.
    params: BTreeMap<String, String>,
}

impl Challenge {
    /// A parameter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// All challenges of all such headers, in order. What is not of the grammar is passed over.
pub(super) fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Vec<Challenge> {
    let mut all: Vec<Challenge> = Vec::new();
    for header in headers {
        let mut rest = header;
        // A parameter belongs to a scheme of its own header.
        let begin = all.len();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let word = word(rest);
            if word.is_empty() {
                let Some(junk) = rest.chars().next() else { break };
                rest = &rest[junk.len_utf8()..];
                continue;
            }
            let after = rest[word.len()..].trim_start_matches([' ', '\t']);
            let Some(value) = after.strip_prefix('=').filter(|_| all.len() > begin) else {
                let (scheme, params) = (word.to_ascii_lowercase(), BTreeMap::new());
                all.push(Challenge { scheme, params });
                rest = without_token68(after);
                continue;
            };
            let (value, others) = read_value(value.trim_start_matches([' ', '\t']));
            if let Some(challenge) = all.last_mut() {
                challenge.params.entry(word.to_ascii_lowercase()).or_insert(value);
            }
            rest = others;
        }
    }
    all
}

/// The token that a text begins with.
fn word(text: &str) -> &str {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    &text[..text.find(|c| !token(c)).unwrap_or(text.len())]
}

/// Without the one blob that may stand in the place of parameters: `Negotiate YII=`.
fn without_token68(text: &str) -> &str {
    let of_it = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    let end = text.find(|c| !of_it(c)).unwrap_or(text.len());
    let (blob, rest) = text.split_at(end);
    let ends = rest.trim_start().is_empty() || rest.trim_start().starts_with(',');
    let pads = blob.trim_end_matches('=');
    if ends && !blob.is_empty() && !pads.contains('=') { rest } else { text }
}

/// A quoted string, or what stands up to the next comma or space; and what follows.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: &[&str]) -> String {
        let one = |challenge: Challenge| {
            let params = challenge.params.iter();
            let params: Vec<_> = params.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}[{}]", challenge.scheme, params.join(";"))
        };
        parse(headers.iter().copied()).into_iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn challenges_as_registries_write_them() {
        for (headers, expected) in [
            (
                &[
                    r#"Bearer realm="https://a.example/token",service="r",scope="repository:a/b:pull,push""#,
                ][..],
                "bearer[realm=https://a.example/token;scope=repository:a/b:pull,push;service=r]",
            ),
            (&[r#"BEARER Realm = "x" , SERVICE=y"#], "bearer[realm=x;service=y]"),
            (
                &["bearer realm=https://a.example/t?x=1,service=y"],
                "bearer[realm=https://a.example/t?x=1;service=y]",
            ),
            (
                &[r#"Basic realm="a, b=\"c\"", Bearer realm="d""#],
                r#"basic[realm=a, b="c"] bearer[realm=d]"#,
            ),
            (&[r#"Basic realm="a""#, r#"Bearer realm="b""#], "basic[realm=a] bearer[realm=b]"),
            (&[r#"Negotiate, Basic realm="a""#], "negotiate[] basic[realm=a]"),
            (&["Negotiate YII+/=="], "negotiate[]"),
            (&[r#"Negotiate YII=, Bearer realm="b""#], "negotiate[] bearer[realm=b]"),
            (&["Basic"], "basic[]"),
            (&[r#"Bearer realm="a",realm="b""#], "bearer[realm=a]"),
            (&[r#"Bearer error="invalid_token" realm="a""#], "bearer[error=invalid_token;realm=a]"),
        ] {
            assert_eq!(shown(headers), expected);
        }
    }

    #[test]
    fn junk_is_passed_over() {
        for (header, expected) in [
            ("", ""),
            (",, ,", ""),
            ("=", ""),
            ("a=b", "a[]b[]"),
            (r#"Bearer realm="a"#, "bearer[realm=a]"),
            (r#"Bearer realm="a\"#, "bearer[realm=a]"),
            ("Bearer realm=", "bearer[]"),
            ("Bearer realm=,service=s", "bearer[service=s]"),
            ("ü(\u{7f}Bearer", "bearer[]"),
        ] {
            assert_eq!(shown(&[header]).replace(' ', ""), expected.replace(' ', ""), "{header}");
        }
        assert_eq!(parse(["Bearer realm=,service=s"])[0].get("realm"), None);
    }
}
