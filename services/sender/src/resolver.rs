//! Name resolution behind the egress policy: a name with one forbidden address is refused whole.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::dns::Name;
use posthorn_chassis::error_chain;
use posthorn_egress::EgressPolicy;
use tokio::net::lookup_host;
use tokio::time::timeout;
use tower_service::Service;

use crate::dns;

/// Longest that a look-up may take; the attempt's own deadline may be shorter.
pub(crate) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// How names become addresses.
pub type Lookup = Arc<dyn Fn(String) -> Found + Send + Sync>;
/// The addresses of a name, when they are there.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It has an address that Posthorn must not contact.
    #[error("address not allowed")]
    Blocked,
    /// It has no address, or the look-up failed.
    #[error("the name does not resolve")]
    Lookup(#[source] io::Error),
    /// The look-up took too long.
    #[error("the name did not resolve in time")]
    Timeout,
}

/// Asks as the operating system is configured to: our own look-ups at its name servers, which hold
/// up nobody; where its configuration cannot be read, the system's own, on a bounded number of
/// threads.
#[must_use]
pub fn system() -> Lookup {
    match dns::system() {
        Ok(lookup) => lookup,
        Err(error) => {
            let reason = error_chain::chain(&error);
            tracing::warn!(
                reason,
                "names are looked up by the system, where silent name servers hold up others"
            );
            Arc::new(|host| Box::pin(by_the_system(host)))
        }
    }
}

async fn by_the_system(host: String) -> io::Result<Vec<IpAddr>> {
    let found = lookup_host((host.as_str(), 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

/// The resolver of the sender's HTTP client: what it returns is dialled and not asked for again.
#[derive(Clone)]
pub struct GuardedResolver {
    policy: Arc<EgressPolicy>,
    lookup: Lookup,
}

impl GuardedResolver {
    /// Makes a resolver that obeys a policy.
    #[must_use]
    pub fn new(policy: Arc<EgressPolicy>, lookup: Lookup) -> Self {
        Self { policy, lookup }
    }

    /// The addresses of a name, if all of them may be contacted.
    ///
    /// # Errors
    /// [`ResolveError`], also when one address of several is forbidden.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let looked_up = timeout(LOOKUP_TIMEOUT, (self.lookup)(host.to_owned())).await;
        let found = looked_up.map_err(|_elapsed| ResolveError::Timeout)?;
        let addresses = found.map_err(ResolveError::Lookup)?;
        let allowed = |address: &IpAddr| self.policy.allows(*address);
        if self.policy.allows_host(host) || addresses.iter().all(allowed) {
            Ok(addresses)
        } else {
            Err(ResolveError::Blocked)
        }
    }
}

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.resolve(name.as_str()).await?.into_iter();
            // The connector puts the URL's port in place of zero.
            let addresses: Vec<SocketAddr> = found.map(|ip| (ip, 0).into()).collect();
            Ok(addresses.into_iter())
        })
    }
}
