//! An invocation, and what becomes of it.

use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::mpsc;

use crate::local::clock;
use crate::local::failure::Failure;

/// One invocation, as the runtime gets it.
pub(in crate::local) struct Job {
    /// `Lambda-Runtime-Aws-Request-Id`.
    pub(in crate::local) id: String,
    /// `Lambda-Runtime-Invoked-Function-Arn`.
    pub(in crate::local) arn: String,
    /// `Lambda-Runtime-Trace-Id`.
    pub(in crate::local) trace: String,
    /// `Lambda-Runtime-Client-Context`: a JSON text.
    pub(in crate::local) client_context: Option<String>,
    /// `Lambda-Runtime-Aws-Tenant-Id`.
    pub(in crate::local) tenant: Option<String>,
    /// How long the function may take.
    pub(in crate::local) timeout: Duration,
    pub(in crate::local) payload: Bytes,
}

impl Job {
    /// The line of the log that begins it (recorded).
    pub(in crate::local) fn start_line(&self, version: &str) -> String {
        format!("START RequestId: {} Version: {version}\n", self.id)
    }

    /// `Lambda-Runtime-Deadline-Ms`, if it begins now.
    pub(super) fn deadline(&self) -> i64 {
        let timeout = i64::try_from(self.timeout.as_millis()).unwrap_or(i64::MAX);
        clock::now().saturating_add(timeout)
    }
}

/// What a runtime says of an invocation.
pub(in crate::local) enum Reply {
    /// `…/response`, whole.
    Response(Bytes),
    /// `…/response` in pieces, and of which type they are.
    Stream(Option<String>, mpsc::Receiver<Piece>),
    /// `…/error` or `init/error`: its body.
    Error(Bytes),
}

/// A part of a response in pieces. The channel ends without `End` if the runtime breaks off.
pub(in crate::local) enum Piece {
    Data(Bytes),
    /// What its trailers `Lambda-Runtime-Function-Error-Type` and `-Body` say.
    Failed {
        kind: String,
        body: String,
    },
    End,
}

/// What became of an invocation.
pub(in crate::local) struct Answer {
    pub(in crate::local) reply: Result<Reply, Failure>,
    /// How long the runtime took.
    pub(in crate::local) duration: Duration,
    /// How long the environment's init took, if it was its first.
    pub(in crate::local) init: Option<Duration>,
    /// Whether the runtime was given it at all.
    pub(in crate::local) began: bool,
}
