//! What functions have written: which events are new, and what a line of JSON says.
//!
//! Nothing here asks anybody or looks at the clock.

mod follow;
mod line;

pub use follow::Follow;
pub use line::{Line, json};

/// An event of CloudWatch Logs (`FilteredLogEvent`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// No other event has it.
    pub id: String,
    /// When it was written, in milliseconds since 1970.
    pub time: i64,
    /// The log stream.
    pub stream: String,
    /// What was written.
    pub message: String,
}
