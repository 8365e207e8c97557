//! `new` and `init`.

use serde::Serialize;

/// A package was made.
#[derive(Debug, Serialize)]
pub struct Made<'a> {
    /// The template, as it was named; without the password in a URL.
    pub template: &'a str,
    /// The package.
    pub package: &'a str,
    /// Its folder.
    pub path: String,
    /// The files that were written, from there on.
    pub files: Vec<&'a str>,
    /// The manifest of the workspace that it belongs to; null if it stands alone.
    pub workspace: Option<String>,
}

/// Something that a template asks.
#[derive(Debug, Serialize)]
pub struct AskedOf<'a> {
    /// What `--set` calls it.
    pub key: &'a str,
    /// The question.
    pub question: &'a str,
    /// What is taken where nobody answers.
    pub default: Option<&'a str>,
    /// What can be answered; empty if any text can.
    pub values: Vec<String>,
    /// What a text has to match as a whole.
    pub pattern: Option<&'a str>,
    /// It is asked only where this holds, an expression of the answers before it.
    pub when: Option<&'a str>,
}
