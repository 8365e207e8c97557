//! What the services beside Lambda answer when they refuse.

/// An error, in the words of every protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The name of the error in the model.
    pub(super) shape: &'static str,
    /// Its code in the query protocol, which is often another.
    pub(super) code: &'static str,
    /// The HTTP status.
    pub(super) status: u16,
    /// The text.
    pub(super) message: String,
}

impl Refusal {
    /// An error that has one name everywhere.
    pub(super) fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { shape: code, code, status, message: message.into() }
    }

    /// Logs: a value that it does not take.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", 400, message)
    }

    /// CloudWatch: a value that it does not take.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self { code: "ValidationError", ..Self::new("ValidationException", 400, message) }
    }

    /// CloudWatch: a value that is missing.
    pub(super) fn missing(name: &str) -> Self {
        let message = format!("The parameter {name} is required.");
        Self {
            code: "MissingParameter",
            ..Self::new("MissingRequiredParameterException", 400, message)
        }
    }

    /// A request that cannot be read.
    pub(super) fn unreadable(message: impl Into<String>) -> Self {
        Self { code: "MalformedInput", ..Self::new("SerializationException", 400, message) }
    }

    /// An operation that is not answered here.
    pub(super) fn unknown(operation: &str) -> Self {
        let message = format!("this server does not answer the operation `{operation}`");
        Self { code: "InvalidAction", ..Self::new("UnknownOperationException", 400, message) }
    }

    /// Whose fault it is, in the query protocol.
    pub(super) fn fault(&self) -> &'static str {
        if self.status < 500 { "Sender" } else { "Receiver" }
    }
}
