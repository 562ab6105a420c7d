//! Look-ups at the name servers, without threads: a name server that says nothing costs a socket
//! and a few bytes, and holds up nobody.
//!
//! Names mean what they mean to other programs of the host, as far as webhooks need it. `localhost`
//! and the names below it are this host; `/etc/hosts` comes next, and what it knows is not asked for;
//! then the name servers of `/etc/resolv.conf`, for IPv4 and IPv6 addresses alike. A name with a dot
//! is asked for as it is first, and with the search domains only if there is no such name; one without
//! a dot the other way round. So Kubernetes' `ndots:5` costs public names nothing, and
//! `receiver.shop.svc` is found all the same. Both files are read once, at the start.
//!
//! What was found is kept for its time to live, at most 30 s. Those who ask for one name
//! at the same time share a look-up.

mod flight;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, Resolver, TokioResolver};
use posthorn_chassis::metric;
use tokio::sync::Semaphore;

use crate::resolver::Lookup;
use flight::{Failure, Flights};

/// Names asked for at a time; each takes a socket per kind of address. More wait, within the time
/// that a look-up has.
pub const MAX_LOOKUPS: usize = 1_024;
/// The longest that addresses are kept, whatever their time to live.
const LONGEST_KEPT: Duration = Duration::from_secs(30);
/// The longest that it is kept that a name has no address.
const LONGEST_KEPT_ABSENCE: Duration = Duration::from_secs(5);
/// Answers that are kept.
const MAX_KEPT: u64 = 4_096;
/// When a name server is asked again. Several times fit into
/// [`LOOKUP_TIMEOUT`](crate::resolver::LOOKUP_TIMEOUT), because questions get lost.
const ASK_AGAIN: Duration = Duration::from_millis(1_500);
/// How often it is asked again.
const ASK_AGAIN_TIMES: usize = 2;

/// Why the system's name servers cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("the configuration of the system's name servers cannot be used")]
pub struct DnsConfigError(#[source] NetError);

/// Asks the name servers of `/etc/resolv.conf`.
///
/// # Errors
/// When that cannot be read, or names no server.
pub fn system() -> Result<Lookup, DnsConfigError> {
    let (config, options) = read_system_conf().map_err(DnsConfigError)?;
    // As the system itself does, without the file.
    let hosts = Hosts::from_system().unwrap_or_default();
    Dns::new(config, options, hosts).map(Dns::into_lookup)
}

/// Asks one name server alone.
///
/// # Errors
/// When the resolver cannot be made.
pub fn at(server: SocketAddr) -> Result<Lookup, DnsConfigError> {
    let mut connection = ConnectionConfig::udp();
    connection.port = server.port();
    let mut name_server = NameServerConfig::udp(server.ip());
    name_server.connections = vec![connection];
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
    Dns::new(config, ResolverOpts::default(), Hosts::default()).map(Dns::into_lookup)
}

/// Knows addresses.
struct Dns {
    resolver: TokioResolver,
    hosts: Hosts,
    places: Semaphore,
    flights: Flights,
}

impl Dns {
    fn new(
        config: ResolverConfig,
        options: ResolverOpts,
        hosts: Hosts,
    ) -> Result<Self, DnsConfigError> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = Resolver::builder_with_config(config, provider);
        *builder.options_mut() = bounded(options);
        Ok(Self {
            resolver: builder.build().map_err(DnsConfigError)?,
            hosts,
            places: Semaphore::new(MAX_LOOKUPS),
            flights: Flights::default(),
        })
    }

    fn into_lookup(self) -> Lookup {
        let dns = Arc::new(self);
        Arc::new(move |host| {
            let dns = Arc::clone(&dns);
            Box::pin(async move { dns.addresses(&host).await })
        })
    }

    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if is_this_host(host) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let name = Name::from_str_relaxed(host)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let known = in_hosts(&self.hosts, &name);
        if !known.is_empty() {
            return Ok(known);
        }
        let found = self.flights.share(host, || self.ask(name)).await;
        found.map_err(io::Error::from)
    }

    async fn ask(&self, name: Name) -> Result<Vec<IpAddr>, Failure> {
        let _place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_full) => {
                metric::Counter::LimitReached.add(1, &[("limit", "sender_lookups")]);
                self.places.acquire().await.expect("it is never closed")
            }
        };
        match self.resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// What the system's configuration does not say, or says in a way that is not ours.
fn bounded(mut options: ResolverOpts) -> ResolverOpts {
    options.ndots = 1;
    options.timeout = options.timeout.min(ASK_AGAIN);
    options.attempts = options.attempts.max(ASK_AGAIN_TIMES);
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.cache_size = MAX_KEPT;
    options.positive_max_ttl = Some(LONGEST_KEPT);
    options.negative_max_ttl = Some(LONGEST_KEPT_ABSENCE);
    // They are looked into before, for both kinds of addresses together.
    options.use_hosts_file = ResolveHosts::Never;
    // Of one connection over TCP: no look-up fails because others wait for their answers.
    options.max_active_requests = 2 * MAX_LOOKUPS;
    options
}

/// *Source*: RFC 6761, section 6.3.
fn is_this_host(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn in_hosts(hosts: &Hosts, name: &Name) -> Vec<IpAddr> {
    let kinds = [RecordType::A, RecordType::AAAA].into_iter();
    let found = kinds.filter_map(|kind| {
        let query = Query::query(name.clone(), kind);
        hosts.lookup_static_host(&query)
    });
    found
        .flat_map(|lookup| {
            let records = lookup.answers().iter();
            let addresses = records.filter_map(|record| record.data.ip_addr());
            addresses.collect::<Vec<_>>()
        })
        .collect()
}

fn failure(error: &NetError) -> Failure {
    let kind = match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => io::ErrorKind::NotFound,
        NetError::Timeout => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    Failure::new(kind, error.to_string())
}

#[cfg(test)]
mod tests;
