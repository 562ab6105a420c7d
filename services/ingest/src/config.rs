//! What ingest can be told.

use std::net::{Ipv4Addr, SocketAddr};

use posthorn_chassis::env::Env;
use posthorn_event_schema::OrganizationId;

/// Room that an event's metadata takes beside its body, in bytes: ids, channels, tags, headers.
pub const METADATA_ROOM: usize = 16 * 1024;

/// ingest's settings.
#[derive(Debug, Clone)]
pub struct IngestConfig {
    /// Where the HTTP doors listen when ingest runs as a process of its own.
    pub addr: SocketAddr,
    /// Largest event body, in bytes. *Source*: Svix's hosted API documents 1 MiB.
    pub max_body_bytes: usize,
    /// Events of one door worked on at a time; more wait in NATS, or get 503 over HTTP.
    pub in_flight: usize,
    /// Whose applications the NATS doors mean by a uid, unless the header
    /// `Posthorn-Organization` names another.
    pub nats_organization: OrganizationId,
}

const DEFAULT_PORT: u16 = 8072;
const DEFAULT_MAX_BODY_BYTES: usize = 1024 * 1024;
const DEFAULT_IN_FLIGHT: usize = 512;
/// The organisation that Svix's open-source server uses by default, so that its tokens fit.
pub const DEFAULT_ORGANIZATION: &str = "org_23rb8YdGqMT0qIzpgGwdXfHirMu";

impl IngestConfig {
    /// Reads the settings.
    ///
    /// # Panics
    /// Never: the default organisation is a valid id.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let organization = OrganizationId::parse(DEFAULT_ORGANIZATION)
            .expect("the default organisation is a valid id");
        Self {
            addr: env.socket_addr(
                "POSTHORN_INGEST_ADDR",
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT)),
            ),
            max_body_bytes: env.bytes("POSTHORN_MAX_BODY_BYTES", DEFAULT_MAX_BODY_BYTES),
            in_flight: env.number("POSTHORN_INGEST_IN_FLIGHT", DEFAULT_IN_FLIGHT, 1..=100_000),
            nats_organization: env.parsed(
                "POSTHORN_NATS_ORGANIZATION",
                organization,
                "an organisation's id such as org_…",
                |text| OrganizationId::parse(text).ok(),
            ),
        }
    }
}
