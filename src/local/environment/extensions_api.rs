//! The Extensions API (version 2020-01-01), the Telemetry API (2022-07-01) and the Logs API (2020-08-15).
//!
//! AWS: "Using the Lambda Extensions API to create extensions". Error types and texts, which that does
//! not give, are those of AWS's Runtime Interface Emulator (`internal/lambda/rapi`).

use std::rc::Rc;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Environment;
use super::extensions::{Fatal, Refusal, Wanted};
use super::runtime_api::{Answer, accepted, gone, header, json, plain, refused, truncated};
use super::telemetry::{Api, Subscribed};
use crate::local::ACCOUNT;
use crate::local::http::discard;

/// More than any extension says.
const BODY: usize = 256 * 1024;
/// Whose request it is.
const IDENTIFIER: &str = "lambda-extension-identifier";

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Register,
    Next,
    Error(Fatal),
    Subscribe(Api),
}

impl Asked {
    /// That of a path, if it is one of these.
    pub(super) fn of(path: &str) -> Option<Self> {
        // AWS's own examples write the last two with a slash behind, too.
        Some(match path.strip_suffix('/').unwrap_or(path) {
            "/2020-01-01/extension/register" => Self::Register,
            "/2020-01-01/extension/event/next" => Self::Next,
            "/2020-01-01/extension/init/error" => Self::Error(Fatal::Init),
            "/2020-01-01/extension/exit/error" => Self::Error(Fatal::Exit),
            "/2022-07-01/telemetry" => Self::Subscribe(Api::Telemetry),
            "/2020-08-15/logs" => Self::Subscribe(Api::Logs),
            _ => return None,
        })
    }

    fn method(self) -> Method {
        match self {
            Self::Next => Method::GET,
            Self::Register | Self::Error(_) => Method::POST,
            Self::Subscribe(_) => Method::PUT,
        }
    }
}

/// Answers a request.
pub(super) async fn handle(
    environment: Rc<Environment>,
    asked: Asked,
    request: Request<Incoming>,
) -> Answer {
    let (parts, body) = request.into_parts();
    if parts.method != asked.method() {
        discard(body, BODY).await;
        return plain(StatusCode::METHOD_NOT_ALLOWED, "");
    }
    let Ok(body) = Limited::new(body, BODY).collect().await else { return truncated() };
    let body = body.to_bytes();
    let answered = match asked {
        Asked::Register => register(&environment, &parts.headers, &body),
        Asked::Next => return next(environment, &parts.headers).await,
        Asked::Error(fatal) => error(&environment, fatal, &parts.headers),
        Asked::Subscribe(api) => subscribe(&environment, api, &parts.headers, &body),
    };
    answered.unwrap_or_else(|refusal| refuse(&refusal))
}

fn refuse(refusal: &Refusal) -> Answer {
    refused(StatusCode::FORBIDDEN, refusal.kind, &refusal.message)
}

/// The id of who asks.
fn identifier(headers: &HeaderMap) -> Result<Uuid, Refusal> {
    let text = header(headers, IDENTIFIER).unwrap_or_default();
    if text.is_empty() {
        let message = "Missing Lambda-Extension-Identifier header";
        return Err(Refusal::new("Extension.MissingExtensionIdentifier", message));
    }
    text.parse().map_err(|_| {
        let message = "Invalid Lambda-Extension-Identifier";
        Refusal::new("Extension.InvalidExtensionIdentifier", message)
    })
}

fn register(
    environment: &Rc<Environment>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Answer, Refusal> {
    let name = header(headers, "lambda-extension-name").unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::new("Extension.InvalidExtensionName", "Empty extension name"));
    }
    let id = environment.register(name, wanted(body)?)?;
    let launch = environment.launch();
    let mut said = json!({
        "functionName": launch.variable("AWS_LAMBDA_FUNCTION_NAME"),
        "functionVersion": launch.variable("AWS_LAMBDA_FUNCTION_VERSION"),
        "handler": launch.variable("_HANDLER"),
    });
    let features = header(headers, "lambda-extension-accept-feature").unwrap_or_default();
    if features.split(',').any(|feature| feature.trim() == "accountId") {
        said["accountId"] = ACCOUNT.into();
    }
    let mut answer = json(StatusCode::OK, said.to_string());
    set(&mut answer, IDENTIFIER, id);
    Ok(answer)
}

/// The events that a body names.
fn wanted(body: &[u8]) -> Result<Wanted, Refusal> {
    let invalid = |why: String| Refusal::new("InvalidRequestFormat", why);
    let body: Value = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    let Some(body) = body.as_object() else {
        return Err(invalid("the body is no JSON object".to_owned()));
    };
    if body.get("configurationKeys").and_then(Value::as_array).is_some_and(|it| !it.is_empty()) {
        let why = "configurationKeys are deprecated; use environment variables instead";
        return Err(invalid(why.to_owned()));
    }
    let events = match body.get("events") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(events)) => events,
        Some(_) => return Err(invalid("events is no list of texts".to_owned())),
    };
    let mut wanted = Wanted::default();
    for event in events {
        match event.as_str() {
            Some("INVOKE") => wanted.invoke = true,
            Some("SHUTDOWN") => wanted.shutdown = true,
            Some(other) => {
                let message = format!("{other}: ErrorInvalidEventType");
                return Err(Refusal::new("Extension.InvalidEventType", message));
            }
            None => return Err(invalid("events is no list of texts".to_owned())),
        }
    }
    Ok(wanted)
}

async fn next(environment: Rc<Environment>, headers: &HeaderMap) -> Answer {
    let event = match identifier(headers).and_then(|id| environment.extension_next(id)) {
        Ok(event) => event,
        Err(refusal) => return refuse(&refusal),
    };
    // It must be possible for it to end while this waits.
    drop(environment);
    let Ok(event) = event.await else { return gone() };
    let mut answer = json(StatusCode::OK, event);
    set(&mut answer, "lambda-extension-event-identifier", Uuid::new_v4());
    answer
}

fn set(answer: &mut Answer, name: &'static str, id: Uuid) {
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        answer.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

fn error(environment: &Environment, fatal: Fatal, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let id = identifier(headers)?;
    let kind = header(headers, "lambda-extension-function-error-type").unwrap_or_default();
    if kind.is_empty() {
        let message = "Lambda-Extension-Function-Error-Type not found";
        return Err(Refusal::new("Extension.MissingHeader", message));
    }
    environment.extension_error(id, fatal, kind)?;
    Ok(accepted())
}

fn subscribe(
    environment: &Environment,
    api: Api,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Answer, Refusal> {
    let id = identifier(headers)?;
    let Some(subscribed) = environment.subscribe(id, api, body) else {
        let message = format!("Unknown extension {id}");
        return Err(Refusal::new("Extension.UnknownExtensionIdentifier", message));
    };
    let name = match api {
        Api::Telemetry => "Telemetry",
        Api::Logs => "Logs",
    };
    Ok(match subscribed {
        Subscribed::New(_) | Subscribed::Already => json(StatusCode::OK, r#""OK""#.to_owned()),
        Subscribed::Closed => {
            let kind = format!("{name}.SubscriptionClosed");
            let message = format!("{name} API subscription is closed");
            refused(StatusCode::FORBIDDEN, &kind, &message)
        }
        Subscribed::Invalid(why) => {
            refused(StatusCode::BAD_REQUEST, &format!("{name}.ValidationError"), &why)
        }
    })
}
