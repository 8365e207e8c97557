//! Responses in pieces.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use serde::de::IgnoredAny;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Part, Said};
use crate::local::environment::job::Piece;
use crate::local::environment::runtime_api::RESPONSE;
use crate::local::failure::Failure;

/// Takes a response in pieces: hands each on, or puts them together.
pub(super) async fn collect(
    mut from: mpsc::Receiver<Piece>,
    mut to: Option<mpsc::Sender<Part>>,
    limit: Instant,
    timeout: Duration,
) -> Result<Said, Failure> {
    let mut whole = Vec::new();
    loop {
        match tokio::time::timeout_at(limit, from.recv()).await {
            Ok(Some(Piece::Data(data))) => match &to {
                // A caller that does not read keeps the environment no longer than that.
                Some(sender) => {
                    match tokio::time::timeout_at(limit, sender.send(Part::Data(data))).await {
                        Ok(Ok(())) => {}
                        // The caller has gone; the function may end all the same.
                        Ok(Err(_)) => to = None,
                        Err(_) => return Err(Failure::timed_out(timeout)),
                    }
                }
                None if whole.len() + data.len() > RESPONSE => {
                    return Err(Failure::too_large(RESPONSE));
                }
                None => whole.extend_from_slice(&data),
            },
            Ok(Some(Piece::Failed { kind, body })) => return Ok(Said::Error(failed(&kind, &body))),
            Ok(Some(Piece::End)) => return Ok(Said::Response(Bytes::from(whole))),
            Ok(None) => return Err(Failure::truncated()),
            Err(_) => return Err(Failure::timed_out(timeout)),
        }
    }
}

/// What the trailers of a response in pieces say of its failure, as an error's payload.
fn failed(kind: &str, body: &str) -> Bytes {
    let decoded = STANDARD.decode(body).unwrap_or_else(|_| body.as_bytes().to_vec());
    if serde_json::from_slice::<IgnoredAny>(&decoded).is_ok() {
        return Bytes::from(decoded);
    }
    let message = String::from_utf8_lossy(&decoded);
    Bytes::from(serde_json::json!({ "errorType": kind, "errorMessage": message }).to_string())
}
