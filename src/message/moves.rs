//! Versions, and aliases that move between them, as records.

use serde::Serialize;

/// A version of a function.
#[derive(Debug, Serialize)]
pub struct Release<'a> {
    /// The function.
    pub function: &'a str,
    /// The number, or `$LATEST` where an alias points at that.
    pub version: &'a str,
    /// The aliases that lead to it.
    pub aliases: Vec<Part<'a>>,
    /// The aliases that pointed at it before their last move.
    pub before: &'a [&'a str],
    /// When it was published, as AWS says it.
    pub last_modified: Option<&'a str>,
    /// The commit that it was made of, with `-dirty` where files were changed; null where that is unknown.
    pub commit: Option<&'a str>,
    /// Git's tag of that commit.
    pub tag: Option<&'a str>,
    /// The length of its code in bytes; null of an image.
    pub code_size: Option<u64>,
    /// The digest of its code.
    pub code_sha256: Option<&'a str>,
    /// Its description, whole.
    pub description: &'a str,
    /// The deploys, rollbacks and promotions that moved aliases to it, as far as that is still known.
    pub deploys: &'a [String],
}

/// What an alias sends to a version.
#[derive(Debug, Serialize)]
pub struct Part<'a> {
    /// The alias.
    pub name: &'a str,
    /// What part of its traffic, from 0 to 1.
    pub weight: f64,
}

/// An alias that was to move.
#[derive(Debug, Serialize)]
pub struct Moved<'a> {
    /// The function.
    pub function: &'a str,
    /// The alias.
    pub alias: &'a str,
    /// `moved`, `unchanged`, `stopped`, or `to-move` of a dry run.
    pub state: &'static str,
    /// The version that it pointed at; null if it was not there.
    pub from: Option<&'a str>,
    /// The version that it was to point at.
    pub to: &'a str,
    /// The digest of that version's code.
    pub code_sha256: &'a str,
    /// This rollback or promotion, as in the markers on aliases; null where nothing was moved.
    pub deploy: Option<&'a str>,
    /// Why it does not point there.
    pub stopped: Option<String>,
}
