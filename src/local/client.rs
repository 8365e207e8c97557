//! A client of the embedded Lambda, for this program's own commands.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::{LocalError, SERVER};

/// Whoever does not answer within this is no server of ours.
const PATIENCE: Duration = Duration::from_millis(500);

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
    /// If something answers that is none.
    pub fn on(port: u16) -> Result<Option<Self>, LocalError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if std::net::TcpStream::connect_timeout(&address, PATIENCE).is_err() {
            return Ok(None);
        }
        let client = Self(address);
        let reply = client.call("GET", "/", &[], Bytes::new())?;
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
        let lost = |error: Box<dyn std::error::Error + Send + Sync>| LocalError::Lost {
            address: self.0,
            source: error,
        };
        runtime.block_on(self.request(method, path, headers, body)).map_err(lost)
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.0).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.0.to_string()).header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20150331/local/lambda/aws4_request, \
                 SignedHeaders=host, Signature=local",
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body))?;
        let answered = async {
            let response = sender.send_request(request).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Reply {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        };
        tokio::pin!(answered);
        tokio::select! {
            reply = &mut answered => Ok(reply?),
            _ = connection => Ok(answered.await?),
        }
    }
}
