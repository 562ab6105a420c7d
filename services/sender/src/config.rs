//! What the sender can be told.

use std::time::Duration;

use posthorn_chassis::ProcessConfig;
use posthorn_chassis::env::{Env, Secret, format_duration};
use posthorn_egress::EgressPolicy;
use posthorn_signing::key_ring::KeyRing;

use crate::egress_proxy::EgressProxy;
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
    /// Of these, how many are for first attempts that were parked; no other kind takes them.
    pub parked_in_flight: usize,
    /// Of these, how many are for retries; no other kind takes them.
    pub retry_in_flight: usize,
    /// Of these, how many are for replays; no other kind takes them.
    pub replay_in_flight: usize,
    /// Retries a second that go out beside fresh deliveries at least.
    pub pace: u32,
    /// Requests in flight to one endpoint.
    pub endpoint_in_flight: usize,
    /// Jobs of one endpoint that wait in memory for a slot; more are parked on disk.
    pub endpoint_queue: usize,
    /// Jobs of all endpoints that wait in memory for a slot.
    pub queue: usize,
    /// Bytes of deliveries in memory, waiting or in flight.
    pub queue_bytes: usize,
    /// How long the circuit breaker of an endpoint is open at first; zero = there is none.
    pub breaker_open: Duration,
    /// Messages of jobs that one partition takes ahead of deciding on them.
    pub pull_window: usize,
    /// The waits between attempts, unless an endpoint has its own.
    pub retry_schedule: RetrySchedule,
    /// Where requests may go.
    pub egress: EgressPolicy,
    /// The proxy through which requests go: `http://[user:password@]host:port`.
    pub egress_proxy: Option<Secret>,
    /// Names and ranges that are asked without it.
    pub egress_proxy_except: EgressPolicy,
    /// Which header family is sent.
    pub header_style: HeaderStyle,
    /// The `User-Agent` that is sent.
    pub user_agent: String,
    /// Opens the secrets in the configuration snapshot: `id:key,…`, base64, the active one first.
    pub encryption_keys: Secret,
}

/// The setting of the proxy is none.
#[derive(Debug, thiserror::Error)]
#[error("the egress proxy is not of the form http://[user:password@]host:port")]
pub struct NoProxy;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(30);
const DEFAULT_IN_FLIGHT: usize = 4_096;
const DEFAULT_PACE: u32 = 100;
const DEFAULT_ENDPOINT_IN_FLIGHT: usize = 32;
const DEFAULT_ENDPOINT_QUEUE: usize = 256;
const DEFAULT_QUEUE: usize = 8_192;
const DEFAULT_QUEUE_BYTES: usize = 256 * 1024 * 1024;
const QUEUE_BYTES_RANGE: std::ops::RangeInclusive<usize> = 1024 * 1024..=1 << 40;
const DEFAULT_BREAKER_OPEN: Duration = Duration::from_secs(30);
const LONGEST_BREAKER_OPEN: Duration = Duration::from_secs(3_600);
const DEFAULT_PULL_WINDOW: usize = 64;
/// As fanout's, which gives each delivery its deadline.
const DEFAULT_DELIVERY_WINDOW: Duration = Duration::from_secs(48 * 3600);

impl SenderConfig {
    /// Reads the settings.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let in_flight = env.number("POSTHORN_SENDER_IN_FLIGHT", DEFAULT_IN_FLIGHT, 4..=100_000);
        let config = Self {
            timeout: env.duration("POSTHORN_SENDER_TIMEOUT", DEFAULT_TIMEOUT),
            in_flight,
            parked_in_flight: env.number(
                "POSTHORN_SENDER_PARKED_IN_FLIGHT",
                (in_flight / 5).max(1),
                1..=100_000,
            ),
            retry_in_flight: env.number(
                "POSTHORN_SENDER_RETRY_IN_FLIGHT",
                (in_flight * 3 / 10).max(1),
                1..=100_000,
            ),
            replay_in_flight: env.number(
                "POSTHORN_SENDER_REPLAY_IN_FLIGHT",
                (in_flight / 20).max(1),
                1..=100_000,
            ),
            pace: env.number("POSTHORN_SENDER_PACE", DEFAULT_PACE, 1..=1_000_000),
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
            breaker_open: env.duration("POSTHORN_BREAKER_OPEN", DEFAULT_BREAKER_OPEN),
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
            egress_proxy: env.optional_secret("POSTHORN_EGRESS_PROXY"),
            egress_proxy_except: env.parsed(
                "POSTHORN_EGRESS_PROXY_EXCEPT",
                EgressPolicy::default(),
                "ranges (10.0.0.0/8), addresses and host names, separated by commas",
                EgressPolicy::parse,
            ),
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

    /// Places for fresh, parked, retried and replayed deliveries.
    pub(crate) fn places(&self) -> [usize; 4] {
        let (parked, retry) = (self.parked_in_flight, self.retry_in_flight);
        let replay = self.replay_in_flight;
        [
            self.in_flight - parked - retry - replay,
            parked,
            retry,
            replay,
        ]
    }

    /// The proxy through which requests go.
    ///
    /// # Errors
    /// When the setting is none, which [`SenderConfig::from_env`] tells as a mistake.
    pub fn proxy(&self) -> Result<Option<EgressProxy>, NoProxy> {
        let Some(text) = &self.egress_proxy else {
            return Ok(None);
        };
        let proxy = EgressProxy::parse(text.expose()).ok_or(NoProxy)?;
        Ok(Some(proxy.except(self.egress_proxy_except.clone())))
    }

    fn check(&self, env: &mut Env) {
        env.check(self.proxy().is_ok(), || {
            "POSTHORN_EGRESS_PROXY: expected http://[user:password@]host:port".to_owned()
        });
        env.check(TIMEOUT_RANGE.contains(&self.timeout), || {
            "POSTHORN_SENDER_TIMEOUT: expected from 100ms to 30s".to_owned()
        });
        let grace = ProcessConfig::grace(env);
        env.check(grace > self.timeout, || {
            "POSTHORN_GRACE: expected more than POSTHORN_SENDER_TIMEOUT, or requests in flight \
             could not finish"
                .to_owned()
        });
        let not_fresh = self.parked_in_flight + self.retry_in_flight + self.replay_in_flight;
        env.check(not_fresh < self.in_flight, || {
            "POSTHORN_SENDER_PARKED_IN_FLIGHT, POSTHORN_SENDER_RETRY_IN_FLIGHT and \
             POSTHORN_SENDER_REPLAY_IN_FLIGHT: expected together less than \
             POSTHORN_SENDER_IN_FLIGHT"
                .to_owned()
        });
        env.check(QUEUE_BYTES_RANGE.contains(&self.queue_bytes), || {
            "POSTHORN_SENDER_QUEUE_BYTES: expected from 1 MiB to 1 TiB".to_owned()
        });
        env.check(self.breaker_open <= LONGEST_BREAKER_OPEN, || {
            "POSTHORN_BREAKER_OPEN: expected at most 1h".to_owned()
        });
        self.check_schedule(env);
        env.check(
            http::HeaderValue::from_str(&self.user_agent).is_ok(),
            || "POSTHORN_USER_AGENT: expected visible ASCII".to_owned(),
        );
        let keys = self.encryption_keys.expose();
        let parsed = if keys.is_empty() {
            Ok(())
        } else {
            KeyRing::parse(keys).map(drop)
        };
        env.check(parsed.is_ok(), || {
            "POSTHORN_ENCRYPTION_KEYS: expected `id:key` pairs, keys of 32 bytes in base64"
                .to_owned()
        });
    }

    fn check_schedule(&self, env: &mut Env) {
        env.check(self.retry_schedule.is_monotone(), || {
            "POSTHORN_RETRY_SCHEDULE: expected waits that do not decrease".to_owned()
        });
        let window = env.duration("POSTHORN_DELIVERY_WINDOW", DEFAULT_DELIVERY_WINDOW);
        let worst = self.retry_schedule.worst_case(self.timeout);
        env.check(worst <= window, || {
            format!(
                "POSTHORN_RETRY_SCHEDULE: expected waits that fit into POSTHORN_DELIVERY_WINDOW \
                 ({}); with jitter and time-outs they may take {}",
                format_duration(window),
                format_duration(worst)
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with these settings beside good keys.
    fn mistakes(own: &[(&str, &str)]) -> Vec<String> {
        let keys = ("POSTHORN_ENCRYPTION_KEYS", KeyRing::generate_text());
        let own = own.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let mut env = Env::from_pairs(own.chain([keys]));
        drop(SenderConfig::from_env(&mut env));
        env.finish()
            .map_or_else(|error| error.mistakes, |()| Vec::new())
    }

    #[test]
    fn the_defaults_need_only_the_keys() {
        assert!(mistakes(&[]).is_empty());
        let mut env = Env::from_pairs::<_, &str, &str>([]);
        drop(SenderConfig::from_env(&mut env));
        let told = env.finish().unwrap_err().mistakes;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("POSTHORN_ENCRYPTION_KEYS"));
    }

    #[test]
    fn what_does_not_fit_together_is_told() {
        for (own, key) in [
            (
                ("POSTHORN_SENDER_TIMEOUT", "31s"),
                "POSTHORN_SENDER_TIMEOUT: ",
            ),
            (("POSTHORN_SENDER_TIMEOUT", "20s"), "POSTHORN_GRACE: "),
            (("POSTHORN_GRACE", "5s"), "POSTHORN_GRACE: "),
            (
                ("POSTHORN_SENDER_PARKED_IN_FLIGHT", "4096"),
                "POSTHORN_SENDER_PARKED_IN_FLIGHT, ",
            ),
            (
                ("POSTHORN_SENDER_QUEUE_BYTES", "1KiB"),
                "POSTHORN_SENDER_QUEUE_BYTES: ",
            ),
            (("POSTHORN_BREAKER_OPEN", "2h"), "POSTHORN_BREAKER_OPEN: "),
            (
                ("POSTHORN_RETRY_SCHEDULE", "5s,4s"),
                "POSTHORN_RETRY_SCHEDULE: ",
            ),
            (
                ("POSTHORN_RETRY_SCHEDULE", "44h"),
                "POSTHORN_RETRY_SCHEDULE: ",
            ),
            (
                ("POSTHORN_DELIVERY_WINDOW", "24h"),
                "POSTHORN_RETRY_SCHEDULE: ",
            ),
            (("POSTHORN_HEADER_STYLE", "both"), "POSTHORN_HEADER_STYLE: "),
            (
                ("POSTHORN_EGRESS_PROXY", "socks5://a:1"),
                "POSTHORN_EGRESS_PROXY: ",
            ),
            (
                ("POSTHORN_EGRESS_PROXY_EXCEPT", "a b"),
                "POSTHORN_EGRESS_PROXY_EXCEPT: ",
            ),
            (("POSTHORN_USER_AGENT", "a\nb"), "POSTHORN_USER_AGENT: "),
        ] {
            let told = mistakes(&[own]);
            assert!(told.iter().any(|m| m.starts_with(key)), "{own:?}: {told:?}");
        }
        let short = [
            ("POSTHORN_DELIVERY_WINDOW", "1h"),
            ("POSTHORN_RETRY_SCHEDULE", "5s,30s,2m"),
        ];
        assert_eq!(mistakes(&short), [""; 0]);
    }
}
