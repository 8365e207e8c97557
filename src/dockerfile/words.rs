//! Words of Dockerfiles, of the shells that they run, and of `.dockerignore`.

use super::Unwritable;

/// A word for a POSIX shell.
pub fn quote(word: &str) -> Result<String, Unwritable> {
    if word.chars().any(char::is_control) {
        return Err(Unwritable(word.to_owned()));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    Ok(if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    })
}

/// The value of a variable; cargo's flags are divided by 0x1f where a blank would not do.
pub(super) fn value(text: &str) -> Result<String, Unwritable> {
    if !text.contains('\x1f') {
        return quote(text);
    }
    let words: Result<Vec<String>, _> = text.split('\x1f').map(quote).collect();
    let words = words?;
    let form = vec!["%s"; words.len()].join(r"\037");
    Ok(format!("\"$(printf '{form}' {})\"", words.join(" ")))
}

/// The name of a stage: `BuildKit` takes small letters, and a letter at the beginning.
#[must_use]
pub fn stage(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let reserved = ["scratch", "context"].contains(&name.as_str());
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && !reserved {
        name
    } else {
        format!("f-{name}")
    }
}

/// The name in a registry: small letters and digits, with single signs between them (distribution's
/// `reference`).
#[must_use]
pub fn repository(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let parts: Vec<&str> = name.split(['-', '_']).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "function".to_owned() } else { parts.join("-") }
}

/// A line of `.dockerignore` that means this path and nothing else (`filepath.Match` of Go).
#[must_use]
pub fn pattern(path: &str) -> String {
    let mut line = String::new();
    for (at, c) in path.chars().enumerate() {
        if "*?[]\\".contains(c) || at == 0 && "!#".contains(c) {
            line.push('\\');
        }
        // No pattern holds a line break: any one character is what comes nearest.
        line.push(if c.is_control() { '?' } else { c });
    }
    line
}

/// A string of JSON, as the forms of `COPY` and `ENTRYPOINT` take it. Only names of functions go there:
/// variables would be replaced in a `COPY`, and not in the others.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text of others for a comment, which ends with the line.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A word of a command within a comment.
pub(super) fn shown(word: &str) -> String {
    quote(word).unwrap_or_else(|_| "Dockerfile".to_owned())
}
