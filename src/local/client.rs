//! A client of the embedded Lambda, for this program's own commands.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::{LocalError, SERVER};

/// Whoever does not take a connection within this is no server of ours.
const PATIENCE: Duration = Duration::from_millis(500);

/// Nor is who does not answer a request within this: one that is busy has more time.
const LONG: Duration = Duration::from_secs(5);

/// Whatever went wrong on the way.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A server that answers.
#[derive(Debug, Clone, Copy)]
pub struct Client(SocketAddr);

/// What it answered.
#[derive(Debug)]
pub struct Reply {
    /// The status of HTTP.
    pub status: u16,
    headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// A header as a text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Client {
    /// The server at an address.
    #[must_use]
    pub const fn at(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The server on a port of this machine, if one of ours answers there.
    ///
    /// # Errors
    ///
    /// If something answers that is none, or something listens and does not answer.
    pub fn on(port: u16) -> Result<Option<Self>, LocalError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if std::net::TcpStream::connect_timeout(&address, PATIENCE).is_err() {
            return Ok(None);
        }
        let client = Self(address);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let asked = async { timeout(LONG, client.request("GET", "/", &[], Bytes::new())).await };
        let reply = runtime.block_on(asked).map_err(|_| LocalError::Silent(address))?;
        let reply = reply.map_err(|source| LocalError::Lost { address, source })?;
        if reply.header("server") == Some(SERVER) {
            return Ok(Some(client));
        }
        Err(LocalError::Stranger(address))
    }

    /// One request and its answer, however long that takes.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, LocalError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let lost = |error: BoxError| LocalError::Lost { address: self.0, source: error };
        runtime.block_on(self.request(method, path, headers, body)).map_err(lost)
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, BoxError> {
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.0.to_string()).header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20150331/local/lambda/aws4_request, \
                 SignedHeaders=host, Signature=local",
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        exchange(self.0, request.body(Full::new(body))?, usize::MAX).await
    }
}

/// Sends one request over a connection of its own, and reads the answer, of at most so many bytes.
pub(super) async fn exchange(
    to: impl ToSocketAddrs,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Reply, BoxError> {
    let stream = TcpStream::connect(to).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answered = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, most).collect().await?.to_bytes();
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    };
    tokio::pin!(answered);
    tokio::select! {
        reply = &mut answered => reply,
        // Its error is also that of the request.
        _ = connection => answered.await,
    }
}
