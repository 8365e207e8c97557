//! `${VAR}` and `${VAR:-default}` in values: the environment of whoever runs us.

use crate::function::FunctionName;
use crate::nearest::quoted;

/// Why variables cannot be put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// Some are not set: all of them, and what to do.
    Missing(String),
    /// A reference is none.
    Broken(String),
}

/// Puts variables in. Missing ones without a default, or a broken reference, are an error that names
/// them. `$${` is a plain `${`. Errors never show what stands in the value: it may be a secret.
pub(super) fn variables(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Refused> {
    let broken = |why: &str| Refused::Broken(why.to_owned());
    let mut missing: Vec<&str> = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        let reference = after.strip_prefix("${").unwrap_or(after);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = reference;
            continue;
        }
        out.push_str(before);
        let Some((inside, behind)) = reference.split_once('}') else {
            return Err(broken("a `${` in it has no closing brace"));
        };
        if inside.contains("${") {
            return Err(broken("a `${…}` in it has another one inside: that is not taken"));
        }
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let is_name = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err(broken("a `${…}` in it names no variable"));
        }
        // As in a shell, `:-` also stands in for an empty value.
        let value = lookup(name).filter(|value| default.is_none() || !value.is_empty());
        match value.or_else(|| default.map(str::to_owned)) {
            Some(value) => out.push_str(&value),
            None => missing.push(name),
        }
        rest = behind;
    }
    out.push_str(rest);
    match missing.as_slice() {
        [] => Ok(out),
        [name] => Err(Refused::Missing(format!(
            "the environment variable `{name}` is not set; set it, or write `${{{name}:-default}}`"
        ))),
        names => Err(Refused::Missing(format!(
            "the environment variables {} are not set; set them, or write `${{NAME:-default}}`",
            quoted(names)
        ))),
    }
}

/// Whether a text is a function's name when its placeholders are put in, as far as that can be said
/// before. The length cannot.
pub(super) fn is_name(text: &str) -> Result<(), String> {
    let plain =
        Placeholders { handler: "x", package: "x", env: Ok("x"), branch: Ok("x"), commit: Ok("x") };
    let name = placeholders(text, &plain)?;
    match FunctionName::new(&name) {
        Err(error) if name.len() <= 64 => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// What `{…}` in a name stands for.
#[derive(Debug, Clone)]
pub struct Placeholders<'a> {
    /// `{handler}`
    pub handler: &'a str,
    /// `{package}`
    pub package: &'a str,
    /// `{env}`, or why it stands for nothing.
    pub env: Result<&'a str, &'a str>,
    /// `{branch}`, which may hold what no function's name takes: a hyphen stands there then.
    pub branch: Result<&'a str, &'a str>,
    /// `{commit}`: the first twelve digits.
    pub commit: Result<&'a str, &'a str>,
}

impl Default for Placeholders<'_> {
    fn default() -> Self {
        let none = Err("nothing says");
        Self { handler: "", package: "", env: none, branch: none, commit: none }
    }
}

/// Puts `{handler}` and the like in.
pub(super) fn placeholders(text: &str, values: &Placeholders<'_>) -> Result<String, String> {
    // `feature/x` is no name: what a function's name does not take becomes a hyphen.
    let branch = values.branch.map(|branch| {
        let taken = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        branch.replace(|c| !taken(c), "-")
    });
    let known = [
        ("handler", Ok(values.handler)),
        ("package", Ok(values.package)),
        ("env", values.env),
        ("branch", branch.as_deref().map_err(|why| *why)),
        ("commit", values.commit),
    ];
    filled(text, &known)
}

/// What a placeholder stands for, or why it stands for nothing.
pub type Known<'a> = (&'a str, Result<&'a str, &'a str>);

/// A text with its placeholders put in.
///
/// # Errors
///
/// If one is unknown, stands for nothing, or has no end.
pub fn filled(text: &str, known: &[Known<'_>]) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            return Err(format!("`{{{after}` has no closing brace"));
        };
        match known.iter().find(|(known, _)| *known == name) {
            Some((_, Ok(value))) => out.push_str(value),
            Some((_, Err(why))) => {
                return Err(format!("`{{{name}}}` stands for nothing: {why}"));
            }
            None => {
                let near = crate::nearest::suggestion(name, known.iter().map(|(name, _)| *name));
                return Err(format!("`{{{name}}}` is unknown; {near}"));
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_as_in_a_shell() {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("x${A}y${A}", "xaya"),
            ("${NONE:-d}${EMPTY:-e}${EMPTY}", "de"),
            ("$A $${A} 5$", "$A ${A} 5$"),
            ("", ""),
        ] {
            assert_eq!(variables(text, &lookup), Ok(expected.to_owned()), "{text}");
        }
        for (text, why) in [
            ("${NONE}", "the environment variable `NONE` is not set"),
            ("${NO} ${NONE}", "the environment variables `NO`, `NONE` are not set"),
            ("${A", "has no closing brace"),
            ("${A:-${B}}", "another one inside"),
            ("${}", "names no variable"),
            ("${a-b}", "names no variable"),
        ] {
            let refused = format!("{:?}", variables(text, &lookup).unwrap_err());
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn placeholders_of_names() {
        let values = Placeholders { handler: "api", env: Ok("prod"), ..Placeholders::default() };
        assert_eq!(placeholders("{handler}-{env}", &values).as_deref(), Ok("api-prod"));
        let branch = Placeholders { branch: Ok("fix/ö#1"), ..Placeholders::default() };
        assert_eq!(placeholders("{branch}", &branch).as_deref(), Ok("fix---1"));
        for (text, why) in [
            ("{commit}", "stands for nothing: nothing says"),
            ("{handlr}", "did you mean `handler`?"),
            ("{handler", "has no closing brace"),
        ] {
            assert!(placeholders(text, &values).unwrap_err().contains(why), "{text}");
        }
    }
}
