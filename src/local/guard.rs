//! Who may call. The server runs code that is uploaded to it, so a page in a browser must not reach it:
//! not by a name that is made to lead here (`Host`), not from another page (`Origin`), and not without
//! a header that only a client of AWS sends. The signature itself is not checked. Function URLs and routes
//! alone are open to pages, by the same names or by those that AWS gives them.

use std::net::IpAddr;

use hyper::Uri;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use hyper::http::uri::Authority;

use crate::account::ApiError;

const FETCH_SITE: &str = "sec-fetch-site";

/// Which service is meant, and who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The name that the request was signed for: `lambda`, `sts`, `monitoring`, `logs`.
    pub(super) service: String,
    /// The access key's id.
    pub(super) key: String,
}

/// Refuses who may not call.
pub(super) fn caller(uri: &Uri, headers: &HeaderMap) -> Result<Caller, ApiError> {
    program(uri, headers)?;
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(header) = header else {
        return Err(refused("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    credential(header).ok_or_else(|| {
        refused(
            "IncompleteSignatureException",
            "Authorization header requires an AWS4-HMAC-SHA256 'Credential'",
        )
    })
}

/// Refuses whatever is not a program on this machine. Browsers tell where a request comes from: by
/// `Origin`, and by `Sec-Fetch-Site` where they leave that out, as for an image (Fetch Metadata Request
/// Headers). A page can leave out neither.
pub(super) fn program(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    local(uri, headers)?;
    if headers.contains_key(ORIGIN) || headers.contains_key(FETCH_SITE) {
        return Err(refused(
            "AccessDeniedException",
            "pages in a browser may not call this server",
        ));
    }
    Ok(())
}

/// Refuses a name that is not this machine's own, wherever in the request it stands, and more than one.
pub(super) fn local(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let authority = uri.authority().map_or(host, Authority::as_str);
    if hosts.next().is_none() && is_loopback(host) && is_loopback(authority) {
        return Ok(());
    }
    Err(refused("AccessDeniedException", "this server answers on the loopback interface only"))
}

/// The id of the function URL that a request names as its host: `<id>.lambda-url.<region>.on.aws`, as AWS
/// has it, or `<id>.lambda-url.localhost`, which browsers know as this machine's (RFC 6761). Names below
/// `on.aws` are AWS's alone: no page can make one of its own lead here. What such a request can reach is
/// that function URL and nothing else.
pub(super) fn function_url(uri: &Uri, headers: &HeaderMap, region: &str) -> Option<String> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    let elsewhere = uri.authority().is_some_and(|it| !it.as_str().eq_ignore_ascii_case(host));
    if hosts.next().is_some() || elsewhere {
        return None;
    }
    let host = host.to_ascii_lowercase();
    let name = match host.split_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) => return None,
        None => &host,
    };
    let id = name
        .strip_suffix(".lambda-url.localhost")
        .or_else(|| name.strip_suffix(&format!(".lambda-url.{region}.on.aws")))?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        .then(|| id.to_owned())
}

fn refused(code: &'static str, message: &str) -> ApiError {
    ApiError::new(code, 403, message)
}

/// `127.0.0.1:9100`, `localhost`, `[::1]:9100`, and names below `localhost` (RFC 6761).
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, _)) => name,
            None => return false,
        },
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let named =
        name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    named || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `AWS4-HMAC-SHA256 Credential=KEY/20261120/us-east-1/lambda/aws4_request, …`
fn credential(header: &str) -> Option<Caller> {
    let fields = header.strip_prefix("AWS4-HMAC-SHA256")?.trim_start();
    let scope = fields.split(',').find_map(|field| field.trim().strip_prefix("Credential="))?;
    // A key may hold slashes; the scope has four parts.
    let mut parts = scope.rsplitn(5, '/');
    let (end, service) = (parts.next()?, parts.next()?);
    let (_region, _date, key) = (parts.next()?, parts.next()?, parts.next()?);
    (end == "aws4_request").then(|| Caller { service: service.to_owned(), key: key.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(headers: &HeaderMap) -> Result<Caller, ApiError> {
        super::caller(&Uri::from_static("/2015-03-31/functions"), headers)
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const SIGNED: (&str, &str) = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKID/20261120/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
    );

    #[test]
    fn a_client_of_aws_on_this_machine_may_call() {
        for host in ["127.0.0.1:9100", "localhost", "[::1]:1", "a.localhost:2", "127.8.8.8"] {
            let caller = caller(&headers(&[("host", host), SIGNED])).unwrap();
            assert_eq!((caller.service.as_str(), caller.key.as_str()), ("lambda", "AKID"));
        }
    }

    #[test]
    fn others_may_not() {
        let local = ("host", "127.0.0.1:9100");
        for (refused, code) in [
            (headers(&[("host", "rebound.example:9100"), SIGNED]), "AccessDeniedException"),
            (headers(&[("host", "127.0.0.1.example"), SIGNED]), "AccessDeniedException"),
            (headers(&[SIGNED]), "AccessDeniedException"),
            (
                headers(&[local, SIGNED, ("origin", "http://localhost:3000")]),
                "AccessDeniedException",
            ),
            (headers(&[local, SIGNED, ("origin", "null")]), "AccessDeniedException"),
            (headers(&[local, SIGNED, ("sec-fetch-site", "none")]), "AccessDeniedException"),
            (headers(&[local]), "MissingAuthenticationTokenException"),
            (headers(&[local, ("authorization", "Basic YTpi")]), "IncompleteSignatureException"),
            (
                headers(&[local, ("authorization", "AWS4-HMAC-SHA256 Credential=x")]),
                "IncompleteSignatureException",
            ),
        ] {
            assert_eq!(caller(&refused).unwrap_err().code, code);
        }
    }

    #[test]
    fn other_names_beside_the_right_one_are_refused() {
        let mut two = headers(&[("host", "127.0.0.1:9100"), SIGNED]);
        let elsewhere = Uri::from_static("http://rebound.example/2015-03-31/functions");
        assert_eq!(super::caller(&elsewhere, &two).unwrap_err().code, "AccessDeniedException");
        let here = Uri::from_static("http://localhost:9100/2015-03-31/functions");
        assert!(super::caller(&here, &two).is_ok());
        two.append(HOST, "rebound.example".parse().unwrap());
        assert_eq!(caller(&two).unwrap_err().code, "AccessDeniedException");
    }
}
