//! Where the probed fleet is, and where the probe receives.

use std::net::{Ipv4Addr, SocketAddr};

use posthorn_bus::BusConfig;
use posthorn_chassis::Env;
use posthorn_public_http::TokenKey;

/// What `posthorn api` listens on, on this machine.
const DEFAULT_API_URL: &str = "http://127.0.0.1:8071";
const DEFAULT_RECEIVER_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Where the probed fleet is, and where the probe receives.
pub(crate) struct ProbeSettings {
    pub(crate) bus: BusConfig,
    pub(crate) tokens: TokenKey,
    /// `POSTHORN_PROBE_API_URL`: the REST API's address, without a path.
    pub(crate) api_url: String,
    /// `POSTHORN_PROBE_RECEIVER_ADDR`: where the probe listens; port 0 picks a free one.
    pub(crate) receiver_addr: SocketAddr,
    /// `POSTHORN_PROBE_RECEIVER_URL`: how senders reach that. Default: that address itself. They must
    /// be allowed to, by `POSTHORN_EGRESS_ALLOW`.
    pub(crate) receiver_url: Option<String>,
}

impl ProbeSettings {
    /// Reads the settings; mistakes are reported by [`Env::finish`].
    pub(crate) fn from_env(env: &mut Env) -> Self {
        Self {
            bus: BusConfig::from_env(env),
            tokens: TokenKey::from_env(env),
            api_url: env.string("POSTHORN_PROBE_API_URL", DEFAULT_API_URL),
            receiver_addr: env.socket_addr("POSTHORN_PROBE_RECEIVER_ADDR", DEFAULT_RECEIVER_ADDR),
            receiver_url: env.optional_string("POSTHORN_PROBE_RECEIVER_URL"),
        }
    }
}
