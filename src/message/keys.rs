//! What `config keys` says.

use serde::Serialize;

/// A key that can be set.
#[derive(Debug, Serialize)]
pub struct Key<'a> {
    /// Its name.
    pub key: &'a str,
    /// What it takes.
    #[serde(rename = "type")]
    pub type_: String,
    /// Where it may stand.
    pub scopes: Vec<&'a str>,
    /// What holds where nothing is said.
    pub default: &'a str,
    /// What it means.
    pub meaning: &'a str,
    /// The version that had it first.
    pub since: &'a str,
}
