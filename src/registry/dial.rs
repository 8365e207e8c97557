//! Connections: straight, or through the proxy that the environment names (`HTTPS_PROXY`, `ALL_PROXY`,
//! `NO_PROXY`, in capitals or not). This machine itself is never asked for through a proxy.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::error::Why;
use crate::reference::is_loopback;

/// Whatever went wrong on the way.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes connections.
#[derive(Clone)]
pub(super) struct Dial {
    direct: HttpConnector,
    proxies: Arc<Matcher>,
}

impl Dial {
    fn new() -> Self {
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_connect_timeout(Some(PATIENCE));
        direct.set_nodelay(true);
        Self { direct, proxies: Arc::new(Matcher::from_env()) }
    }

    /// With TLS where the URL says so, by the system's certificates (or `SSL_CERT_FILE`,
    /// `SSL_CERT_DIR`) and the cryptography that the AWS SDK brings.
    ///
    /// # Errors
    ///
    /// If this machine has no certificates.
    pub(super) fn with_tls() -> Result<HttpsConnector<Self>, Why> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Why::Start(error.to_string()))?
            .with_native_roots()
            .map_err(|error| Why::Start(error.to_string()))?
            .with_no_client_auth();
        let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
        Ok(builder.enable_http1().wrap_connector(Self::new()))
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let here = to.host().is_some_and(is_loopback);
        let proxy = if here { None } else { self.proxies.intercept(&to) };
        let mut direct = self.direct.clone();
        let Some(proxy) = proxy else {
            return Box::pin(async move { Ok(direct.call(to).await?) });
        };
        if proxy.uri().scheme_str() != Some("http") {
            let scheme = proxy.uri().scheme_str().unwrap_or_default().to_owned();
            let why = format!("the proxy is of {scheme}://, and only those of http:// are known");
            return Box::pin(async move { Err(why.into()) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        Box::pin(async move {
            let through = tunnel.call(to).await;
            through.map_err(|error| format!("through the proxy {}: {error}", proxy.uri()).into())
        })
    }
}
