//! Name resolution behind the egress policy: a name with one forbidden address is refused whole.
//!
//! Names are asked for over sockets of our own. The system's `getaddrinfo` blocks a thread for as
//! long as a name server is silent, and the few hundred threads for that are shared: a handful of
//! endpoints on a domain with silent name servers would fail all others.
//!
//! As the system does, we read `/etc/hosts` and `/etc/resolv.conf` (once, at the start). Unlike it,
//! we try the search domains only for names without a dot: an endpoint's name is meant in full.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use posthorn_egress::EgressPolicy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::timeout;

/// Longest that an answer is remembered, whatever its time to live says.
const MAX_REMEMBERED: Duration = Duration::from_secs(300);
/// Longest that a missing name is remembered: endpoints are often made just before their names.
const MAX_MISSING_REMEMBERED: Duration = Duration::from_secs(10);
/// A query that is lost is sent once more within the deadline.
const TRIES: u32 = 2;

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It has an address that Posthorn must not contact.
    #[error("address not allowed")]
    Blocked,
    /// It has no address, or the look-up failed.
    #[error("the name does not resolve")]
    Lookup(#[source] NetError),
    /// The look-up took too long.
    #[error("the name did not resolve in time")]
    Timeout,
}

/// The resolver of the sender's HTTP client.
#[derive(Clone)]
pub struct GuardedResolver {
    policy: Arc<EgressPolicy>,
    names: TokioResolver,
    deadline: Duration,
}

impl GuardedResolver {
    /// Makes a resolver that obeys a policy and asks the system's name servers; `deadline` is that
    /// of a whole attempt.
    ///
    /// # Errors
    /// When the resolver cannot be set up.
    pub fn system(policy: Arc<EgressPolicy>, deadline: Duration) -> Result<Self, NetError> {
        let config = match read_system_conf() {
            Ok((config, _)) => config,
            Err(error) => {
                tracing::warn!(error = %error, "no name servers configured, asking this machine");
                // As the system's own resolver does.
                let local = NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
                ResolverConfig::from_parts(None, Vec::new(), vec![local])
            }
        };
        Self::new(policy, config, deadline)
    }

    fn new(
        policy: Arc<EgressPolicy>,
        config: ResolverConfig,
        deadline: Duration,
    ) -> Result<Self, NetError> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        *builder.options_mut() = options(deadline);
        Ok(Self {
            policy,
            names: builder.build()?,
            deadline,
        })
    }

    async fn resolve_host(self, host: String) -> Result<Vec<SocketAddr>, ResolveError> {
        let looked_up = timeout(self.deadline, self.names.lookup_ip(in_full(&host))).await;
        let found = looked_up.map_err(|_elapsed| ResolveError::Timeout)?;
        let found = found.map_err(ResolveError::Lookup)?;
        let trusted = self.policy.allows_host(&host);
        if trusted || found.iter().all(|address| self.policy.allows(address)) {
            Ok(found.iter().map(|ip| SocketAddr::new(ip, 0)).collect())
        } else {
            Err(ResolveError::Blocked)
        }
    }
}

fn options(deadline: Duration) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = deadline / TRIES;
    options.attempts = 1;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Always;
    options.positive_max_ttl = Some(MAX_REMEMBERED);
    options.negative_max_ttl = Some(MAX_MISSING_REMEMBERED);
    options
}

/// A name with a dot is meant in full; one without is completed by the search domains.
fn in_full(host: &str) -> String {
    if host.contains('.') && !host.ends_with('.') {
        format!("{host}.")
    } else {
        host.to_owned()
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

#[cfg(test)]
mod tests;
