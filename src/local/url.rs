//! Functions behind HTTP: function URLs, and routes as those of an HTTP API of API Gateway. A request
//! becomes an event of payload format 2.0, and the function's response an HTTP answer.
//!
//! These paths alone are open to pages of a browser, as they are on AWS. That they are pages of
//! anybody's is for the function's CORS to judge; the name by which the server is called must still be
//! this machine's.
//!
//! Sources: "Creating and managing Lambda function URLs" and "Invoking Lambda function URLs" in AWS's
//! developer guide; recorded answers for what refusals look like (the parity tests of `LocalStack`).

mod answer;
mod cors;
mod event;
mod place;
mod router;
mod signature;
mod stream;

use std::collections::BTreeMap;
use std::rc::Rc;

use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::http::{self, Answer, discard, limited};
use super::invoke::{self, Call, Said};
use super::{ACCOUNT, Server, clock, services};
use crate::account::ApiError;
use crate::account::url::Url;
use cors::Cors;
use event::{Asked, Endpoint};
use place::Place;
use signature::Signature;

pub(super) use place::place;

/// The most that a request may hold, in bytes, and its event too ("Lambda quotas").
const REQUEST: usize = 6 * 1024 * 1024;

/// As much of a refused request is read as is likely to be there already.
const SMALL: usize = 256 * 1024;

const DENIED: &str = "AccessDeniedException";

/// What AWS says since 2025 to who may not call.
const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
     https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

/// A function URL that is there.
struct Target {
    function: String,
    /// None: `$LATEST`.
    alias: Option<String>,
    url: Url,
}

/// Why a request may not go to its function.
struct Refused {
    code: &'static str,
    message: &'static str,
}

/// A request that may go to its function, all of it.
struct Arrived {
    parts: Parts,
    /// The path within the URL or the routes.
    path: String,
    body: Bytes,
}

/// Answers a request for such a place.
pub(super) async fn handle(
    server: Rc<Server>,
    place: Result<Place, ApiError>,
    request: Request<Incoming>,
) -> Answer {
    let (parts, body) = request.into_parts();
    if let Ok(Place::Name { function, .. }) = &place {
        server.wait_for(function).await;
    }
    let refused = match place {
        Err(error) => http::refusal(&error),
        Ok(Place::Routes { path }) => return router::answer(server, parts, path, body).await,
        Ok(Place::Id { id, path }) => match server.by_id(&id) {
            Some(target) => return answer(server, target, parts, path, body).await,
            None => refusal(403, DENIED, &Value::Null),
        },
        Ok(Place::Name { function, alias, path }) => match server.by_name(&function, alias) {
            Ok(target) => return answer(server, target, parts, path, body).await,
            Err(what) => refusal(404, "ResourceNotFoundException", &what.into()),
        },
    };
    discard(body, SMALL).await;
    refused
}

/// Answers a request to a function URL.
async fn answer(
    server: Rc<Server>,
    target: Target,
    parts: Parts,
    path: String,
    body: Incoming,
) -> Answer {
    let cors = target.url.cors.as_ref().map(Cors);
    if let Some(said) = cors.as_ref().and_then(|it| it.preflight(&parts.method, &parts.headers)) {
        discard(body, SMALL).await;
        let mut answer = Response::new(answer::whole(Bytes::new()));
        *answer.headers_mut() = said;
        return marked(answer, &Uuid::new_v4().to_string());
    }
    let added = cors.map(|cors| cors.added(&parts.headers)).unwrap_or_default();
    let mut answer = match admitted(&target, &parts) {
        Err(Refused { code, message }) => {
            discard(body, SMALL).await;
            refusal(403, code, &message.into())
        }
        Ok(authorizer) => match limited(body, REQUEST).await {
            Ok(Some(body)) => {
                let arrived = Arrived { parts, path, body };
                invoked(&server, &target, authorizer, arrived).await
            }
            Ok(None) => too_large(),
            Err(error) => http::refusal(&error),
        },
    };
    add(&mut answer, added);
    answer
}

/// Who calls, if that is asked for; else the refusal of who may not.
fn admitted(target: &Target, parts: &Parts) -> Result<Option<Value>, Refused> {
    if target.url.auth != "AWS_IAM" {
        return Ok(None);
    }
    match signature::signature(&parts.headers, parts.uri.query().unwrap_or_default()) {
        Signature::Of(key) => Ok(Some(json!({ "iam": {
            "accessKey": key,
            "accountId": ACCOUNT,
            "callerId": services::USER,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": format!("arn:aws:iam::{ACCOUNT}:user/local"),
            "userId": services::USER,
        } }))),
        Signature::None => Err(Refused { code: DENIED, message: FORBIDDEN }),
        Signature::Other => {
            let message = "Credential should be scoped to correct service: 'lambda'.";
            Err(Refused { code: "InvalidSignatureException", message })
        }
    }
}

/// Invokes the function of a URL.
async fn invoked(
    server: &Rc<Server>,
    target: &Target,
    authorizer: Option<Value>,
    arrived: Arrived,
) -> Answer {
    let Target { function, alias, url } = target;
    let endpoint = Endpoint {
        id: url.id.clone(),
        domain: format!("{}.lambda-url.{}.on.aws", url.id, server.options.region),
        account: if authorizer.is_some() { ACCOUNT } else { "anonymous" },
        authorizer,
        route: "$default".to_owned(),
        parameters: BTreeMap::new(),
    };
    let Some(call) = call(server, function, alias.as_deref(), &endpoint, &arrived) else {
        return too_large();
    };
    let id = call.id.clone();
    let answer = if url.mode.as_deref() == Some("RESPONSE_STREAM") {
        stream::answer(server, call).await
    } else {
        server.run(&call, false).await.map(|outcome| match outcome.result {
            Ok(Said::Response(payload)) => answer::read(&payload).unwrap_or_else(|why| {
                server.malformed(function, why);
                failed()
            }),
            Ok(Said::Error(_)) | Err(_) => failed(),
        })
    };
    marked(answer.unwrap_or_else(|error| http::refusal(&error)), &id)
}

/// The call that a request becomes; none if its event is too large.
fn call(
    server: &Server,
    function: &str,
    qualifier: Option<&str>,
    endpoint: &Endpoint,
    arrived: &Arrived,
) -> Option<Call> {
    let Arrived { parts, path, body } = arrived;
    let id = Uuid::new_v4().to_string();
    let sent = parts.headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok());
    let trace = sent.map_or_else(|| invoke::trace(&id), str::to_owned);
    let asked = Asked {
        method: &parts.method,
        path,
        query: parts.uri.query().unwrap_or_default(),
        protocol: format!("{:?}", parts.version),
        headers: &parts.headers,
        body,
        now: clock::now(),
        port: server.address.port(),
        id: &id,
        // What is sent by the way is the root alone.
        trace: trace.split(';').next().unwrap_or_default(),
    };
    let payload = Bytes::from(event::event(&asked, endpoint).to_string());
    (payload.len() <= REQUEST).then(|| Call {
        id: id.clone(),
        function: function.to_owned(),
        qualifier: qualifier.map(str::to_owned),
        client_context: None,
        trace: Some(trace.clone()),
        tenant: None,
        payload,
    })
}

impl Server {
    fn by_id(&self, id: &str) -> Option<Target> {
        let account = self.account.borrow();
        let (function, key, url) = account.url(id)?;
        let alias = (key != "$LATEST").then(|| key.to_owned());
        Some(Target { function: function.name.clone(), alias, url: url.clone() })
    }

    /// The URL of a function or its alias; else what to do to get one.
    fn by_name(&self, name: &str, alias: Option<String>) -> Result<Target, String> {
        let alias = alias.filter(|alias| alias != "$LATEST");
        let account = self.account.borrow();
        let missing = || format!("there is no function `{name}` here");
        let function = account.function(name).ok_or_else(missing)?;
        let url = function.urls.get(alias.as_deref().unwrap_or("$LATEST"));
        let url = url.ok_or_else(|| {
            let (of, qualifier) = match &alias {
                Some(alias) => (format!(":{alias}"), format!(" --qualifier {alias}")),
                None => (String::new(), String::new()),
            };
            format!(
                "`{name}{of}` has no URL; give it one with `url.auth = \"public\"` in its settings, or \
                 by `aws lambda create-function-url-config --function-name {name}{qualifier} \
                 --auth-type NONE --endpoint-url http://{}`",
                self.address
            )
        })?;
        Ok(Target { function: function.name.clone(), alias, url: url.clone() })
    }

    /// Tells what the client is not told.
    fn malformed(&self, function: &str, why: &str) {
        self.note(&format!("the response of {function} is no HTTP answer: {why}"));
    }
}

/// What AWS answers for a function that fails, or says what is no answer (recorded).
fn failed() -> Answer {
    http::answer(502, "application/json", Bytes::from_static(b"Internal Server Error"))
}

fn too_large() -> Answer {
    let what =
        format!("Request must be smaller than {REQUEST} bytes for the InvokeFunction operation");
    refusal(413, "RequestTooLargeException", &what.into())
}

/// A refusal of the URL itself.
fn refusal(status: u16, code: &str, message: &Value) -> Answer {
    let body = Bytes::from(json!({ "Message": message }).to_string());
    let mut answer = http::answer(status, "application/json", body);
    http::set(&mut answer, "x-amzn-errortype", code);
    answer
}

/// With what every answer of a URL has.
fn marked(mut answer: Answer, id: &str) -> Answer {
    http::set(&mut answer, "x-amzn-requestid", id);
    // That of this server's own answers.
    answer.headers_mut().remove("server");
    // Bodies that must not be there.
    if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&answer.status()) {
        *answer.body_mut() = answer::whole(Bytes::new());
    }
    answer
}

/// Puts headers beside those that are there.
fn add(answer: &mut Answer, headers: HeaderMap) {
    let mut last = None;
    for (name, value) in headers {
        last = name.or(last);
        if let Some(name) = &last {
            let _ = answer.headers_mut().try_append(name.clone(), value);
        }
    }
}
