//! HTTP/1.1 with servers that are trusted with nothing: heads and bodies have a largest size, silence
//! has an end, redirects are followed by hand.

use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::dial::{BoxError, Dial};
use super::error::{Why, says};
use super::retry;
use super::text::{chain, clean};
use crate::reference::is_loopback;

/// The largest head of an answer.
const HEAD: usize = 64 * 1024;
/// What is read of the body of a refusal, at most.
const REFUSAL: u64 = 64 * 1024;
/// How often a redirect is followed.
const REDIRECTS: u32 = 10;
/// A small body may take this many silences in all.
const SILENCES: u32 = 5;

/// What is sent: bodies that are streamed have the same type.
type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Sends requests. Connections are kept and shared.
pub(super) struct Http {
    client: Client<HttpsConnector<Dial>, Body>,
    /// The longest that nothing may come.
    pub(super) silence: Duration,
}

/// A request, without what lets one in.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The head of an answer, and its body as it comes.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The host that answered.
    pub(super) from: String,
    /// Whether it is another than was asked.
    pub(super) strayed: bool,
    silence: Duration,
    body: Incoming,
}

impl Ask {
    /// A request without a body.
    pub(super) fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

impl Http {
    /// # Errors
    ///
    /// If this machine has no certificates.
    pub(super) fn new(silence: Duration) -> Result<Self, Why> {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http1_max_buf_size(HEAD).pool_max_idle_per_host(16);
        Ok(Self { client: builder.build(Dial::with_tls()?), silence })
    }

    /// Sends a request and gives the head of what is answered in the end: a read follows redirects, and
    /// `authorization` goes to no other host, port or scheme than the request's own (OCI distribution
    /// specification: clients MUST NOT forward it).
    ///
    /// # Errors
    ///
    /// Without an answer. A refusal is none of them.
    pub(super) async fn exchange(
        &self,
        ask: &Ask,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Why> {
        let mut uri = ask.uri.clone();
        let mut strayed = false;
        for _ in 0..=REDIRECTS {
            let answer = self.send(ask, &uri, authorization.filter(|_| !strayed)).await?;
            let read = ask.method == Method::GET || ask.method == Method::HEAD;
            let Some(next) = redirect(&answer).filter(|_| read) else {
                return Ok(Answer { strayed, ..answer });
            };
            let next = follow(&uri, next)?;
            strayed |= origin(&next) != origin(&uri);
            uri = next;
        }
        Err(Why::Redirect(format!("{} redirects more than {REDIRECTS} times", at(&ask.uri))))
    }

    async fn send(
        &self,
        ask: &Ask,
        uri: &Uri,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Why> {
        let body = Full::new(ask.body.clone()).map_err(|never| match never {}).boxed_unsync();
        let mut request = Request::new(body);
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&ask.headers);
        let agent = concat!("cargo-lambda-pack/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let from = at(uri);
        let sent = timeout(self.silence, self.client.request(request)).await;
        let Ok(sent) = sent else { return Err(Why::Silent { to: from, after: self.silence }) };
        let (head, body) = sent.map_err(|error| lost(&from, &error))?.into_parts();
        let (status, headers, silence) = (head.status, head.headers, self.silence);
        Ok(Answer { status, headers, from, strayed: false, silence, body })
    }
}

impl Answer {
    /// A header as a text.
    pub(super) fn header(&self, name: impl hyper::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type, without parameters and in lower case.
    pub(super) fn media_type(&self) -> Option<String> {
        let value = self.header(CONTENT_TYPE)?;
        let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        (!kind.is_empty()).then_some(kind)
    }

    /// The length of the body, if it is announced.
    pub(super) fn length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH)?.parse().ok()
    }

    /// The next bytes of the body; nothing at its end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Why> {
        loop {
            let Ok(frame) = timeout(self.silence, self.body.frame()).await else {
                return Err(Why::Silent { to: self.from.clone(), after: self.silence });
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame =
                frame.map_err(|error| Why::Broken { to: self.from.clone(), why: chain(&error) })?;
            // Trailers say nothing to us.
            if let Ok(bytes) = frame.into_data()
                && !bytes.is_empty()
            {
                return Ok(Some(bytes));
            }
        }
    }

    /// The whole body, which is not larger than `most` bytes and does not trickle for ever.
    pub(super) async fn bytes(mut self, what: &'static str, most: u64) -> Result<Vec<u8>, Why> {
        let large = || Why::Large { what, most };
        if self.length().is_some_and(|length| length > most) {
            return Err(large());
        }
        let (from, longest) = (self.from.clone(), self.silence * SILENCES);
        let read = async {
            let mut all = Vec::new();
            while let Some(bytes) = self.next().await? {
                if all.len() as u64 + bytes.len() as u64 > most {
                    return Err(large());
                }
                all.extend_from_slice(&bytes);
            }
            Ok(all)
        };
        let slow = || Why::Broken { to: from, why: "the answer trickles".to_owned() };
        timeout(longest, read).await.unwrap_or_else(|_| Err(slow()))
    }

    /// What a refusal says, and when it says to come back.
    #[expect(clippy::disallowed_methods, reason = "a server may say so by a date")]
    pub(super) async fn refusal(self) -> (String, Option<Duration>) {
        let after = self.header(RETRY_AFTER).and_then(|at| retry::after(at, SystemTime::now()));
        let status = self.status.as_u16();
        let kind = self.media_type().unwrap_or_default();
        let body = self.bytes("the refusal", REFUSAL).await.unwrap_or_default();
        (says(status, &kind, &body), after)
    }
}

/// Where an answer says to go on, if it does.
fn redirect(answer: &Answer) -> Option<&str> {
    let codes = [301, 302, 303, 307, 308];
    codes.contains(&answer.status.as_u16()).then(|| answer.header(LOCATION))?
}

/// The next URL of a redirect. From TLS to plain HTTP only on this machine.
fn follow(from: &Uri, location: &str) -> Result<Uri, Why> {
    let refused = |why: &str| {
        let to = clean(location.split('?').next().unwrap_or_default());
        Why::Redirect(format!("{} redirects to `{to}`: {why}", at(from)))
    };
    let next = resolve(from, location).ok_or_else(|| refused("that is no URL"))?;
    let here = |uri: &Uri| uri.host().is_some_and(is_loopback);
    match next.scheme_str() {
        Some("https") => Ok(next),
        Some("http") if here(&next) && here(from) => Ok(next),
        Some("http") => Err(refused("that is not encrypted")),
        _ => Err(refused("that is neither http:// nor https://")),
    }
}

/// A reference to a URL, read at another (RFC 3986, section 5.2). Dots stay for the server.
pub(super) fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.trim().split('#').next().unwrap_or_default();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let path = base.path();
    let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
    let before_path = location.split(['/', '?']).next().unwrap_or_default();
    let whole = if before_path.contains(':') {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.is_empty() || location.starts_with('?') {
        format!("{scheme}://{authority}{path}{location}")
    } else {
        format!("{scheme}://{authority}{folder}{location}")
    };
    let uri = whole.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some());
    uri.filter(|uri| uri.host().is_some_and(|host| !host.is_empty()))
}

/// Scheme, host and port.
fn origin(uri: &Uri) -> (Option<&str>, Option<String>, Option<u16>) {
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host().map(str::to_ascii_lowercase);
    (uri.scheme_str(), host, uri.port_u16().or(Some(usual)))
}

/// Host and port, without a name or password of anyone's.
fn at(uri: &Uri) -> String {
    let host = clean(uri.host().unwrap_or_default());
    uri.port_u16().map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}

/// What became of a request that was not answered.
fn lost(to: &str, error: &Error) -> Why {
    let to = to.to_owned();
    let causes = || std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    let io = || causes().filter_map(|cause| cause.downcast_ref().map(innermost));
    let of_tls = io().find_map(|io| io.get_ref()?.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(why)) = of_tls {
        return Why::Certificate { to, why: clean(&why.to_string()) };
    }
    if !error.is_connect() {
        let large = causes().any(|cause| {
            cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large)
        });
        return if large {
            Why::Large { what: "the head of an answer", most: HEAD as u64 }
        } else if causes()
            .any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse))
        {
            Why::Foreign(format!("what {to} answers is not HTTP"))
        } else {
            Why::Broken { to, why: chain(error) }
        };
    }
    let passing = io().any(|io| {
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
        let passes = [BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof];
        passes.contains(&io.kind())
    });
    Why::Unreachable { to, why: chain(error), passing }
}

/// hyper-rustls puts one into another, and says the outer one's kind only.
fn innermost(mut error: &io::Error) -> &io::Error {
    while let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        error = inner;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_at_the_url_that_gave_them() {
        let base: Uri = "https://a.example:1/v2/x/blobs/d?q=1".parse().unwrap();
        for (location, expected) in [
            ("https://b.example/x?y=z#f", Some("https://b.example/x?y=z")),
            ("//b.example/x", Some("https://b.example/x")),
            ("/y?a=/b:c", Some("https://a.example:1/y?a=/b:c")),
            ("y", Some("https://a.example:1/v2/x/blobs/y")),
            ("?z=1", Some("https://a.example:1/v2/x/blobs/d?z=1")),
            ("", Some("https://a.example:1/v2/x/blobs/d")),
            ("https://", None),
            ("https:///x", None),
            ("mailto:a", None),
            ("/a b", None),
        ] {
            let found = resolve(&base, location).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn redirects_to_plain_http_are_followed_on_this_machine_only() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        let (far, here) = (uri("https://a.example/x"), uri("http://127.0.0.1:1/x"));
        for (from, to, followed) in [
            (&far, "https://b.example/", true),
            (&far, "http://b.example/", false),
            (&far, "http://a.example/", false),
            (&far, "http://127.0.0.1/", false),
            (&here, "http://localhost:2/", true),
            (&here, "https://b.example/", true),
            (&here, "http://b.example/", false),
            (&here, "file:///etc/passwd", false),
            (&here, "ftp://127.0.0.1/x", false),
        ] {
            assert_eq!(follow(from, to).is_ok(), followed, "{from} {to}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| {
            let (a, b): (Uri, Uri) = (a.parse().unwrap(), b.parse().unwrap());
            origin(&a) == origin(&b)
        };
        assert!(same("https://a.example/x", "https://A.example:443/y"));
        assert!(!same("https://a.example/", "https://a.example:444/"));
        assert!(!same("https://a.example/", "http://a.example:443/"));
        assert!(!same("https://a.example/", "https://b.example/"));
    }
}
