//! `InvokeWithResponseStream`: pieces as they come, as `application/vnd.amazon.eventstream`.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Either;
use http_body_util::channel::Channel;
use hyper::Response;
use hyper::body::Bytes;
use tokio::sync::mpsc;

use super::{Call, Part, Said, check};
use crate::account::ApiError;
use crate::local::Server;
use crate::local::http::{self, Answer, Asked};

/// The operation.
pub(in crate::local) async fn stream(
    server: Rc<Server>,
    asked: Asked,
    body: Bytes,
) -> Result<Answer, ApiError> {
    let input = asked.input(None)?;
    check(&body, false)?;
    let tail = input.text("LogType") == Some("Tail");
    let call = Call::new(&input, &asked, body)?;
    server.wait_for(&call.function).await;
    if input.text("InvocationType") == Some("DryRun") {
        return super::dry_run(&server, &call);
    }
    let ready = server.ready(&call, tail)?;
    let (sender, mut pieces) = mpsc::channel(16);
    let (mut out, channel) = Channel::new(16);
    let version = ready.version.clone();
    let id = ready.job.id.clone();
    let running =
        tokio::task::spawn_local(async move { server.carry_out(ready, Some(sender)).await });
    tokio::task::spawn_local(async move {
        while let Some(part) = pieces.recv().await {
            let Part::Data(data) = part else { continue };
            // Empty pieces would be ends.
            if !data.is_empty()
                && out
                    .send_data(event("PayloadChunk", "application/octet-stream", &data))
                    .await
                    .is_err()
            {
                return;
            }
        }
        let Ok(outcome) = running.await else { return };
        let log = tail.then(|| STANDARD.encode(&outcome.log));
        let mut end = serde_json::Map::new();
        match outcome.result {
            Ok(Said::Response(body)) => {
                // One that was not streamed comes at once.
                if !body.is_empty() {
                    let _ = out
                        .send_data(event("PayloadChunk", "application/octet-stream", &body))
                        .await;
                }
            }
            Ok(Said::Error(body)) => fail(&mut end, &body),
            Err(failure) => fail(&mut end, &failure.payload(&outcome.id)),
        }
        if let Some(log) = log {
            end.insert("LogResult".to_owned(), log.into());
        }
        let end = serde_json::Value::Object(end).to_string();
        let _ = out.send_data(event("InvokeComplete", "application/json", end.as_bytes())).await;
    });
    let mut answer = Response::new(Either::Right(channel));
    http::set(&mut answer, "content-type", "application/vnd.amazon.eventstream");
    http::set(&mut answer, "x-amzn-requestid", &id);
    http::set(&mut answer, "x-amz-executed-version", &version);
    Ok(answer)
}

fn fail(end: &mut serde_json::Map<String, serde_json::Value>, body: &[u8]) {
    let error: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = error.get("errorType").and_then(|kind| kind.as_str()).unwrap_or("Unhandled");
    end.insert("ErrorCode".to_owned(), kind.into());
    end.insert("ErrorDetails".to_owned(), String::from_utf8_lossy(body).into());
}

/// The type of a header that is a text.
const TEXT: u8 = 7;

/// One message (AWS: "Event stream encoding"; Smithy: "Amazon Event Stream specification").
fn event(kind: &str, content_type: &str, payload: &[u8]) -> Bytes {
    let mut headers = Vec::new();
    for (name, value) in
        [(":event-type", kind), (":content-type", content_type), (":message-type", "event")]
    {
        headers.extend([length::<u8>(name.len())]);
        headers.extend_from_slice(name.as_bytes());
        headers.push(TEXT);
        headers.extend_from_slice(&length::<u16>(value.len()).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let total = 12 + headers.len() + payload.len() + 4;
    let mut message = Vec::with_capacity(total);
    message.extend_from_slice(&length::<u32>(total).to_be_bytes());
    message.extend_from_slice(&length::<u32>(headers.len()).to_be_bytes());
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(&headers);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    Bytes::from(message)
}

/// A length in as many bytes as its field has; pieces of a response and our own names always fit.
fn length<T: TryFrom<usize> + Default>(length: usize) -> T {
    T::try_from(length).unwrap_or_default()
}
