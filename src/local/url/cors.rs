//! What a function URL's own CORS says to browsers.
//!
//! Source: "Creating and managing Lambda function URLs": for preflight requests only what is configured
//! counts; other answers get it beside what the function says, even twice.

use hyper::Method;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use serde_json::Value;

use crate::account::Object;

const EVERY: &str = "*";

/// `Cors` of a function URL's configuration.
pub(super) struct Cors<'a>(pub(super) &'a Object);

impl Cors<'_> {
    /// The headers that answer a preflight request; none if it is no such request.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<HeaderMap> {
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.to_str().ok()?;
        if *method != Method::OPTIONS || !headers.contains_key(ORIGIN) {
            return None;
        }
        let mut said = HeaderMap::new();
        if !self.origin(headers, &mut said) {
            return Some(said);
        }
        // With credentials browsers take `*` for a name like any other (Fetch, "CORS protocol and
        // credentials").
        let listed = |member: &str, wanted: Option<&str>| {
            let all = self.all(member);
            let every = all.contains(&EVERY) && self.credentials();
            if every { wanted.unwrap_or_default().to_owned() } else { all.join(",") }
        };
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let asked = asked.and_then(|value| value.to_str().ok());
        set(&mut said, ACCESS_CONTROL_ALLOW_METHODS, &listed("AllowMethods", Some(wanted)));
        set(&mut said, ACCESS_CONTROL_ALLOW_HEADERS, &listed("AllowHeaders", asked));
        if let Some(seconds) = self.0.get("MaxAge").and_then(Value::as_i64) {
            set(&mut said, ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
        Some(said)
    }

    /// The headers that are added to the answer to any other request.
    pub(super) fn added(&self, headers: &HeaderMap) -> HeaderMap {
        let mut said = HeaderMap::new();
        if self.origin(headers, &mut said) {
            set(&mut said, ACCESS_CONTROL_EXPOSE_HEADERS, &self.all("ExposeHeaders").join(","));
        }
        said
    }

    /// What is said of the request's origin. False: it may not read the answer.
    fn origin(&self, headers: &HeaderMap, said: &mut HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let all = self.all("AllowOrigins");
        let every = all.contains(&EVERY);
        if !every && !all.contains(&origin) {
            return false;
        }
        if every && !self.credentials() {
            set(said, ACCESS_CONTROL_ALLOW_ORIGIN, EVERY);
        } else {
            set(said, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            set(said, VARY, "Origin");
        }
        if self.credentials() {
            set(said, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        true
    }

    fn credentials(&self) -> bool {
        self.0.get("AllowCredentials") == Some(&Value::Bool(true))
    }

    fn all(&self, member: &str) -> Vec<&str> {
        let list = self.0.get(member).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// Says something, if there is something to say and a header can hold it.
fn set(said: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        said.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
