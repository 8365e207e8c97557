//! What the API answers when it refuses.

use crate::audit::{UNPACKED_LIMIT, ZIP_LIMIT};
use serde_json::Value;

use super::{Object, model};

/// An error of the API, with its code, status and text.
///
/// Codes, statuses and whether a body says `message` or `Message` are those of the public model; whether
/// it says a `Type` is taken from recorded answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The name of the exception (`x-amzn-ErrorType`).
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The text.
    pub message: String,
    /// Whether the body says whose fault it is; parts of the service leave it out.
    pub typed: bool,
    /// Further members of the body, such as `Reason`.
    pub more: Vec<(&'static str, String)>,
}

/// Codes of the layers in front of the service, whose bodies say no `Type`.
const UNTYPED: [&str; 5] = [
    "AccessDeniedException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "UnknownOperationException",
    "ValidationException",
];

impl ApiError {
    /// An error with any code.
    pub fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        let typed = !UNTYPED.contains(&code);
        Self { code, status, message: message.into(), typed, more: Vec::new() }
    }

    /// What was named is not there: 404 `ResourceNotFoundException`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", 404, message)
    }

    /// It exists already, or it is being updated: 409 `ResourceConflictException`.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new("ResourceConflictException", 409, message)
    }

    /// A value that the model allows and the service does not: 400 `InvalidParameterValueException`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValueException", 400, message)
    }

    /// A value that the model does not allow: 400 `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", 400, message)
    }

    /// A stale revision id: 412 `PreconditionFailedException`. `api`: what to call for the latest.
    #[must_use]
    pub fn stale(api: &str) -> Self {
        let message = format!(
            "The Revision Id provided does not match the latest Revision Id. Call the {api} API to \
             retrieve the latest Revision Id"
        );
        Self::new("PreconditionFailedException", 412, message)
    }

    /// More than the account may: 429 `TooManyRequestsException` with its `Reason`.
    #[must_use]
    pub fn too_many(reason: &str, message: &str) -> Self {
        Self::new("TooManyRequestsException", 429, message).with("Reason", reason)
    }

    /// Something on our side: 500 `ServiceException`.
    pub fn service(message: impl Into<String>) -> Self {
        Self::new("ServiceException", 500, message)
    }

    /// A zip that is too large to be sent (recorded answers).
    #[must_use]
    pub fn zip_too_large() -> Self {
        let message = format!("Zipped size must be smaller than {ZIP_LIMIT} bytes");
        Self::new("RequestEntityTooLargeException", 413, message)
    }

    /// Code that would not fit once it is unpacked (recorded answers).
    #[must_use]
    pub fn unzipped_too_large() -> Self {
        Self::invalid(format!("Unzipped size must be smaller than {UNPACKED_LIMIT} bytes"))
    }

    /// An operation that we do not have.
    #[must_use]
    pub fn unknown_operation(operation: &str) -> Self {
        Self::new("UnknownOperationException", 404, format!("Unknown operation {operation}"))
    }

    /// The same with one more member in the body.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<String>) -> Self {
        self.more.push((member, value.into()));
        self
    }

    /// The same without `Type`, as parts of the service answer.
    #[must_use]
    pub fn untyped(mut self) -> Self {
        self.typed = false;
        self
    }

    /// The JSON body.
    #[must_use]
    pub fn body(&self) -> Object {
        let mut body = Object::new();
        if self.typed {
            let fault = if self.status < 500 { "User" } else { "Service" };
            body.insert("Type".to_owned(), Value::from(fault));
        }
        // AccessDeniedException comes from another layer, which the model does not have.
        let upper = model::error(self.code)
            .map_or(self.code == "AccessDeniedException", |error| error.says("Message"));
        let member = if upper { "Message" } else { "message" };
        body.insert(member.to_owned(), Value::from(self.message.as_str()));
        for (member, value) in &self.more {
            body.insert((*member).to_owned(), Value::from(value.as_str()));
        }
        body
    }
}
