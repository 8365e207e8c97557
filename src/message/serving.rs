//! What `run` and `watch` say.

use serde::Serialize;

/// A function that is served on this machine.
#[derive(Debug, Serialize)]
pub struct Served<'a> {
    /// Its name.
    pub function: &'a str,
    /// Its aliases.
    pub aliases: &'a [String],
    /// Where its URL is; null without one.
    pub url: Option<String>,
}
