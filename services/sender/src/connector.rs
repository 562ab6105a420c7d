//! Opens connections, and only to addresses that the egress policy allows.
//!
//! Every address is judged where it is about to be dialled: one that the URL spells out by
//! [`Guarded`], those of a name by the [`GuardedResolver`] below it, which the dialling takes them
//! from. Nothing is looked up twice. Behind the operator's proxy the second part is the proxy's.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use posthorn_chassis::BoxError;
use posthorn_egress::EgressPolicy;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::answer::MAX_READ_BYTES;
use crate::capped::Capped;
use crate::egress_proxy::EgressProxy;
use crate::resolver::{GuardedResolver, Lookup, ResolveError};
use crate::tunnel;

/// How long a connection may be silent before the kernel asks whether its peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// What the kernel takes of an answer before we do; it would grow to megabytes for a receiver that
/// never stops, and more than this is not read anyway.
const UNREAD_BYTES: usize = MAX_READ_BYTES;

/// Whom this process dials, and how. Clones share it.
#[derive(Clone)]
pub(crate) struct Dialling {
    policy: Arc<EgressPolicy>,
    lookup: Lookup,
    proxy: Option<Arc<EgressProxy>>,
    patience: Duration,
}

impl Dialling {
    /// Dials as a policy allows; `lookup` tells the addresses of names.
    pub(crate) fn new(policy: EgressPolicy, lookup: Lookup) -> Self {
        Self {
            policy: Arc::new(policy),
            lookup,
            proxy: None,
            patience: Duration::ZERO,
        }
    }

    /// Goes through a proxy, which may take `patience` to be dialled.
    pub(crate) fn through(self, proxy: Option<EgressProxy>, patience: Duration) -> Self {
        let proxy = proxy.map(Arc::new);
        Self {
            proxy,
            patience,
            ..self
        }
    }
}

/// Makes a connector, which opens connections with TLS or without, as the URL says. HTTP/2 is spoken
/// where TLS agrees on it.
pub(crate) fn connector(dialling: &Dialling, tls: ClientConfig) -> Capped {
    let policy = Arc::clone(&dialling.policy);
    let resolver = GuardedResolver::new(Arc::clone(&policy), Arc::clone(&dialling.lookup));
    let tcp = plain(HttpConnector::new_with_resolver(resolver));
    let tunnels = dialling.proxy.clone().map(|proxy| Tunnels {
        proxy,
        tcp: plain(HttpConnector::new()),
        patience: dialling.patience,
    });
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(Guarded {
            tcp,
            policy,
            tunnels,
        });
    Capped(https)
}

fn plain<R>(mut tcp: HttpConnector<R>) -> HttpConnector<R> {
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_recv_buffer_size(Some(UNREAD_BYTES));
    tcp
}

/// The way through the proxy.
#[derive(Clone)]
struct Tunnels {
    proxy: Arc<EgressProxy>,
    /// Dials the proxy, which the operator chose: no policy is asked.
    tcp: HttpConnector,
    patience: Duration,
}

/// Dials no literal address that the policy denies.
#[derive(Clone)]
pub(crate) struct Guarded {
    tcp: HttpConnector<GuardedResolver>,
    policy: Arc<EgressPolicy>,
    tunnels: Option<Tunnels>,
}

impl Guarded {
    /// The way to a host, if it is through the proxy. The proxy looks its name up.
    fn tunnels(&self, uri: &Uri) -> Option<Tunnels> {
        let tunnels = self.tunnels.as_ref()?;
        let host = uri.host()?;
        tunnels
            .proxy
            .is_for(host, literal(uri))
            .then(|| tunnels.clone())
    }

    fn denies(&self, uri: &Uri) -> bool {
        literal(uri).is_some_and(|address| !self.policy.allows(address))
    }
}

impl Service<Uri> for Guarded {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(BoxError::from)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if self.denies(&uri) {
            return Box::pin(async { Err(ResolveError::Blocked.into()) });
        }
        if let Some(Tunnels {
            proxy,
            tcp,
            patience,
        }) = self.tunnels(&uri)
        {
            return Box::pin(async move {
                let opened = tunnel::open(&proxy, tcp, &uri, patience).await;
                opened.map_err(BoxError::from)
            });
        }
        let connecting = self.tcp.call(uri);
        Box::pin(async { connecting.await.map_err(BoxError::from) })
    }
}

/// The address that a URL spells out. Read as the connector below reads it, which then asks no
/// resolver.
fn literal(uri: &Uri) -> Option<IpAddr> {
    let host = uri.host()?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolver;

    #[test]
    fn a_public_address_in_a_url_may_be_dialled_and_another_not() {
        let policy: Arc<EgressPolicy> = Arc::default();
        let resolver = GuardedResolver::new(Arc::clone(&policy), resolver::system());
        let tcp = HttpConnector::new_with_resolver(resolver);
        let guarded = Guarded {
            tcp,
            policy,
            tunnels: None,
        };
        let denies = |host: &str| guarded.denies(&format!("http://{host}:80/").parse().unwrap());
        for host in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.0",
            "223.255.255.255",
            "[2606:4700:4700::1111]",
            "[::ffff:1.1.1.1]",
            "[64:ff9b::1.1.1.1]",
            // The resolver judges names.
            "localhost",
        ] {
            assert!(!denies(host), "{host}");
        }
        for host in ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "user@127.0.0.1"] {
            assert!(denies(host), "{host}");
        }
    }
}
