//! The protocols that clients of these services speak, and the one value behind them.
//!
//! Logs speaks AWS JSON 1.1 and STS the query protocol. CloudWatch speaks three: newer SDKs Smithy RPC
//! v2 CBOR, others AWS JSON 1.0, older ones the query protocol. A request is read into an [`Object`]
//! whatever its protocol, and the answer is written in the same one.

mod cbor;
mod form;
mod xml;

use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;
use uuid::Uuid;

use super::members::{object, uniform};
use super::refusal::Refusal;
use crate::account::Object;
use crate::local::http::{self, Answer};

/// A service, as its protocols name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// Before the operation in `X-Amz-Target`, and in the path of RPC v2.
    pub(super) target: &'static str,
    /// Before the name of an error; empty if there is nothing.
    pub(super) shapes: &'static str,
    /// The namespace of its XML.
    pub(super) xmlns: &'static str,
}

/// A protocol, with what an answer needs to know of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Cbor,
    /// With its content type.
    Json(&'static str),
    Query,
}

/// How a request came and its answer goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    service: Service,
    protocol: Protocol,
    /// Errors must also be told by their codes of the query protocol.
    compatible: bool,
}

impl Wire {
    /// That of a request.
    pub(super) fn of(service: Service, headers: &HeaderMap) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let protocol = if header("smithy-protocol") == Some("rpc-v2-cbor") {
            Protocol::Cbor
        } else if header("x-amz-target").is_some() {
            match header("content-type") {
                Some(text) if text.starts_with("application/x-amz-json-1.1") => {
                    Protocol::Json("application/x-amz-json-1.1")
                }
                _ => Protocol::Json("application/x-amz-json-1.0"),
            }
        } else {
            Protocol::Query
        };
        Self { service, protocol, compatible: header("x-amzn-query-mode") == Some("true") }
    }

    /// The operation that is asked for, and its input.
    pub(super) fn read(&self, parts: &Parts, body: &Bytes) -> Result<(String, Object), Refusal> {
        let target = self.service.target;
        let (operation, input) = match self.protocol {
            Protocol::Cbor => {
                let path = parts.uri.path();
                let operation = path
                    .strip_prefix("/service/")
                    .and_then(|rest| rest.strip_prefix(target)?.strip_prefix("/operation/"))
                    .ok_or_else(|| Refusal::unknown(path))?;
                (operation.to_owned(), cbor::read(body)?)
            }
            Protocol::Json(_) => {
                let named = parts.headers.get("x-amz-target").and_then(|it| it.to_str().ok());
                let named = named.unwrap_or_default();
                let operation = named
                    .strip_prefix(target)
                    .and_then(|rest| rest.strip_prefix('.'))
                    .ok_or_else(|| Refusal::unknown(named))?;
                (operation.to_owned(), json(body)?)
            }
            Protocol::Query => {
                form::read(parts.uri.query().unwrap_or_default(), &String::from_utf8_lossy(body))?
            }
        };
        match uniform("", Value::Object(input))? {
            // What was sent as null was not sent.
            Value::Object(members) => {
                Ok((operation, members.into_iter().filter(|(_, it)| !it.is_null()).collect()))
            }
            _ => Ok((operation, Object::new())),
        }
    }

    /// The answer to an operation.
    pub(super) fn answer(self, operation: &str, output: &Object) -> Answer {
        match self.protocol {
            Protocol::Cbor => rpc(200, output),
            Protocol::Json(kind) => {
                let text = serde_json::to_vec(output).unwrap_or_default();
                http::answer(200, kind, Bytes::from(text))
            }
            Protocol::Query => {
                let id = Uuid::new_v4().to_string();
                let text = xml::answer(operation, self.service.xmlns, output, &id);
                query(200, text, &id)
            }
        }
    }

    /// The answer if there is no other.
    pub(super) fn refuse(self, refusal: &Refusal) -> Answer {
        let Refusal { shape, code, status, message } = refusal;
        let kind = match self.service.shapes {
            "" => (*shape).to_owned(),
            shapes => format!("{shapes}#{shape}"),
        };
        let body = object([("__type", kind.into()), ("message", message.as_str().into())]);
        let mut answer = match self.protocol {
            Protocol::Cbor => rpc(*status, &body),
            Protocol::Json(kind) => {
                let text = serde_json::to_vec(&body).unwrap_or_default();
                http::answer(*status, kind, Bytes::from(text))
            }
            Protocol::Query => {
                let id = Uuid::new_v4().to_string();
                let text = xml::refusal(refusal, self.service.xmlns, &id);
                return query(*status, text, &id);
            }
        };
        if self.compatible {
            http::set(&mut answer, "x-amzn-query-error", &format!("{code};{}", refusal.fault()));
        }
        answer
    }
}

fn json(body: &Bytes) -> Result<Object, Refusal> {
    if body.is_empty() {
        return Ok(Object::new());
    }
    serde_json::from_slice(body)
        .map_err(|error| Refusal::unreadable(format!("the body is no JSON object: {error}")))
}

fn rpc(status: u16, members: &Object) -> Answer {
    let mut answer = http::answer(status, "application/cbor", Bytes::from(cbor::written(members)));
    http::set(&mut answer, "smithy-protocol", "rpc-v2-cbor");
    answer
}

fn query(status: u16, text: String, id: &str) -> Answer {
    let mut answer = http::answer(status, "text/xml", Bytes::from(text));
    http::set(&mut answer, "x-amzn-requestid", id);
    answer
}
