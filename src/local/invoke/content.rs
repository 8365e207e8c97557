//! What an invocation may bring.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use crate::account::{ApiError, Object};

/// The most that a request may hold, in bytes (AWS: "Lambda quotas").
const REQUEST: usize = 6 * 1024 * 1024;
/// The same of one that is queued.
const EVENT: usize = 1024 * 1024;
/// The most that a client's context may hold, in bytes of base64 (AWS API reference, Invoke).
const CONTEXT: usize = 3583;

/// Refuses what is too large or no JSON.
pub(super) fn check(payload: &[u8], event: bool) -> Result<(), ApiError> {
    let limit = if event { EVENT } else { REQUEST };
    if payload.len() > limit {
        let message =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        return Err(ApiError::new("RequestTooLargeException", 413, message));
    }
    if payload.is_empty() {
        return Ok(());
    }
    // What is in a text that is ignored is not looked at.
    let read = std::str::from_utf8(payload)
        .map_err(|error| error.to_string())
        .and_then(|it| serde_json::from_str::<IgnoredAny>(it).map_err(|error| error.to_string()));
    read.map(drop).map_err(|error| {
        let what = "Could not parse request body into json: Could not parse payload into json";
        content(format!("{what}: {error}"))
    })
}

fn content(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidRequestContentException", 400, message)
}

/// The client's context as the function is to get it: a header, so without line feeds. (In texts of JSON
/// there are none.)
pub(super) fn client_context(encoded: &str) -> Result<String, ApiError> {
    if encoded.len() > CONTEXT {
        return Err(content(format!("Client context must have at most {CONTEXT} bytes.")));
    }
    let text = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| serde_json::from_str::<Object>(text).is_ok())
        .map(|text| text.replace(['\r', '\n', '\t'], " "))
        .ok_or_else(|| content("Client context must be a valid Base64-encoded JSON object."))
}
