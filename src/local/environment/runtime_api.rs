//! The Runtime API (version 2018-06-01), for one environment alone; on the same address are the APIs of its
//! extensions. They hand out events and take answers, so they are closed to pages of a browser as the
//! server itself is.

use std::convert::Infallible;
use std::rc::{Rc, Weak};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::job::{Job, Piece, Reply};
use super::{Environment, extensions_api};
use crate::local::failure::Failure;
use crate::local::guard;
use crate::local::http::discard;

/// The most that a response may hold, in bytes, as recorded answers name it.
pub(in crate::local) const RESPONSE: usize = 6_291_556;
/// The most that a response in pieces may hold, in bytes (AWS: "Response streaming").
const STREAM: usize = 200 * 1024 * 1024;
/// More than any runtime needs; one that floods has to wait.
const CONNECTIONS: usize = 64;
const PREFIX: &str = "/2018-06-01/runtime/";

pub(super) type Answer = Response<Full<Bytes>>;

/// Serves until it is aborted.
pub(super) async fn serve(listener: TcpListener, environment: Weak<Environment>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files, say: others may give some back.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let environment = environment.clone();
        let service = service_fn(move |request| {
            let environment = environment.clone();
            async move { Ok::<_, Infallible>(handle(&environment, request).await) }
        });
        connections.spawn_local(async move {
            // That a runtime breaks off is its own affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn handle(environment: &Weak<Environment>, request: Request<Incoming>) -> Answer {
    if let Err(error) = guard::program(request.uri(), request.headers()) {
        if let Some(environment) = environment.upgrade() {
            tell_of_host(&environment, request.headers());
        }
        discard(request.into_body(), RESPONSE).await;
        return refused(StatusCode::FORBIDDEN, error.code, &error.message);
    }
    let Some(environment) = environment.upgrade() else { return gone() };
    let path = request.uri().path().to_owned();
    if let Some(asked) = extensions_api::Asked::of(&path) {
        return extensions_api::handle(environment, asked, request).await;
    }
    let path: Vec<&str> = path.strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
    match (request.method(), path.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(environment).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            response(&environment, id, request).await
        }
        (&Method::POST, ["invocation", id, "error"]) => error(&environment, id, request).await,
        (&Method::POST, ["init", "error"]) => init_error(&environment, request).await,
        (
            _,
            ["invocation", "next"] | ["invocation", _, "response" | "error"] | ["init", "error"],
        ) => {
            discard(request.into_body(), RESPONSE).await;
            plain(StatusCode::METHOD_NOT_ALLOWED, "")
        }
        _ => {
            discard(request.into_body(), RESPONSE).await;
            plain(StatusCode::NOT_FOUND, "404 page not found\n")
        }
    }
}

/// Says once why nothing works for a runtime that names another host than it was told, which Lambda does
/// not look at. It ends nothing: a page in a browser could do the same.
fn tell_of_host(environment: &Environment, headers: &HeaderMap) {
    if !environment.told_of_host.replace(true) {
        let host = header(headers, "host").unwrap_or_default();
        environment.log.platform(&format!(
            "refused a request to the Runtime API for the host \"{host}\": here it answers programs that name \
             the one in AWS_LAMBDA_RUNTIME_API, so that no page in a browser can reach it\n"
        ));
    }
}

async fn next(environment: Rc<Environment>) -> Answer {
    let job = environment.next();
    // It must be possible for it to end while this waits.
    drop(environment);
    match job.await {
        Ok(job) => invocation(&job),
        Err(_) => gone(),
    }
}

fn invocation(job: &Job) -> Answer {
    let mut answer = Response::new(Full::new(job.payload.clone()));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut add = |name: &'static str, value: &str| {
        // Values that no header can hold were refused when the invocation came.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    add("lambda-runtime-aws-request-id", &job.id);
    add("lambda-runtime-deadline-ms", &job.deadline().to_string());
    add("lambda-runtime-invoked-function-arn", &job.arn);
    add("lambda-runtime-trace-id", &job.trace);
    for (name, value) in [
        ("lambda-runtime-client-context", &job.client_context),
        ("lambda-runtime-aws-tenant-id", &job.tenant),
    ] {
        if let Some(value) = value {
            add(name, value);
        }
    }
    answer
}

async fn response(environment: &Rc<Environment>, id: &str, request: Request<Incoming>) -> Answer {
    if !environment.expects(id) {
        discard(request.into_body(), RESPONSE).await;
        return wrong_id();
    }
    if header(request.headers(), "lambda-runtime-function-response-mode") == Some("streaming") {
        return stream(environment, id, request).await;
    }
    match Limited::new(request.into_body(), RESPONSE).collect().await {
        Ok(body) => {
            environment.reply(id, Ok(Reply::Response(body.to_bytes())));
            accepted()
        }
        Err(error) if error.is::<LengthLimitError>() => {
            environment.reply(id, Err(Failure::too_large(RESPONSE)));
            let message = format!("Exceeded maximum allowed payload size ({RESPONSE} bytes).");
            refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
        Err(_) => truncated(),
    }
}

/// Hands the pieces on as they come.
async fn stream(environment: &Rc<Environment>, id: &str, request: Request<Incoming>) -> Answer {
    let (sender, pieces) = mpsc::channel(16);
    let kind = header(request.headers(), "content-type").map(str::to_owned);
    if !environment.reply(id, Ok(Reply::Stream(kind, pieces))) {
        return wrong_id();
    }
    let mut body = Limited::new(request.into_body(), STREAM);
    let mut failed = None;
    while let Some(frame) = body.frame().await {
        // Without its end the receiver knows that it was broken off.
        let Ok(frame) = frame else { return truncated() };
        match frame.into_data() {
            Ok(data) => {
                environment.produced(data.len());
                if sender.send(Piece::Data(data)).await.is_err() {
                    return accepted();
                }
            }
            Err(frame) => failed = frame.trailers_ref().and_then(failure),
        }
    }
    let _ = sender.send(failed.unwrap_or(Piece::End)).await;
    accepted()
}

/// What the trailers say of a response that failed half way.
fn failure(trailers: &HeaderMap) -> Option<Piece> {
    let kind = header(trailers, "lambda-runtime-function-error-type")?.to_owned();
    let body =
        header(trailers, "lambda-runtime-function-error-body").unwrap_or_default().to_owned();
    Some(Piece::Failed { kind, body })
}

async fn error(environment: &Rc<Environment>, id: &str, request: Request<Incoming>) -> Answer {
    if !environment.expects(id) {
        discard(request.into_body(), RESPONSE).await;
        return wrong_id();
    }
    match Limited::new(request.into_body(), RESPONSE).collect().await {
        Ok(body) => {
            environment.reply(id, Ok(Reply::Error(body.to_bytes())));
            accepted()
        }
        Err(_) => truncated(),
    }
}

async fn init_error(environment: &Rc<Environment>, request: Request<Incoming>) -> Answer {
    match Limited::new(request.into_body(), RESPONSE).collect().await {
        Ok(body) => {
            if environment.init_failed(body.to_bytes()) {
                accepted()
            } else {
                let message = "State transition from Ready to InitError failed for runtime";
                refused(StatusCode::FORBIDDEN, "InvalidStateTransition", message)
            }
        }
        Err(_) => truncated(),
    }
}

pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whoever asked may be gone; that is not the runtime's fault.
pub(super) fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#.to_owned())
}

fn wrong_id() -> Answer {
    refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

pub(super) fn truncated() -> Answer {
    refused(StatusCode::BAD_REQUEST, "TruncatedRequest", "the body ended early")
}

pub(super) fn gone() -> Answer {
    refused(StatusCode::GONE, "Gone", "this execution environment has ended")
}

pub(super) fn refused(status: StatusCode, kind: &str, message: &str) -> Answer {
    json(status, serde_json::json!({ "errorMessage": message, "errorType": kind }).to_string())
}

pub(super) fn json(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

pub(super) fn plain(status: StatusCode, body: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *answer.status_mut() = status;
    answer
}
