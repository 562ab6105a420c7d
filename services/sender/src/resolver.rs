//! Name resolution behind the egress policy: a name with one forbidden address is refused whole.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use posthorn_egress::EgressPolicy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;
use tokio::time::timeout;

/// Longest that a look-up may take; the attempt's own deadline may be shorter.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It has an address that Posthorn must not contact.
    #[error("address not allowed")]
    Blocked,
    /// It has no address, or the look-up failed.
    #[error("the name does not resolve")]
    Lookup(#[source] std::io::Error),
    /// The look-up took too long.
    #[error("the name did not resolve in time")]
    Timeout,
}

/// The resolver of the sender's HTTP client.
#[derive(Debug, Clone)]
pub struct GuardedResolver {
    policy: Arc<EgressPolicy>,
}

impl GuardedResolver {
    /// Makes a resolver that obeys a policy.
    #[must_use]
    pub fn new(policy: Arc<EgressPolicy>) -> Self {
        Self { policy }
    }

    async fn resolve_host(self, host: String) -> Result<Vec<SocketAddr>, ResolveError> {
        let looked_up = timeout(LOOKUP_TIMEOUT, lookup_host((host.as_str(), 0))).await;
        let found = looked_up.map_err(|_elapsed| ResolveError::Timeout)?;
        let addresses: Vec<SocketAddr> = found.map_err(ResolveError::Lookup)?.collect();
        let trusted = self.policy.allows_host(&host);
        if trusted
            || addresses
                .iter()
                .all(|address| self.policy.allows(address.ip()))
        {
            Ok(addresses)
        } else {
            Err(ResolveError::Blocked)
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.resolve_host(name.as_str().to_owned()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
