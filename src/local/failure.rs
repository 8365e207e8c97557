//! How an invocation fails without the function's own word, as Lambda reports it.

use std::time::Duration;

use hyper::body::Bytes;

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// `errorType`.
    kind: &'static str,
    /// `errorMessage`, without the request's id.
    message: String,
    /// What the runtime itself said of its init.
    own: Option<Bytes>,
}

impl Failure {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), own: None }
    }

    /// The process ended; how, in Lambda's words.
    pub(super) fn exited(how: &str) -> Self {
        Self::new("Runtime.ExitError", how)
    }

    /// The process ended; an extension had said why, or it was one.
    pub(super) fn of_process(kind: &'static str, how: &str) -> Self {
        Self::new(kind, how)
    }

    /// An extension cannot be started.
    pub(super) fn launch(why: impl Into<String>) -> Self {
        Self::new("Extension.LaunchError", why)
    }

    /// It had more memory than it may (reported of live functions: this type, and the text of a process
    /// that was killed).
    pub(super) fn out_of_memory() -> Self {
        Self::new("Runtime.OutOfMemory", "Runtime exited with error: signal: killed")
    }

    /// It took longer than it may.
    pub(super) fn timed_out(after: Duration) -> Self {
        Self::new(
            "Sandbox.Timedout",
            format!("Task timed out after {:.2} seconds", after.as_secs_f64()),
        )
    }

    /// Whether it took too long.
    pub(super) fn is_timeout(&self) -> bool {
        self.kind == "Sandbox.Timedout"
    }

    /// A response in pieces that was broken off.
    pub(super) fn truncated() -> Self {
        Self::new("Runtime.TruncatedResponse", "the response ended before its end")
    }

    /// There is nothing that could be run.
    pub(super) fn entry_point(why: impl Into<String>) -> Self {
        Self::new("Runtime.InvalidEntrypoint", why)
    }

    /// The working folder of an image's is none.
    pub(super) fn working_folder(folder: &str) -> Self {
        Self::new("Runtime.InvalidWorkingDir", format!("chdir {folder}: no such file or directory"))
    }

    /// The runtime said that it could not start.
    pub(super) fn of_init(body: Bytes) -> Self {
        Self { own: Some(body), ..Self::new("Runtime.InitError", "the runtime could not start") }
    }

    /// More than Lambda takes, in bytes.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(
            "Function.ResponseSizeTooLarge",
            format!("Response payload size exceeded maximum allowed payload size ({limit} bytes)."),
        )
    }

    /// This machine, and nothing that Lambda would know of.
    pub(super) fn local(error: impl std::fmt::Display) -> Self {
        Self::new("Local.Error", error.to_string())
    }

    /// `errorType`.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether the system has refused to run a file.
    pub(super) fn is_denied(&self) -> bool {
        self.message.ends_with("permission denied")
    }

    /// What the Logs API says of it, after the request's id.
    pub(super) fn fault(&self) -> String {
        if self.is_timeout() {
            return self.message.clone();
        }
        format!("Error: {}\n{}", self.message, self.kind)
    }

    /// The line of the log.
    pub(super) fn line(&self, id: &str) -> String {
        format!("{} {id} {}\n", self.kind, self.message)
    }

    /// What REPORT says of it.
    pub(super) fn status(&self) -> String {
        if self.is_timeout() {
            return "Status: timeout".to_owned();
        }
        format!("Status: error\tError Type: {}", self.kind)
    }

    /// The payload of the reply.
    pub(super) fn payload(&self, id: &str) -> Bytes {
        if let Some(own) = &self.own {
            return own.clone();
        }
        // Recorded: this one has no request id in it.
        let message = match self.kind {
            "Function.ResponseSizeTooLarge" => self.message.clone(),
            _ => format!("RequestId: {id} Error: {}", self.message),
        };
        let body = serde_json::json!({ "errorType": self.kind, "errorMessage": message });
        Bytes::from(body.to_string())
    }
}
