//! One invocation, wherever the function runs.

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// Name, partial ARN or ARN; the qualifier may be part of it.
    pub function: &'a str,
    /// A version or an alias.
    pub qualifier: Option<&'a str>,
    /// Whether to wait.
    pub kind: Kind,
    /// A JSON text.
    pub payload: &'a [u8],
}

/// `InvocationType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `RequestResponse`.
    Wait,
    /// `Event`.
    Event,
    /// `DryRun`.
    DryRun,
}

impl Kind {
    /// AWS's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "RequestResponse",
            Self::Event => "Event",
            Self::DryRun => "DryRun",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invoked {
    /// Whether the payload is the function's error.
    pub failed: bool,
    /// The version that ran; none if nobody waited for it.
    pub version: Option<String>,
    /// The last 4 KB of the log.
    pub log: Vec<u8>,
    /// What the function answered.
    pub payload: Vec<u8>,
}
