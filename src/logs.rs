//! What functions have written: which events are new, what a line of JSON says, and what Lambda reports.
//!
//! Nothing here asks anybody or looks at the clock.

mod follow;
mod line;
mod report;

pub use follow::Follow;
pub use line::{Line, json};
pub use report::{Figures, divided, field, figures};

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
