//! The environment that a fleet under test runs with.

use std::time::Duration;

use posthorn_chassis::Env;
use posthorn_event_schema::{OrganizationId, Timestamp};
pub use posthorn_ingest::config::DEFAULT_ORGANIZATION as ORGANIZATION;
use posthorn_public_http::TokenKey;
use posthorn_signing::KeyRing;

/// A secret for tokens; long enough to be accepted.
const JWT_SECRET: &str = "a secret of the tests that nobody else knows, 1234567890";

/// The environment that a fleet under test runs with.
#[derive(Debug, Clone)]
pub struct Settings(Vec<(String, String)>);

impl Settings {
    /// Servers at these URLs, free ports, loopback allowed, and short waits between attempts.
    #[must_use]
    pub fn new(nats_url: &str, database_url: &str) -> Self {
        Self(Vec::new())
            .with("POSTHORN_NATS_URL", nats_url)
            .with("POSTHORN_DATABASE_URL", database_url)
            .with("POSTHORN_JWT_SECRET", JWT_SECRET)
            .with("POSTHORN_ENCRYPTION_KEYS", KeyRing::generate_text())
            .with("POSTHORN_API_ADDR", "127.0.0.1:0")
            .with("POSTHORN_INGEST_ADDR", "127.0.0.1:0")
            .with("POSTHORN_ADMIN_ADDR", "127.0.0.1:0")
            .with("POSTHORN_EGRESS_ALLOW", "127.0.0.0/8")
            .with(
                "POSTHORN_RETRY_SCHEDULE",
                "200ms,400ms,800ms,1s,2s,2s,2s,2s,2s,5s,5s",
            )
            .with("POSTHORN_SENDER_TIMEOUT", "2s")
            .with("POSTHORN_BREAKER_OPEN", "500ms")
            .with("POSTHORN_LOG_FORMAT", "json")
    }

    /// Sets a variable, in place of its earlier value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.retain(|(known, _)| known != key);
        self.0.push((key.to_owned(), value.into()));
        self
    }

    /// The variables.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The variables as a service reads them.
    #[must_use]
    pub fn env(&self) -> Env {
        Env::from_pairs(self.0.iter().cloned())
    }

    /// A token for the REST API.
    ///
    /// # Panics
    /// Never: the secret and the organisation are good.
    #[must_use]
    pub fn token(&self) -> String {
        let organization = OrganizationId::parse(ORGANIZATION).expect("a good id");
        self.token_key().issue_organization(&organization, now())
    }

    /// What makes tokens.
    #[must_use]
    pub fn token_key(&self) -> TokenKey {
        TokenKey::from_env(&mut self.env())
    }
}

/// The time, as tokens carry it.
#[must_use]
pub fn now() -> Timestamp {
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or(Duration::ZERO);
    Timestamp::from_unix_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}
