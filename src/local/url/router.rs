//! Requests below `/routes`: each goes to the function of its route.
//!
//! Sources: "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway". Other than a function
//! URL, an HTTP API hands the path on decoded, up to a question mark that was encoded (live captures:
//! middleapi/standard-server pull request 93).

use std::rc::Rc;

use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;

use super::{Arrived, Endpoint, REQUEST, SMALL, answer as answers, call, marked};
use crate::local::http::{self, Answer, discard, limited};
use crate::local::invoke::Said;
use crate::local::{ACCOUNT, Server};
use crate::percent;

/// The id of the only API there is.
const API: &str = "localroute";

/// Answers a request below `/routes`. `path`: from there on, as it came.
pub(super) async fn answer(
    server: Rc<Server>,
    parts: Parts,
    path: String,
    body: Incoming,
) -> Answer {
    let taken = server.routes.borrow().find(parts.method.as_str(), &path).map(|taken| {
        let parameters = taken.parameters.into_iter();
        let endpoint = Endpoint {
            id: API.to_owned(),
            domain: format!("{API}.execute-api.{}.amazonaws.com", server.options.region),
            account: ACCOUNT,
            authorizer: None,
            route: taken.key.to_owned(),
            parameters: parameters.map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        (taken.function.to_owned(), endpoint)
    });
    let Some((function, endpoint)) = taken else {
        discard(body, SMALL).await;
        return said(404, "Not Found");
    };
    let decoded = percent::decoded(&path);
    let path = decoded.split('?').next().unwrap_or_default().to_owned();
    match limited(body, REQUEST).await {
        Ok(Some(body)) => {
            let arrived = Arrived { parts, path, body };
            invoked(&server, &function, &endpoint, &arrived).await
        }
        Ok(None) => said(413, "Request Entity Too Large"),
        Err(error) => http::refusal(&error),
    }
}

async fn invoked(
    server: &Rc<Server>,
    function: &str,
    endpoint: &Endpoint,
    arrived: &Arrived,
) -> Answer {
    let (name, qualifier) = match function.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (function, None),
    };
    let Some(call) = call(server, name, qualifier, endpoint, arrived) else {
        return said(413, "Request Entity Too Large");
    };
    server.wait_for(name).await;
    let answer = match server.run(&call, false).await.map(|outcome| outcome.result) {
        Ok(Ok(Said::Response(payload))) => answers::read(&payload).unwrap_or_else(|why| {
            server.malformed(function, why);
            said(500, "Internal Server Error")
        }),
        Ok(_) => said(500, "Internal Server Error"),
        // What an HTTP API makes of a function that is throttled.
        Err(error) if error.status == 429 => said(503, "Service Unavailable"),
        Err(error) => {
            server.note(&format!("route {}: {function}: {}", endpoint.route, error.message));
            said(500, "Internal Server Error")
        }
    };
    let mut answer = marked(answer, &call.id);
    answer.headers_mut().remove("x-amzn-requestid");
    http::set(&mut answer, "apigw-requestid", &call.id);
    answer
}

/// What API Gateway says itself.
fn said(status: u16, message: &str) -> Answer {
    let body = serde_json::json!({ "message": message }).to_string();
    http::answer(status, "application/json", Bytes::from(body))
}
