//! What a function says, as an HTTP answer: the response of payload format 2.0, what is inferred where
//! there is no `statusCode`, and the prelude of a response in pieces.
//!
//! Sources: "Invoking Lambda function URLs"; recorded answers for what that leaves open (a string is
//! sent without its quotes, other JSON without blanks, and a `statusCode` may be a string: the parity tests
//! of `LocalStack`); "Response streaming" and AWS's own runtimes for the prelude.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use hyper::{Response, StatusCode};
use memchr::memmem;
use serde_json::{Map, Value};

use crate::local::http::{Answer, Body};

/// What ends the prelude of a response in pieces.
pub(super) const END: &[u8] = &[0; 8];

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Headers that are the server's own to say: they get the prefix `x-amzn-remapped-` ("Important notes"
/// of API Gateway lists them; function URLs do so too: aws/aws-lambda-web-adapter issue 491).
const REMAPPED: [&str; 17] = [
    "connection",
    "content-length",
    "content-md5",
    "date",
    "expect",
    "host",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];

/// The most headers that an answer may have: more than any client takes, and few enough that there is
/// room for the server's own.
const HEADERS: usize = 1000;

/// Why what a function says is no HTTP answer.
pub(super) type Malformed = &'static str;

/// All of an answer but its body.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

impl Head {
    /// 200, and the type of what comes.
    pub(super) fn of(kind: Option<&str>) -> Self {
        let mut headers = HeaderMap::new();
        let kind = kind.and_then(|kind| HeaderValue::from_str(kind).ok());
        headers.insert(CONTENT_TYPE, kind.unwrap_or(BYTES));
        Self { status: StatusCode::OK, headers }
    }

    /// The prelude of a response in pieces, without what ends it.
    pub(super) fn of_prelude(prelude: &[u8]) -> Result<Self, Malformed> {
        let prelude = serde_json::from_slice::<Map<String, Value>>(prelude)
            .map_err(|_| "the prelude is no JSON object")?;
        Self::new(&prelude, BYTES)
    }

    fn new(said: &Map<String, Value>, kind: HeaderValue) -> Result<Self, Malformed> {
        let status = match said.get("statusCode") {
            None | Some(Value::Null) => StatusCode::OK,
            Some(code) => status(code).ok_or("the statusCode is none of HTTP")?,
        };
        let mut headers = HeaderMap::new();
        match said.get("headers") {
            None | Some(Value::Null) => {}
            Some(Value::Object(all)) => {
                for (name, value) in all {
                    append(&mut headers, &remapped(name), value)?;
                }
            }
            Some(_) => return Err("the headers are no JSON object"),
        }
        match said.get("cookies") {
            None | Some(Value::Null) => {}
            Some(Value::Array(all)) => {
                for value in all {
                    append(&mut headers, SET_COOKIE.as_str(), value)?;
                }
            }
            Some(_) => return Err("the cookies are no list"),
        }
        headers.entry(CONTENT_TYPE).or_insert(kind);
        Ok(Self { status, headers })
    }

    /// With a body.
    pub(super) fn with(self, body: Body) -> Answer {
        let mut answer = Response::new(body);
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers;
        answer
    }
}

/// The answer that a whole response of a function says.
pub(super) fn read(payload: &[u8]) -> Result<Answer, Malformed> {
    // JSON holds no such bytes: it was meant to come in pieces.
    if let Some(at) = memmem::find(payload, END) {
        let (prelude, rest) = payload.split_at(at);
        let body = rest.get(END.len()..).unwrap_or_default().to_vec();
        return Ok(Head::of_prelude(prelude)?.with(whole(body)));
    }
    let said = serde_json::from_slice(payload).map_err(|_| "it is no JSON")?;
    let mut said = match said {
        Value::Object(said) if said.get("statusCode").is_some_and(|code| !code.is_null()) => said,
        inferred => {
            let body = match inferred {
                Value::String(text) => text.into_bytes(),
                _ => without_blanks(payload),
            };
            return Ok(Head::new(&Map::new(), JSON)?.with(whole(body)));
        }
    };
    let head = Head::new(&said, JSON)?;
    let encoded = said.get("isBase64Encoded") == Some(&Value::Bool(true));
    let body = match said.remove("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if encoded => {
            STANDARD.decode(text).map_err(|_| "the body is no base64")?
        }
        Some(Value::String(text)) => text.into_bytes(),
        Some(other) => other.to_string().into_bytes(),
    };
    Ok(head.with(whole(body)))
}

/// A body that is all there.
pub(super) fn whole(body: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(body.into()))
}

/// A status: a number, or a string of one. Those below 200 are none that ends a request.
fn status(code: &Value) -> Option<StatusCode> {
    let code = match code {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let code = u16::try_from(code).ok().filter(|code| (200..=599).contains(code))?;
    StatusCode::from_u16(code).ok()
}

fn remapped(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if REMAPPED.contains(&lower.as_str()) { format!("x-amzn-remapped-{lower}") } else { lower }
}

/// Adds a header; a list is one header for each of its values, as the Rust runtime writes them.
fn append(headers: &mut HeaderMap, name: &str, value: &Value) -> Result<(), Malformed> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(all) if all.iter().all(|one| !one.is_array()) => {
            return all.iter().try_for_each(|one| append(headers, name, one));
        }
        Value::Array(_) | Value::Object(_) => return Err("a header's value is no text"),
    };
    let name = HeaderName::try_from(name).map_err(|_| "a header has a name that is none")?;
    let value = HeaderValue::try_from(text).map_err(|_| "a header has a value that is none")?;
    if headers.len() >= HEADERS {
        return Err("there are too many headers");
    }
    headers.append(name, value);
    Ok(())
}

/// JSON without the blanks between its parts, in its own order.
fn without_blanks(json: &[u8]) -> Vec<u8> {
    let (mut in_string, mut escaped) = (false, false);
    let mut kept = json.to_vec();
    kept.retain(|&byte| {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            return true;
        }
        in_string = byte == b'"';
        !byte.is_ascii_whitespace()
    });
    kept
}

#[cfg(test)]
mod tests;
