//! What a deploy says of checks.

use serde::Serialize;

use crate::logs::Figures;

/// An event that a version was checked with before an alias moves to it.
#[derive(Debug, Serialize)]
pub struct CheckedEvent<'a> {
    /// The function.
    pub function: &'a str,
    /// The version.
    pub version: &'a str,
    /// The event's file.
    pub event: &'a str,
    /// Whether all holds.
    pub passed: bool,
    /// How long it took, as Lambda reports it; null where nothing was seen of it.
    pub duration_ms: Option<f64>,
    /// How long its init took; null if it needed none.
    pub init_ms: Option<f64>,
    /// What does not hold.
    pub why: Option<String>,
    /// The last lines of the log where something does not hold.
    pub log: &'a [String],
}

impl<'a> CheckedEvent<'a> {
    /// One that passed.
    #[must_use]
    pub fn passed(function: &'a str, version: &'a str, event: &'a str, figures: Figures) -> Self {
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        Self {
            function,
            version,
            event,
            passed: true,
            duration_ms: figures.duration.map(milliseconds),
            init_ms: figures.init.map(milliseconds),
            why: None,
            log: &[],
        }
    }
}
