//! `${VAR}` and `${VAR:-default}` in values: the environment of whoever runs us.

/// Puts variables in. A missing one without a default, or a broken reference, is an error that
/// names it. `$${` is a plain `${`. Errors never show what stands in the value: it may be a secret.
pub(super) fn variables(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
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
            return Err("a `${` in it has no closing brace".to_owned());
        };
        if inside.contains("${") {
            return Err("a `${…}` in it has another one inside: that is not taken".to_owned());
        }
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let is_name = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err("a `${…}` in it names no variable".to_owned());
        }
        // As in a shell, `:-` also stands in for an empty value.
        let value = lookup(name).filter(|value| default.is_none() || !value.is_empty());
        match value.or_else(|| default.map(str::to_owned)) {
            Some(value) => out.push_str(&value),
            None => {
                return Err(format!(
                    "the environment variable `{name}` is not set; set it, or write \
                     `${{{name}:-default}}`"
                ));
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// What `{…}` in a name stands for.
#[derive(Debug, Clone, Default)]
pub struct Placeholders<'a> {
    /// `{handler}`
    pub handler: &'a str,
    /// `{package}`
    pub package: &'a str,
    /// `{env}`
    pub env: Option<&'a str>,
    /// `{branch}`, which may hold what no function's name takes: a hyphen stands there then.
    pub branch: Option<&'a str>,
    /// `{commit}`: the first twelve digits.
    pub commit: Option<&'a str>,
}

/// Puts `{handler}` and the like in.
pub(super) fn placeholders(text: &str, values: &Placeholders<'_>) -> Result<String, String> {
    // `feature/x` is no name: what a function's name does not take becomes a hyphen.
    let branch = values.branch.map(|branch| {
        let taken = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        branch.replace(|c| !taken(c), "-")
    });
    let known = [
        ("handler", Some(values.handler)),
        ("package", Some(values.package)),
        ("env", values.env),
        ("branch", branch.as_deref()),
        ("commit", values.commit),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            return Err(format!("`{{{after}` has no closing brace"));
        };
        match known.iter().find(|(known, _)| *known == name) {
            Some((_, Some(value))) => out.push_str(value),
            Some((_, None)) => {
                let why =
                    if name == "env" { "no `--env` is given" } else { "this is no git work tree" };
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
            assert_eq!(variables(text, &lookup).as_deref(), Ok(expected), "{text}");
        }
        for (text, why) in [
            ("${NONE}", "the environment variable `NONE` is not set"),
            ("${A", "has no closing brace"),
            ("${A:-${B}}", "another one inside"),
            ("${}", "names no variable"),
            ("${a-b}", "names no variable"),
        ] {
            assert!(variables(text, &lookup).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn placeholders_of_names() {
        let values = Placeholders { handler: "api", env: Some("prod"), ..Placeholders::default() };
        assert_eq!(placeholders("{handler}-{env}", &values).as_deref(), Ok("api-prod"));
        let branch = Placeholders { branch: Some("fix/ö#1"), ..Placeholders::default() };
        assert_eq!(placeholders("{branch}", &branch).as_deref(), Ok("fix---1"));
        for (text, why) in [
            ("{commit}", "this is no git work tree"),
            ("{handlr}", "did you mean `handler`?"),
            ("{handler", "has no closing brace"),
        ] {
            assert!(placeholders(text, &values).unwrap_err().contains(why), "{text}");
        }
    }
}
