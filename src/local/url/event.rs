//! The event of an HTTP request: payload format 2.0.
//!
//! Sources: "Invoking Lambda function URLs" and "Create AWS Lambda proxy integrations for HTTP APIs in
//! API Gateway". Where these are silent: recorded events have no member for what there is none of
//! (cookies, a query, a body), and no `connection` header (the parity tests of `LocalStack`); a body is a
//! text only if it is one of `text/*` or of JSON, XML or JavaScript as `application/…`, and without a
//! `Content-Type` it is none (ministackorg/ministack pull request 766, found out against API Gateway).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderMap, USER_AGENT};
use serde_json::{Map, Value, json};

use crate::account::date;
use crate::percent;

/// Where every request comes from: the server listens on the loopback interface only.
const SOURCE: &str = "127.0.0.1";

/// Headers that are of a connection and not of the request (RFC 9110, section 7.6.1), and those that
/// are made here.
const LEFT_OUT: [&str; 11] = [
    "connection",
    "cookie",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-amzn-trace-id",
];

/// What a request came by.
pub(super) struct Endpoint {
    /// `apiId`.
    pub(super) id: String,
    /// `domainName`.
    pub(super) domain: String,
    /// `accountId`.
    pub(super) account: &'static str,
    /// Who has signed the request, where that is asked for.
    pub(super) authorizer: Option<Value>,
    /// `routeKey`.
    pub(super) route: String,
    /// `pathParameters`.
    pub(super) parameters: BTreeMap<String, String>,
}

/// A request.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    /// `rawPath`.
    pub(super) path: &'a str,
    /// `rawQueryString`.
    pub(super) query: &'a str,
    pub(super) protocol: String,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// When it came (ms since 1970).
    pub(super) now: i64,
    /// The port it came to.
    pub(super) port: u16,
    /// The id of the invocation.
    pub(super) id: &'a str,
    pub(super) trace: &'a str,
}

/// The event.
pub(super) fn event(asked: &Asked<'_>, endpoint: &Endpoint) -> Value {
    let mut event = Map::new();
    let mut set = |name: &str, value: Value| drop(event.insert(name.to_owned(), value));
    set("version", "2.0".into());
    set("routeKey", endpoint.route.as_str().into());
    set("rawPath", asked.path.into());
    set("rawQueryString", asked.query.into());
    let cookies = cookies(asked.headers);
    if !cookies.is_empty() {
        set("cookies", cookies.into());
    }
    set("headers", headers(asked).into());
    let query = parameters(asked.query);
    if !query.is_empty() {
        set("queryStringParameters", query.into());
    }
    set("requestContext", context(asked, endpoint));
    if !endpoint.parameters.is_empty() {
        set("pathParameters", json!(endpoint.parameters));
    }
    let (body, encoded) = body(asked);
    if !asked.body.is_empty() {
        set("body", body.into());
    }
    set("isBase64Encoded", encoded.into());
    Value::Object(event)
}

fn context(asked: &Asked<'_>, endpoint: &Endpoint) -> Value {
    let prefix = endpoint.domain.split('.').next().unwrap_or_default();
    let mut context = json!({
        "accountId": endpoint.account,
        "apiId": endpoint.id,
        "domainName": endpoint.domain,
        "domainPrefix": prefix,
        "http": {
            "method": asked.method.as_str(),
            "path": asked.path,
            "protocol": asked.protocol,
            "sourceIp": SOURCE,
            "userAgent": asked.headers.get(USER_AGENT).map(|value| text(value.as_bytes())),
        },
        "requestId": asked.id,
        "routeKey": endpoint.route,
        "stage": "$default",
        "time": date::of_request(asked.now),
        "timeEpoch": asked.now,
    });
    if let (Some(authorizer), Some(context)) = (&endpoint.authorizer, context.as_object_mut()) {
        context.insert("authentication".to_owned(), Value::Null);
        context.insert("authorizer".to_owned(), authorizer.clone());
    }
    context
}

/// The headers by their names in lower case; those that stand there more than once with commas. Whence a
/// request comes is told by the connection, whatever the client says.
fn headers(asked: &Asked<'_>) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in asked.headers.keys().filter(|name| !LEFT_OUT.contains(&name.as_str())) {
        let values = asked.headers.get_all(name).iter().map(|value| text(value.as_bytes()));
        headers.insert(name.as_str().to_owned(), values.collect::<Vec<_>>().join(",").into());
    }
    for (name, value) in [
        ("x-amzn-trace-id", asked.trace),
        ("x-forwarded-for", SOURCE),
        ("x-forwarded-port", &asked.port.to_string()),
        ("x-forwarded-proto", "http"),
    ] {
        headers.insert(name.to_owned(), value.into());
    }
    headers
}

/// Every cookie of every `Cookie` header.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(COOKIE).iter().map(|value| text(value.as_bytes()));
    let cookies = all.flat_map(|line| {
        line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>()
    });
    cookies.filter(|cookie| !cookie.is_empty()).collect()
}

/// The parameters of a query, decoded as those of a form; those that stand there more than once with
/// commas.
fn parameters(query: &str) -> Map<String, Value> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |part: &str| percent::decoded(&part.replace('+', " "));
        let value = decoded(value);
        all.entry(decoded(name))
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert(value);
    }
    all.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// The body as a text, and whether that is base64.
fn body(asked: &Asked<'_>) -> (String, bool) {
    let kind = asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let plain = kind.is_some_and(is_text).then(|| std::str::from_utf8(asked.body).ok()).flatten();
    match plain {
        Some(text) => (text.to_owned(), false),
        None => (STANDARD.encode(asked.body), !asked.body.is_empty()),
    }
}

/// Whether what has this `Content-Type` is handed on as it is.
fn is_text(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"]
            .contains(&kind.as_str())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
