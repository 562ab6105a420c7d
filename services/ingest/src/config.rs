//! What ingest can be told.

use std::net::{Ipv4Addr, SocketAddr};

use posthorn_chassis::env::Env;
use posthorn_event_schema::OrganizationId;

/// Room that an event's metadata takes beside its body, in bytes: ids, channels, tags, headers.
pub const METADATA_ROOM: usize = 16 * 1024;

/// Most that may be allowed: an HTTP request holds the body and what stands around it.
pub const MOST_BODY_BYTES: usize = posthorn_public_http::body::MAX_BODY_BYTES - METADATA_ROOM;

/// ingest's settings.
#[derive(Debug, Clone)]
pub struct IngestConfig {
    /// Where the HTTP doors listen when ingest runs as a process of its own.
    pub addr: SocketAddr,
    /// Largest event body, in bytes; at most [`MOST_BODY_BYTES`]. *Source*: Svix's hosted API
    /// documents 1 MiB.
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
pub use posthorn_public_http::token::DEFAULT_ORGANIZATION;

impl IngestConfig {
    /// Reads the settings.
    ///
    /// # Panics
    /// Never: the default organisation is a valid id.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let organization = OrganizationId::parse(DEFAULT_ORGANIZATION)
            .expect("the default organisation is a valid id");
        let config = Self {
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
        };
        let range = 1..=MOST_BODY_BYTES;
        env.check(range.contains(&config.max_body_bytes), || {
            format!(
                "POSTHORN_MAX_BODY_BYTES: expected from 1 to {MOST_BODY_BYTES} bytes, for which an \
                 HTTP request has room"
            )
        });
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_may_be_as_large_as_a_request_has_room_for() {
        for (text, good) in [
            ("1", true),
            ("1MiB", true),
            ("2080768", true),
            ("0", false),
            ("2080769", false),
            ("2MiB", false),
        ] {
            let mut env = Env::from_pairs([("POSTHORN_MAX_BODY_BYTES", text)]);
            drop(IngestConfig::from_env(&mut env));
            let mistakes = env.finish().map_err(|error| error.mistakes);
            assert_eq!(mistakes.is_ok(), good, "{text}: {mistakes:?}");
            let told = mistakes.err().unwrap_or_default();
            assert!(
                told.iter()
                    .all(|m| m.starts_with("POSTHORN_MAX_BODY_BYTES: "))
            );
        }
    }
}
