//! `RESPONSE_STREAM`: the pieces of a response as they come.
//!
//! Sources: "Response streaming for Lambda functions"; AWS's own runtimes, which name a type for
//! responses that begin with a prelude; a recorded answer for a function that does not stream: what it
//! says is sent as it is, `statusCode` and all (the parity tests of `LocalStack`).

use std::rc::Rc;

use http_body_util::Either;
use http_body_util::channel::{Channel, Sender};
use hyper::body::Bytes;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;

use super::answer::{END, Head, whole};
use super::failed;
use crate::account::ApiError;
use crate::local::Server;
use crate::local::http::{Answer, Broken};
use crate::local::invoke::{Call, Outcome, Part, Said};

/// What a response says that begins with a prelude.
const INTEGRATION: &str = "application/vnd.awslambda.http-integration-response";

/// The most that a prelude may hold, in bytes: more than any client takes as headers.
const PRELUDE: usize = 1024 * 1024;

/// Invokes a function and answers with the pieces of its response.
pub(super) async fn answer(server: &Rc<Server>, call: Call) -> Result<Answer, ApiError> {
    let ready = server.ready(&call, false)?;
    let (sender, mut parts) = mpsc::channel(16);
    let carried = server.clone();
    let running =
        tokio::task::spawn_local(async move { carried.carry_out(ready, Some(sender)).await });
    let begun = match parts.recv().await {
        Some(Part::Begin(kind)) if is_integration(kind.as_deref()) => {
            match prelude(&mut parts).await {
                Ok(begun) => Some(begun),
                Err(why) => {
                    if let Some(why) = why {
                        server.malformed(&call.function, why);
                    }
                    return Ok(failed());
                }
            }
        }
        Some(Part::Begin(kind)) => {
            first(&mut parts).await.map(|data| (Head::of(kind.as_deref()), data))
        }
        Some(Part::Data(data)) => Some((Head::of(None), data)),
        None => None,
    };
    // Else it does not stream, or has failed.
    let Some((head, data)) = begun else { return Ok(at_once(running).await) };
    let (out, channel) = Channel::new(16);
    tokio::task::spawn_local(pump(data, parts, running, out));
    Ok(head.with(Either::Right(channel)))
}

fn is_integration(kind: Option<&str>) -> bool {
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(INTEGRATION)
}

/// The first piece that holds something.
async fn first(parts: &mut Receiver<Part>) -> Option<Bytes> {
    while let Some(part) = parts.recv().await {
        if let Part::Data(data) = part
            && !data.is_empty()
        {
            return Some(data);
        }
    }
    None
}

/// Reads what comes before the body, and the beginning of the body that came with it; else says what is
/// wrong with it, if it came at all.
async fn prelude(parts: &mut Receiver<Part>) -> Result<(Head, Bytes), Option<&'static str>> {
    let mut read = Vec::new();
    while let Some(data) = first(parts).await {
        // What ends it may begin in an earlier piece.
        let from = read.len().saturating_sub(END.len());
        read.extend_from_slice(&data);
        let new = read.get(from..).unwrap_or_default();
        let end = new.windows(END.len()).position(|window| window == END).map(|at| from + at);
        if let Some(end) = end {
            let body = Bytes::from(read.split_off(end)).slice(END.len()..);
            return Ok((Head::of_prelude(&read)?, body));
        }
        if read.len() > PRELUDE {
            return Err(Some("its prelude does not end"));
        }
    }
    Err((!read.is_empty()).then_some("its prelude does not end"))
}

/// A response that was not streamed, or that has failed before its first byte.
async fn at_once(running: JoinHandle<Outcome>) -> Answer {
    match running.await.map(|outcome| outcome.result) {
        Ok(Ok(Said::Response(body))) => Head::of(Some("application/json")).with(whole(body)),
        _ => failed(),
    }
}

/// Hands pieces on. A client that has gone ends nothing but this.
async fn pump(
    first: Bytes,
    mut parts: Receiver<Part>,
    running: JoinHandle<Outcome>,
    mut out: Sender<Bytes, Broken>,
) {
    let mut next = Some(Part::Data(first));
    while let Some(part) = next {
        if let Part::Data(data) = part
            // An empty piece would be the end.
            && !data.is_empty()
            && out.send_data(data).await.is_err()
        {
            return;
        }
        next = parts.recv().await;
    }
    // Without its end the client knows that something is missing.
    let whole = running.await.is_ok_and(|outcome| matches!(outcome.result, Ok(Said::Response(_))));
    if !whole {
        out.abort(Broken);
    }
}
