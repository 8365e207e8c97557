//! HTTP/1.1 with servers that are trusted with nothing: heads and bodies have a largest size, silence
//! has an end, redirects are followed by hand.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Builder, Client, Error, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::body::{Load, Source, Stop, Watch};
use super::dial::{self, BoxError, Dial, Near, Private};
use super::error::{Why, says};
use super::location::{at, follow, origin, redirect};
use super::retry;
use super::text::chain;
use super::trust::{self, Distrust};
use crate::reference::is_loopback;

/// The largest head of an answer.
const HEAD: usize = 64 * 1024;
/// What is read of the body of a refusal, at most.
const REFUSAL: u64 = 64 * 1024;
/// How often a redirect is followed.
const REDIRECTS: u32 = 10;
/// A small body may take this many silences in all.
const SILENCES: u32 = 5;
/// A server may hash and copy what it got before it answers: so many bytes in a second.
const DIGESTED: u64 = 16 * 1024 * 1024;
/// How often one looks how far a body has come.
const TICK: Duration = Duration::from_millis(100);

/// What is sent: bodies that are streamed have the same type.
type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Sends requests. Connections are kept and shared.
pub(super) struct Http {
    plain: Ways<Dial>,
    /// Made when it is needed first: certificates have to be read for it.
    tls: OnceLock<Ways<HttpsConnector<Dial>>>,
    near: Near,
    /// The longest that nothing may come.
    pub(super) silence: Duration,
}

/// To what the user named, and on guard, for where a registry sends one on to.
type Ways<C> = [Client<C, Body>; 2];

/// A request, without what lets one in.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) uri: Uri,
    /// Of the registry, if that named another URL: who is no part of it gets no login.
    pub(super) home: Option<Uri>,
    /// The registry that named it as its server of tokens: that may stand elsewhere and gets the login, but
    /// not in the network that this machine stands in, unless the registry does.
    pub(super) named_by: Option<Uri>,
    /// Whether it is not known yet if it is to go over TLS.
    pub(super) guessed: bool,
    pub(super) headers: HeaderMap,
    pub(super) load: Load<'a>,
}

/// The head of an answer, and its body as it comes.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The host that answered.
    pub(super) from: String,
    /// What was asked in the end.
    pub(super) uri: Uri,
    /// Whether it is another than was asked.
    pub(super) strayed: bool,
    silence: Duration,
    body: Incoming,
    /// What of the request is still being sent, until this is dropped.
    #[expect(dead_code, reason = "held")]
    sending: Option<Stop>,
}

impl Ask<'_> {
    /// A request without a body.
    pub(super) fn new(method: Method, uri: Uri) -> Self {
        let mut headers = HeaderMap::new();
        if method == Method::POST || method == Method::PUT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        let load = Load::Bytes(Bytes::new());
        Self { method, uri, home: None, named_by: None, guessed: false, headers, load }
    }
}

impl<'a> Ask<'a> {
    /// The same with a body.
    pub(super) fn with(mut self, load: Load<'a>) -> Self {
        let length = match &load {
            Load::Bytes(bytes) => bytes.len() as u64,
            Load::Stream(source) => source.length,
        };
        self.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        self.load = load;
        self
    }
}

fn builder() -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.http1_max_buf_size(HEAD).pool_max_idle_per_host(16);
    builder
}

impl Http {
    /// # Errors
    ///
    /// If the certificates that the environment names cannot be read.
    pub(super) fn new(silence: Duration) -> Result<Self, Why> {
        let near = Near::default();
        let plain = dial::both(&near).map(|dial| builder().build(dial));
        let http = Self { plain, tls: OnceLock::new(), near, silence };
        // Whoever names a file is told at once if it is none.
        if trust::file().is_some() {
            trust::readable()?;
            http.tls()?;
        }
        Ok(http)
    }

    fn tls(&self) -> Result<&Ways<HttpsConnector<Dial>>, Why> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let made = dial::with_tls(&self.near)?.map(|dial| builder().build(dial));
        Ok(self.tls.get_or_init(|| made))
    }

    /// A request on its way, if there are certificates where it takes some.
    fn request(&self, request: Request<Body>, guarded: bool) -> Result<ResponseFuture, Why> {
        let way = usize::from(guarded);
        if request.uri().scheme_str() != Some("https") {
            return Ok(self.plain[way].request(request));
        }
        Ok(self.tls()?[way].request(request))
    }

    /// Sends a request and gives the head of what is answered in the end: redirects are followed, and
    /// `authorization` goes to no other host, port or scheme than the registry's own (OCI distribution
    /// specification: clients MUST NOT forward it).
    ///
    /// # Errors
    ///
    /// Without an answer. A refusal is none of them.
    pub(super) async fn exchange(
        &self,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Why> {
        let mut uri = ask.uri.clone();
        let home = ask.home.as_ref().unwrap_or(&ask.uri);
        let mut strayed = origin(home) != origin(&uri);
        for _ in 0..=REDIRECTS {
            let authorization = authorization.filter(|_| !strayed);
            let named = ask.named_by.as_ref().is_some_and(|by| !self.may_name(by, &uri));
            let guarded = named || (strayed && !self.may_be_near(home, &uri));
            let answer = self.send(ask, &uri, authorization, guarded).await?;
            let Some(next) = redirect(&answer, &ask.method) else {
                return Ok(Answer { strayed, ..answer });
            };
            let next = follow(&uri, next)?;
            strayed |= origin(&next) != origin(&uri);
            uri = next;
        }
        Err(Why::Redirect(format!("{} redirects more than {REDIRECTS} times", at(&ask.uri))))
    }

    /// Whether a registry may send one to private addresses: to its own host; from this machine to this
    /// machine; from the network that this stands in to anywhere there.
    fn may_be_near(&self, home: &Uri, next: &Uri) -> bool {
        let (host, next) = (home.host().unwrap_or_default(), next.host().unwrap_or_default());
        let near = if is_loopback(host) { is_loopback(next) } else { self.near.has(host) };
        near || next.eq_ignore_ascii_case(host)
    }

    /// Whether a registry may name that as its server of tokens. One on this machine may be the end of a
    /// tunnel into a network, and has the login already.
    fn may_name(&self, by: &Uri, next: &Uri) -> bool {
        by.host().is_some_and(is_loopback) || self.may_be_near(by, next)
    }

    async fn send(
        &self,
        ask: &Ask<'_>,
        uri: &Uri,
        authorization: Option<&HeaderValue>,
        guarded: bool,
    ) -> Result<Answer, Why> {
        let (body, watched) = match &ask.load {
            Load::Bytes(bytes) => {
                let body = Full::new(bytes.clone()).map_err(|never| match never {});
                (body.boxed_unsync(), None)
            }
            Load::Stream(source) => {
                let (feed, watch) = source.feed()?;
                (feed.boxed_unsync(), Some((*source, watch)))
            }
        };
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
        let request = self.request(request, guarded)?;
        let answered = match &watched {
            None => {
                let silent = |_| Why::Silent { to: from.clone(), after: self.silence };
                timeout(self.silence, request).await.map_err(silent)?
            }
            Some((source, watch)) => self.watched(request, source, watch, &from).await?,
        };
        let sending = watched.map(|(_, watch)| Stop(watch));
        if let Some(fault) = sending.as_ref().and_then(|stop| stop.0.fault()) {
            return Err(fault);
        }
        let (head, body) = answered.map_err(|error| lost(&from, &error))?.into_parts();
        let (status, headers, silence) = (head.status, head.headers, self.silence);
        let uri = uri.clone();
        Ok(Answer { status, headers, from, uri, strayed: false, silence, body, sending })
    }

    /// Waits for the answer to a large body, as long as some of it is taken, and tells how much was.
    async fn watched(
        &self,
        request: ResponseFuture,
        source: &Source<'_>,
        watch: &Watch,
        to: &str,
    ) -> Result<Result<Response<Incoming>, Error>, Why> {
        let mut request = pin!(request);
        let (mut told, mut moved) = (0, Instant::now());
        loop {
            let answered = timeout(TICK.min(self.silence), &mut request).await;
            let taken = watch.taken();
            if taken > told {
                source.account.forward(taken - told);
                (told, moved) = (taken, Instant::now());
            }
            let all = taken == source.length;
            match answered {
                Ok(Ok(answer)) if answer.status().is_success() && !all => {
                    let why = format!("it answers after {taken} of {} bytes", source.length);
                    return Err(Why::Broken { to: to.to_owned(), why });
                }
                Ok(answered) => {
                    watch.pause();
                    return Ok(answered);
                }
                Err(_) => {}
            }
            let more = if all { source.length / DIGESTED } else { 0 };
            let longest = self.silence + Duration::from_secs(more);
            if moved.elapsed() >= longest {
                return Err(Why::Silent { to: to.to_owned(), after: longest });
            }
        }
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

    /// What a refusal says, scrubbed, and when it says to come back.
    #[expect(clippy::disallowed_methods, reason = "a server may say so by a date")]
    pub(super) async fn refusal(
        self,
        scrub: &(dyn Fn(&str) -> String + Sync),
    ) -> (String, Option<Duration>) {
        let after = self.header(RETRY_AFTER).and_then(|at| retry::after(at, SystemTime::now()));
        let status = self.status.as_u16();
        let kind = self.media_type().unwrap_or_default();
        let body = self.bytes("the refusal", REFUSAL).await.unwrap_or_default();
        (says(status, &kind, &body, scrub), after)
    }
}

/// What became of a request that was not answered.
fn lost(to: &str, error: &Error) -> Why {
    let to = to.to_owned();
    let causes = || std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    let io = || causes().filter_map(|cause| cause.downcast_ref().map(innermost));
    let in_io = io()
        .any(|io| io.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Private>));
    if in_io || causes().any(<dyn std::error::Error>::is::<Private>) {
        return Why::Redirect(format!("it sends one on to {to}, and that is a private address"));
    }
    let of_tls = io().find_map(|io| io.get_ref()?.downcast_ref::<rustls::Error>());
    match of_tls {
        Some(rustls::Error::InvalidCertificate(why)) => {
            return Why::Certificate { to, why: Distrust::new(why) };
        }
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            return Why::Plain { to };
        }
        _ => {}
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
    fn a_registry_of_the_world_sends_nobody_to_private_addresses() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let http = Http::new(Duration::from_millis(100)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let asks = |home: &str, to: &str| {
            let uri = format!("{to}:{port}/").parse().unwrap();
            let home = Some(home.parse().unwrap());
            let ask = Ask { home, ..Ask::new(Method::PUT, uri) };
            let why = runtime.block_on(http.exchange(&ask, None)).err().unwrap();
            (matches!(why, Why::Redirect(_)), listener.accept().is_ok())
        };
        for to in ["http://127.0.0.1", "https://127.0.0.1", "https://localhost", "https://10.0.0.1"]
        {
            assert_eq!(asks("https://registry.example/", to), (true, false), "{to}");
        }
        // Nor does one that names them as its server of tokens, which the login would go to.
        let names = |by: &str, to: &str| {
            let uri = format!("{to}:{port}/").parse().unwrap();
            let named_by = Some(by.parse().unwrap());
            let ask = Ask { named_by, ..Ask::new(Method::GET, uri) };
            let login = HeaderValue::from_static("Basic bTpw");
            let why = runtime.block_on(http.exchange(&ask, Some(&login))).err().unwrap();
            (matches!(why, Why::Redirect(_)), listener.accept().is_ok())
        };
        for to in ["http://127.0.0.1", "https://localhost", "https://10.0.0.1"] {
            assert_eq!(names("https://registry.example/", to), (true, false), "{to}");
        }
        assert_eq!(names("https://localhost/", "http://127.0.0.1"), (false, true));
        // One on this machine may send one nowhere else in the network.
        for to in ["https://10.0.0.1", "https://a.localhost", "https://metadata.google.internal"] {
            assert_eq!(asks("http://127.0.0.1:1/", to), (true, false), "{to}");
        }
        // But to this machine.
        assert_eq!(asks("http://127.0.0.1:1/", "http://localhost"), (false, true));
        assert_eq!(asks("https://localhost/", "http://127.0.0.1"), (false, true));
        assert!(http.near.has("localhost") && http.near.has("127.0.0.1"));
    }
}
