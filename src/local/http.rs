//! The server's own address: which service a request is for, and how answers are written.

use std::rc::Rc;
use std::time::Duration;

use http_body_util::channel::Channel;
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::faults::Begun;
use super::{Server, clock, control, guard, invoke, services, url};
use crate::account::{ApiError, Input, Object, model};
use crate::percent;

/// The most that any request may hold, in bytes (recorded).
const REQUEST: usize = 70_167_211;
/// As much of a refused request is read as is likely to be there already.
const SMALL: usize = 256 * 1024;
/// How long that may take.
const SHORT: Duration = Duration::from_secs(5);
/// How long a client may take for its headers, and how long for the next part of its body.
const PATIENCE: Duration = Duration::from_mins(1);

/// A whole body, or one in pieces.
pub(super) type Body = Either<Full<Bytes>, Channel<Bytes, Broken>>;
pub(super) type Answer = Response<Body>;

/// A body in pieces that has no end: the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the function broke off")]
pub(super) struct Broken;

/// Accepts connections until it is dropped.
pub(super) async fn accept(listener: TcpListener, server: Rc<Server>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files, say: others may give some back.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let server = server.clone();
        let service = service_fn(move |request| handle(server.clone(), request));
        tokio::task::spawn_local(async move {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).half_close(true);
            // That a client breaks off is its own affair.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// A request for one operation of the Lambda API.
pub(super) struct Asked {
    pub(super) operation: &'static model::Operation,
    /// The members in its path.
    pub(super) path: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: hyper::HeaderMap,
    /// What comes of what it begins.
    pub(super) begun: Begun,
}

impl Asked {
    /// A header as a text.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Its members, checked against the model. `body`: its JSON, without blobs.
    pub(super) fn input(&self, body: Option<Value>) -> Result<Input, ApiError> {
        model::input(self.operation, &self.path, &self.query, &|name| self.header(name), body)
    }
}

/// A fault: the connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct Lost;

/// Why a request is not answered as it should be.
enum Failed {
    Refused(ApiError),
    Lost,
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

async fn handle(server: Rc<Server>, request: Request<Incoming>) -> Result<Answer, Lost> {
    if let Some(place) = url::place(request.uri(), request.headers(), &server.options.region) {
        return Ok(url::handle(server, place, request).await);
    }
    if let Some(rest) = request.uri().path().strip_prefix("/code/") {
        return Ok(match guard::local(request.uri(), request.headers()) {
            Ok(()) => control::code(&server, rest),
            Err(error) => refusal(&error),
        });
    }
    let caller = match guard::caller(request.uri(), request.headers()) {
        Ok(caller) => caller,
        Err(error) => {
            discard(request.into_body(), SMALL).await;
            return Ok(refusal(&error));
        }
    };
    if caller.service != "lambda" {
        return Ok(services::handle(&server, &caller, request).await);
    }
    match lambda(server, request).await {
        Ok(answer) => Ok(answer),
        Err(Failed::Refused(error)) => Ok(refusal(&error)),
        Err(Failed::Lost) => Err(Lost),
    }
}

/// A request to Lambda, with the faults that it meets.
async fn lambda(server: Rc<Server>, request: Request<Incoming>) -> Result<Answer, Failed> {
    let (parts, body) = request.into_parts();
    let query = query(parts.uri.query().unwrap_or_default());
    let Some((operation, path)) = model::route(parts.method.as_str(), parts.uri.path(), &query)
    else {
        discard(body, SMALL).await;
        let what = format!("{} {}", parts.method, parts.uri.path());
        return Err(ApiError::unknown_operation(&what).into());
    };
    let body = whole(body, &operation.name).await?;
    let met = server.faults.meet(&operation.name, clock::now());
    // Even a sleep of no time lasts until the timer's next millisecond.
    if !met.wait.is_zero() {
        tokio::time::sleep(met.wait).await;
    }
    if met.lost_request {
        return Err(Failed::Lost);
    }
    let function = if met.is_about_a_function() { named(&server, &path, &body) } else { None };
    let begun = met.begun.clone();
    let asked = Asked { operation, path, query, headers: parts.headers, begun };
    let refusal = met.refusal(&operation.name, &server.options.region, function.as_deref());
    let answer = match (refusal, operation.name.as_str()) {
        (Some(error), _) => Err(error),
        (None, "Invoke" | "InvokeAsync") => invoke::invoke(server.clone(), asked, body).await,
        (None, "InvokeWithResponseStream") => invoke::stream(server.clone(), asked, body).await,
        (None, _) => control::call(server.clone(), asked, body).await,
    };
    server.others(&met, function.as_deref());
    if met.lost_reply {
        return Err(Failed::Lost);
    }
    Ok(answer?)
}

/// The function that a request names, in its path or its body.
fn named(server: &Server, path: &[(String, String)], body: &Bytes) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body {
        function_name: String,
    }
    let in_path = path.iter().find(|(name, _)| name == "FunctionName");
    let text = match in_path {
        Some((_, text)) => text.clone(),
        None => serde_json::from_slice::<Body>(body).ok()?.function_name,
    };
    let account = server.account.borrow();
    account.named(&text, None).ok().map(|named| named.name.to_owned())
}

/// The whole body of a request.
pub(super) async fn whole(body: Incoming, operation: &str) -> Result<Bytes, ApiError> {
    limited(body, REQUEST).await?.ok_or_else(|| {
        let message =
            format!("Request must be smaller than {REQUEST} bytes for the {operation} operation");
        ApiError::new("RequestEntityTooLargeException", 413, message)
    })
}

/// The whole body of a request, unless it has more than so many bytes.
pub(super) async fn limited(mut body: Incoming, most: usize) -> Result<Option<Bytes>, ApiError> {
    let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    // Who sends far more than may be is answered at once; else after all has come, for who has not yet
    // sent all may not look for an answer.
    let far_more = claimed > 2 * most.max(REQUEST / 2);
    let collected = async {
        if far_more { Ok(None) } else { Limited::new(&mut body, most).collect().await.map(Some) }
    };
    match tokio::time::timeout(PATIENCE, collected).await {
        Ok(Ok(Some(body))) => Ok(Some(body.to_bytes())),
        Ok(Err(error)) if !error.is::<LengthLimitError>() => Err(not_arrived()),
        Err(_) => Err(not_arrived()),
        _ => {
            if !far_more {
                discard(body, REQUEST).await;
            }
            Ok(None)
        }
    }
}

fn not_arrived() -> ApiError {
    ApiError::new("RequestTimeoutException", 408, "the body of the request did not arrive")
}

/// Reads what nobody wants, up to a limit: a connection with an unread body cannot be used again.
pub(super) async fn discard(mut body: Incoming, most: usize) {
    let read = async {
        let mut left = most;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(SHORT, read).await;
}

/// The pairs of a query, decoded.
fn query(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent::decoded(name), percent::decoded(value))
        })
        .collect()
}

/// An answer with a whole body.
pub(super) fn answer(status: u16, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set(&mut answer, "content-type", content_type);
    set(&mut answer, "x-amzn-requestid", &Uuid::new_v4().to_string());
    set(&mut answer, "server", super::SERVER);
    answer
}

/// An answer of JSON.
pub(super) fn json(status: u16, body: &Object) -> Answer {
    // Our own maps have string keys: this cannot fail.
    let text = serde_json::to_vec(body).unwrap_or_default();
    answer(status, "application/json", Bytes::from(text))
}

/// Sets a header; one that no header can hold is left out.
pub(super) fn set(answer: &mut Answer, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        answer.headers_mut().insert(name, value);
    }
}

/// An error as the API answers it.
pub(super) fn refusal(error: &ApiError) -> Answer {
    let mut answer = json(error.status, &error.body());
    set(&mut answer, "x-amzn-errortype", error.code);
    if error.status == 429 {
        set(&mut answer, "retry-after", "1");
    }
    answer
}
