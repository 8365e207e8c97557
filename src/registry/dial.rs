//! Connections: straight, or through the proxy that the environment names (`HTTPS_PROXY`, `ALL_PROXY`,
//! `NO_PROXY`, in capitals or not). This machine itself is never asked for through a proxy.
//!
//! Where a server sends one on to is dialled on guard: no private address is connected with, by whatever
//! name. What a proxy makes of a name is for the proxy to guard, but of those that are private by themselves
//! it is not asked.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use tower_service::Service;

use super::error::Why;
use super::location::{is_local, is_private};
use super::trust;
use super::wire::Wire;
use crate::reference::is_loopback;

/// Whatever went wrong on the way.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(30);

/// A host that one was sent on to, and must not go to.
#[derive(Debug, thiserror::Error)]
#[error("its address is a private one")]
pub(super) struct Private;

/// The hosts that were met at private addresses because the user named them.
#[derive(Clone, Default)]
pub(super) struct Near(Arc<Mutex<BTreeSet<String>>>);

impl Near {
    pub(super) fn has(&self, host: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(host)
    }

    fn add(&self, host: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned());
    }
}

/// The system's resolver; on guard without private addresses.
#[derive(Clone)]
struct Names {
    system: GaiResolver,
    guarded: bool,
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.system.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (asked, guarded) = (self.system.call(name), self.guarded);
        Box::pin(async move {
            let mut all: Vec<SocketAddr> = asked.await?.collect();
            let found = all.len();
            all.retain(|address| !guarded || !is_private(address.ip()));
            if all.is_empty() && found > 0 {
                return Err(Private.into());
            }
            Ok(all.into_iter())
        })
    }
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Dial {
    direct: HttpConnector<Names>,
    to_proxy: HttpConnector<Names>,
    proxies: Arc<Matcher>,
    guarded: bool,
    near: Near,
}

fn connector(guarded: bool) -> HttpConnector<Names> {
    let mut made = HttpConnector::new_with_resolver(Names { system: GaiResolver::new(), guarded });
    made.enforce_http(false);
    made.set_connect_timeout(Some(PATIENCE));
    made.set_nodelay(true);
    made
}

/// Both ways to dial: to what the user named, and on guard.
pub(super) fn both(near: &Near) -> [Dial; 2] {
    let proxies = Arc::new(Matcher::from_env());
    [false, true].map(|guarded| {
        let (direct, to_proxy) = (connector(guarded), connector(false));
        let proxies = Arc::clone(&proxies);
        Dial { direct, to_proxy, proxies, guarded, near: near.clone() }
    })
}

/// Both with TLS, by the system's certificates (or `SSL_CERT_FILE`, `SSL_CERT_DIR`) and the cryptography
/// that the AWS SDK brings. Reading them takes 20 ms.
///
/// # Errors
///
/// If this machine has no certificates.
pub(super) fn with_tls(near: &Near) -> Result<[HttpsConnector<Dial>; 2], Why> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Why::Start(error.to_string()))?
        .with_native_roots()
        .map_err(|error| trust::none(&error))?
        .with_no_client_auth();
    Ok(both(near).map(|dial| {
        let builder = HttpsConnectorBuilder::new().with_tls_config(config.clone()).https_only();
        builder.enable_http1().wrap_connector(dial)
    }))
}

impl Service<Uri> for Dial {
    type Response = Wire;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let host = to.host().unwrap_or_default().to_owned();
        let here = is_loopback(&host);
        if self.guarded && (here || is_local(&host)) {
            return Box::pin(async { Err(Private.into()) });
        }
        let proxy = if here { None } else { self.proxies.intercept(&to) };
        let Some(proxy) = proxy else {
            let (mut direct, near) = (self.direct.clone(), self.near.clone());
            return Box::pin(async move {
                let stream = direct.call(to).await?;
                if stream.inner().peer_addr().is_ok_and(|peer| is_private(peer.ip())) {
                    near.add(&host);
                }
                Ok(Wire::new(stream))
            });
        };
        if proxy.uri().scheme_str() != Some("http") {
            let scheme = proxy.uri().scheme_str().unwrap_or_default().to_owned();
            let why = format!("the proxy is of {scheme}://, and only those of http:// are known");
            return Box::pin(async move { Err(why.into()) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        Box::pin(async move {
            let through = tunnel.call(to).await;
            let failed = |error| format!("through the proxy {}: {error}", proxy.uri());
            Ok(Wire::new(through.map_err(failed)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn on_guard_no_private_address_is_dialled_by_whatever_name() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let dial = |proxies: Matcher, guarded: bool, host: &str| {
            let to: Uri = format!("http://{host}:{port}/").parse().unwrap();
            let (direct, to_proxy) = (connector(guarded), connector(false));
            let (proxies, near) = (Arc::new(proxies), Near::default());
            let mut dial = Dial { direct, to_proxy, proxies, guarded, near: near.clone() };
            let soon = Duration::from_millis(200);
            let made = block_on(async {
                tokio::time::timeout(soon, async { dial.call(to).await.map(drop) }).await
            });
            (made.map(|made| made.map_err(|error| error.is::<Private>())), near.has(host))
        };
        let straight = |guarded, host| dial(Matcher::from_env(), guarded, host);
        for host in ["127.0.0.1", "localhost"] {
            assert_eq!(straight(false, host), (Ok(Ok(())), true), "{host}");
        }
        for host in ["127.0.0.1", "[::1]", "localhost", "10.0.0.1", "169.254.169.254"] {
            assert_eq!(straight(true, host), (Ok(Err(true)), false), "{host}");
        }
        while listener.accept().is_ok() {}
        // A proxy is asked for names of the world alone.
        let through = |host| {
            let proxy = format!("http://127.0.0.1:{port}");
            let (made, _) = dial(Matcher::builder().all(proxy).build(), true, host);
            (made.is_ok_and(|made| made == Err(true)), listener.accept().is_ok())
        };
        assert_eq!(through("registry.example"), (false, true));
        for host in ["a.localhost", "metadata.google.internal", "10.0.0.1", "2130706433"] {
            assert_eq!(through(host), (true, false), "{host}");
        }
    }

    #[test]
    fn on_guard_names_have_no_private_addresses() {
        let mut names = Names { system: GaiResolver::new(), guarded: true };
        let look = |names: &mut Names| {
            let name: Name = "localhost".parse().unwrap();
            block_on(async { names.call(name).await.map(Iterator::count) })
        };
        assert!(look(&mut names).unwrap_err().is::<Private>());
        names.guarded = false;
        assert!(look(&mut names).unwrap() > 0);
    }
}
