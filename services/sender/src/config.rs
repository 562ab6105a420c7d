//! What the sender can be told.

use std::time::Duration;

use posthorn_chassis::env::{Env, Secret};
use posthorn_egress::EgressPolicy;
use posthorn_signing::key_ring::KeyRing;

use crate::retry::RetrySchedule;

/// Which header family carries id, timestamp and signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderStyle {
    /// `svix-id`, `svix-timestamp`, `svix-signature`.
    Svix,
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    StandardWebhooks,
}

/// The sender's settings.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// The one deadline of an attempt: connect, headers and body together.
    pub timeout: Duration,
    /// Requests in flight in this process.
    pub in_flight: usize,
    /// Of these, how many may be first attempts that were parked; no other kind takes them.
    pub parked_in_flight: usize,
    /// Of these, how many may be retries; no other kind takes them.
    pub retry_in_flight: usize,
    /// Requests in flight to one endpoint.
    pub endpoint_in_flight: usize,
    /// Jobs of one endpoint that wait in memory for a slot; more are parked on disk.
    pub endpoint_queue: usize,
    /// Jobs of all endpoints that wait in memory for a slot.
    pub queue: usize,
    /// Bytes of deliveries in memory, waiting or in flight.
    pub queue_bytes: usize,
    /// Jobs that one partition takes ahead of deciding on them.
    pub pull_window: usize,
    /// The waits between attempts, unless an endpoint has its own.
    pub retry_schedule: RetrySchedule,
    /// Where requests may go.
    pub egress: EgressPolicy,
    /// Which header family is sent.
    pub header_style: HeaderStyle,
    /// The `User-Agent` that is sent.
    pub user_agent: String,
    /// Opens the secrets in the configuration snapshot: `id:key,…`, base64, the active one first.
    pub encryption_keys: Secret,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(30);
const DEFAULT_IN_FLIGHT: usize = 4_096;
const DEFAULT_ENDPOINT_IN_FLIGHT: usize = 32;
const DEFAULT_ENDPOINT_QUEUE: usize = 256;
const DEFAULT_QUEUE: usize = 8_192;
const DEFAULT_QUEUE_BYTES: usize = 256 * 1024 * 1024;
const QUEUE_BYTES_RANGE: std::ops::RangeInclusive<usize> = 1024 * 1024..=1 << 40;
const DEFAULT_PULL_WINDOW: usize = 64;
/// The product's promise; `retry_schedule` must fit into it.
const DELIVERY_WINDOW: Duration = Duration::from_secs(48 * 3600);

impl SenderConfig {
    /// Reads the settings.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let in_flight = env.number("POSTHORN_SENDER_IN_FLIGHT", DEFAULT_IN_FLIGHT, 3..=100_000);
        let config = Self {
            timeout: env.duration("POSTHORN_SENDER_TIMEOUT", DEFAULT_TIMEOUT),
            in_flight,
            parked_in_flight: env.number(
                "POSTHORN_SENDER_PARKED_IN_FLIGHT",
                (in_flight * 3 / 10).max(1),
                1..=100_000,
            ),
            retry_in_flight: env.number(
                "POSTHORN_SENDER_RETRY_IN_FLIGHT",
                (in_flight * 3 / 10).max(1),
                1..=100_000,
            ),
            endpoint_in_flight: env.number(
                "POSTHORN_SENDER_ENDPOINT_IN_FLIGHT",
                DEFAULT_ENDPOINT_IN_FLIGHT,
                1..=10_000,
            ),
            endpoint_queue: env.number(
                "POSTHORN_SENDER_ENDPOINT_QUEUE",
                DEFAULT_ENDPOINT_QUEUE,
                0..=100_000,
            ),
            queue: env.number("POSTHORN_SENDER_QUEUE", DEFAULT_QUEUE, 0..=1_000_000),
            queue_bytes: env.bytes("POSTHORN_SENDER_QUEUE_BYTES", DEFAULT_QUEUE_BYTES),
            pull_window: env.number(
                "POSTHORN_SENDER_PULL_WINDOW",
                DEFAULT_PULL_WINDOW,
                1..=1_000,
            ),
            retry_schedule: env.parsed(
                "POSTHORN_RETRY_SCHEDULE",
                RetrySchedule::default(),
                "durations separated by commas, such as 5s,30s,2m",
                RetrySchedule::parse,
            ),
            egress: EgressPolicy::from_env(env),
            header_style: env.parsed(
                "POSTHORN_HEADER_STYLE",
                HeaderStyle::Svix,
                "`svix` or `webhook`",
                |text| match text {
                    "svix" => Some(HeaderStyle::Svix),
                    "webhook" => Some(HeaderStyle::StandardWebhooks),
                    _ => None,
                },
            ),
            user_agent: env.string(
                "POSTHORN_USER_AGENT",
                posthorn_chassis::build_info::USER_AGENT,
            ),
            encryption_keys: env.required_secret(
                "POSTHORN_ENCRYPTION_KEYS",
                "`id:key` pairs separated by commas, keys of 32 bytes in base64",
            ),
        };
        config.check(env);
        config
    }

    fn check(&self, env: &mut Env) {
        env.check(TIMEOUT_RANGE.contains(&self.timeout), || {
            "POSTHORN_SENDER_TIMEOUT must be between 100ms and 30s".to_owned()
        });
        let not_fresh = self.parked_in_flight + self.retry_in_flight;
        env.check(not_fresh < self.in_flight, || {
            "POSTHORN_SENDER_PARKED_IN_FLIGHT and POSTHORN_SENDER_RETRY_IN_FLIGHT together must be \
             below POSTHORN_SENDER_IN_FLIGHT"
                .to_owned()
        });
        env.check(QUEUE_BYTES_RANGE.contains(&self.queue_bytes), || {
            "POSTHORN_SENDER_QUEUE_BYTES must be between 1 MiB and 1 TiB".to_owned()
        });
        env.check(self.retry_schedule.is_monotone(), || {
            "POSTHORN_RETRY_SCHEDULE must not decrease".to_owned()
        });
        env.check(
            self.retry_schedule.worst_case(self.timeout) <= DELIVERY_WINDOW,
            || "POSTHORN_RETRY_SCHEDULE with jitter and time-outs must fit into 48h".to_owned(),
        );
        env.check(
            http::HeaderValue::from_str(&self.user_agent).is_ok(),
            || "POSTHORN_USER_AGENT must be visible ASCII".to_owned(),
        );
        let keys = self.encryption_keys.expose();
        let parsed = if keys.is_empty() {
            Ok(())
        } else {
            KeyRing::parse(keys).map(drop)
        };
        env.check(parsed.is_ok(), || {
            "POSTHORN_ENCRYPTION_KEYS must be `id:key` pairs, keys of 32 bytes in base64".to_owned()
        });
    }
}
