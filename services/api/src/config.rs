//! The settings of this service.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use posthorn_chassis::Env;
use posthorn_chassis::env::parse_duration;
use posthorn_egress::EgressPolicy;
use posthorn_event_schema::OrganizationId;
use posthorn_public_http::token::DEFAULT_ORGANIZATION;
use posthorn_signing::KeyRing;
use posthorn_store::history::days::retention_days;
use url::Url;

use crate::dashboard::FrameAncestors;
use crate::endpoint_url::UrlRules;

/// Svix's port, so that a move needs no new address.
const DEFAULT_ADDR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8071);
/// Long enough to cost nothing, short enough that a lost entry heals within a retry or two.
const DEFAULT_RECONCILE_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// What browsers and proxies commonly handle.
const DEFAULT_MAX_URL_BYTES: usize = 2_048;
/// Fan-out looks at every endpoint of an application for each of its events.
const DEFAULT_MAX_ENDPOINTS: u32 = 50_000;
/// Longer than the recorder takes to write an event down (about 100 ms).
const DEFAULT_FRESH_WAIT: Duration = Duration::from_secs(2);
/// A small share of what one sender delivers, so that fresh events hardly notice a replay.
const DEFAULT_REPLAY_RATE: u32 = 500;
/// *Source*: Svix's `endpoint_failure_disable_after`.
const DEFAULT_AUTO_DISABLE_AFTER: Duration = Duration::from_secs(5 * 24 * 3_600);

/// After a day, and when about as long is left to do something about it. Those that are not below
/// the time after which endpoints are disabled are left out.
const DEFAULT_WARN_AFTER: [Duration; 2] = [
    Duration::from_secs(24 * 3_600),
    Duration::from_secs(72 * 3_600),
];
/// More would be noise.
const MOST_WARNINGS: usize = 10;
/// Less would be told of every hiccup.
const LEAST_WARN_AFTER: Duration = Duration::from_secs(1);

/// What stands for a trace's id in a template.
const TRACE_ID: &str = "{trace_id}";

/// Less would let one bad night disable an endpoint.
const LEAST_AUTO_DISABLE_AFTER: Duration = Duration::from_secs(12 * 3_600);

/// The settings of this service.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Where the API is served; port 0 picks a free one. `POSTHORN_API_ADDR`, default 0.0.0.0:8071.
    pub addr: SocketAddr,
    /// Pause between two repairs of the configuration snapshot.
    /// `POSTHORN_API_RECONCILE_INTERVAL`, default 5 min.
    pub reconcile_interval: Duration,
    /// What endpoint URLs must be like: `POSTHORN_API_MAX_URL_BYTES` (2048),
    /// `POSTHORN_ENDPOINT_HTTPS_ONLY` (false) and `POSTHORN_EGRESS_ALLOW` (nothing).
    pub url_rules: UrlRules,
    /// Most live endpoints of an application. `POSTHORN_API_MAX_ENDPOINTS_PER_APPLICATION`,
    /// default 50,000; creations at the same moment may pass it by a few.
    pub max_endpoints_per_application: u32,
    /// How long a read of a message that was created just now waits for history to have it.
    /// `POSTHORN_API_FRESH_MESSAGE_WAIT`, default 2 s.
    pub fresh_message_wait: Duration,
    /// Where customers' portal is served, for the links into it. `POSTHORN_PORTAL_URL`; without it
    /// the address under which the API was called.
    pub portal_url: Option<Url>,
    /// Which sites may show the portal in a frame. `POSTHORN_PORTAL_FRAME_ANCESTORS`, default none but
    /// the portal's own.
    pub portal_frame_ancestors: FrameAncestors,
    /// Most deliveries per second that one process queues for replays.
    /// `POSTHORN_API_REPLAY_RATE`, default 500.
    pub replay_rate: u32,
    /// An endpoint that only failed for this long is disabled; zero = never.
    /// `POSTHORN_ENDPOINT_AUTO_DISABLE_AFTER`, default 5 d.
    pub endpoint_auto_disable_after: Duration,
    /// The organisation is warned of an endpoint that only failed for one of these times, in
    /// ascending order; none = never. `POSTHORN_ENDPOINT_WARN_AFTER`, default 24 h and 72 h.
    pub endpoint_warn_after: Vec<Duration>,
    /// Where this API is reached from the senders, for the addresses of inboxes. `POSTHORN_INBOX_URL`;
    /// without it the address under which the API was called. Senders must be allowed to go there.
    pub inbox_url: Option<Url>,
    /// Where a trace is looked at, with `{trace_id}` in the place of its id; the dashboard links there,
    /// for the operator alone. `POSTHORN_TRACE_URL`, default nowhere.
    pub trace_url: Option<String>,
    /// How many days history is kept: told to callers, and done by the recorder, which reads the same
    /// setting. `POSTHORN_RETENTION_DAYS`, default 90.
    pub retention_days: u16,
    /// Whose callers may see the fleet and the input that it refused. `POSTHORN_OPERATOR_ORGANIZATION`;
    /// by default that of NATS producers, `POSTHORN_NATS_ORGANIZATION`.
    pub operator_organization: OrganizationId,
    /// Seals secrets at rest. `POSTHORN_ENCRYPTION_KEYS`, required: `id:base64key[,…]`, the first
    /// key seals, all open.
    pub keys: KeyRing,
}

impl ApiConfig {
    /// Reads the settings; mistakes are reported by [`Env::finish`].
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let disable_after = env.duration(
            "POSTHORN_ENDPOINT_AUTO_DISABLE_AFTER",
            DEFAULT_AUTO_DISABLE_AFTER,
        );
        let config = Self {
            addr: env.socket_addr("POSTHORN_API_ADDR", DEFAULT_ADDR),
            reconcile_interval: env.duration(
                "POSTHORN_API_RECONCILE_INTERVAL",
                DEFAULT_RECONCILE_INTERVAL,
            ),
            url_rules: UrlRules {
                max_len: env.bytes("POSTHORN_API_MAX_URL_BYTES", DEFAULT_MAX_URL_BYTES),
                https_only: env.bool("POSTHORN_ENDPOINT_HTTPS_ONLY", false),
                allow: EgressPolicy::from_env(env),
            },
            max_endpoints_per_application: env.number(
                "POSTHORN_API_MAX_ENDPOINTS_PER_APPLICATION",
                DEFAULT_MAX_ENDPOINTS,
                1..=1_000_000,
            ),
            fresh_message_wait: env.duration("POSTHORN_API_FRESH_MESSAGE_WAIT", DEFAULT_FRESH_WAIT),
            portal_url: env.parsed(
                "POSTHORN_PORTAL_URL",
                None,
                "an http or https URL",
                |text| portal_url(text).map(Some),
            ),
            inbox_url: env.parsed("POSTHORN_INBOX_URL", None, "an http or https URL", |text| {
                portal_url(text).map(Some)
            }),
            portal_frame_ancestors: env.parsed(
                "POSTHORN_PORTAL_FRAME_ANCESTORS",
                FrameAncestors::default(),
                "origins such as https://app.example.com separated by commas, or none",
                FrameAncestors::parse,
            ),
            replay_rate: env.number("POSTHORN_API_REPLAY_RATE", DEFAULT_REPLAY_RATE, 1..=100_000),
            endpoint_auto_disable_after: disable_after,
            endpoint_warn_after: warn_after(env, disable_after),
            trace_url: env.parsed(
                "POSTHORN_TRACE_URL",
                None,
                "an http or https URL with {trace_id} in it, such as \
                 https://jaeger.example.com/trace/{trace_id}",
                |text| trace_url(text).map(Some),
            ),
            retention_days: retention_days(env),
            operator_organization: operator(env),
            keys: keys(env),
        };
        let after = config.endpoint_auto_disable_after;
        env.check(after.is_zero() || after >= LEAST_AUTO_DISABLE_AFTER, || {
            "POSTHORN_ENDPOINT_AUTO_DISABLE_AFTER: expected 0s, or at least 12h".to_owned()
        });
        env.check(!config.reconcile_interval.is_zero(), || {
            "POSTHORN_API_RECONCILE_INTERVAL: expected more than 0s".to_owned()
        });
        config
    }
}

/// When to warn of an endpoint that is disabled after `disable_after`; zero = never.
fn warn_after(env: &mut Env, disable_after: Duration) -> Vec<Duration> {
    let in_time = |after: &Duration| disable_after.is_zero() || *after < disable_after;
    let default = DEFAULT_WARN_AFTER.into_iter().filter(in_time).collect();
    env.parsed(
        "POSTHORN_ENDPOINT_WARN_AFTER",
        default,
        "0s, or up to 10 ascending durations of at least 1s, such as 24h,72h, each below \
         POSTHORN_ENDPOINT_AUTO_DISABLE_AFTER",
        |text| {
            let parsed: Option<Vec<_>> =
                text.split(',').map(|t| parse_duration(t.trim())).collect();
            let ages = parsed?;
            if ages == [Duration::ZERO] {
                return Some(Vec::new());
            }
            let ascending = ages.is_sorted_by(|one, next| one < next);
            let valid = |after: &Duration| in_time(after) && *after >= LEAST_WARN_AFTER;
            let fits = ages.len() <= MOST_WARNINGS && ascending && ages.iter().all(valid);
            fits.then_some(ages)
        },
    )
}

fn portal_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none();
    (plain && matches!(url.scheme(), "http" | "https")).then_some(url)
}

/// A template, which is a URL of the same site whatever the id.
fn trace_url(text: &str) -> Option<String> {
    let (before, _after) = text.split_once(TRACE_ID)?;
    let site = Url::parse(before).ok()?;
    let url = Url::parse(&text.replace(TRACE_ID, "0")).ok()?;
    let same = url.origin() == site.origin() && url.username().is_empty();
    (same && matches!(url.scheme(), "http" | "https")).then(|| text.to_owned())
}

/// A deployment with one organisation needs no setting.
fn operator(env: &mut Env) -> OrganizationId {
    let organization = OrganizationId::parse(DEFAULT_ORGANIZATION);
    let mut known = organization.expect("the default organisation is a valid id");
    for key in [
        "POSTHORN_NATS_ORGANIZATION",
        "POSTHORN_OPERATOR_ORGANIZATION",
    ] {
        known = env.parsed(key, known, "an organisation's id such as org_…", |text| {
            OrganizationId::parse(text).ok()
        });
    }
    known
}

/// After a mistake, which ends the process, a ring of our own stands in.
fn keys(env: &mut Env) -> KeyRing {
    let expected = "a key ring, id:base64key of 32 bytes[,id:base64key…]";
    let text = env.required_secret("POSTHORN_ENCRYPTION_KEYS", expected);
    match KeyRing::parse(text.expose()) {
        Ok(keys) => keys,
        Err(error) => {
            env.check(text.expose().is_empty(), || {
                format!("POSTHORN_ENCRYPTION_KEYS: {error}")
            });
            KeyRing::parse(&KeyRing::generate_text()).expect("a generated ring reads back")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_need_only_the_keys() {
        let mut env = Env::from_pairs([("POSTHORN_ENCRYPTION_KEYS", KeyRing::generate_text())]);
        let config = ApiConfig::from_env(&mut env);
        env.finish().unwrap();
        assert_eq!(config.addr.to_string(), "0.0.0.0:8071");
        assert_eq!(config.url_rules.max_len, 2_048);
    }

    #[test]
    fn mistakes_are_told_together_and_without_the_keys() {
        let mut env = Env::from_pairs([
            ("POSTHORN_ENCRYPTION_KEYS", "1:hunter2"),
            ("POSTHORN_EGRESS_ALLOW", "10.0.0.0/99"),
            ("POSTHORN_API_RECONCILE_INTERVAL", "0s"),
            ("POSTHORN_PORTAL_URL", "ftp://portal"),
            ("POSTHORN_TRACE_URL", "https://jaeger.example.com"),
            ("POSTHORN_PORTAL_FRAME_ANCESTORS", "*"),
            ("POSTHORN_ENDPOINT_AUTO_DISABLE_AFTER", "11h"),
        ]);
        drop(ApiConfig::from_env(&mut env));
        let mistakes = env.finish().unwrap_err();
        assert_eq!(mistakes.mistakes.len(), 7, "{mistakes}");
        assert!(!mistakes.to_string().contains("hunter2"));
    }

    #[test]
    fn warnings_come_before_the_disabling() {
        let keys = KeyRing::generate_text();
        let read = |own: &[(&str, &str)]| {
            let own = own.iter().map(|(key, value)| (*key, (*value).to_owned()));
            let keys = ("POSTHORN_ENCRYPTION_KEYS", keys.clone());
            let mut env = Env::from_pairs(own.chain([keys]));
            let config = ApiConfig::from_env(&mut env);
            let hours = config
                .endpoint_warn_after
                .iter()
                .map(|d| d.as_secs() / 3_600);
            let hours: Vec<u64> = hours.collect();
            env.finish().map(|()| hours).ok()
        };
        let after = "POSTHORN_ENDPOINT_AUTO_DISABLE_AFTER";
        let warn = "POSTHORN_ENDPOINT_WARN_AFTER";
        assert_eq!(read(&[]), Some(vec![24, 72]));
        assert_eq!(read(&[(after, "48h")]), Some(vec![24]));
        assert_eq!(read(&[(after, "0s")]), Some(vec![24, 72]));
        assert_eq!(read(&[(warn, "0s")]), Some(vec![]));
        assert_eq!(read(&[(warn, "1h, 2h")]), Some(vec![1, 2]));
        assert_eq!(read(&[(warn, "200h"), (after, "0s")]), Some(vec![200]));
        for mistake in ["120h", "2h,1h", "1h,1h", "0s,1h", "1", "1ms", ""] {
            let expected = if mistake.is_empty() {
                Some(vec![24, 72])
            } else {
                None
            };
            assert_eq!(read(&[(warn, mistake)]), expected, "{mistake:?}");
        }
    }

    #[test]
    fn a_traces_place_is_a_url_with_the_id_behind_the_host() {
        for good in [
            "http://127.0.0.1:16686/trace/{trace_id}",
            "https://grafana.example.com/explore?left={trace_id}&trace={trace_id}",
        ] {
            assert_eq!(trace_url(good).as_deref(), Some(good));
        }
        for bad in [
            "https://jaeger.example.com/trace/",
            "https://{trace_id}.example.com/",
            "https://jaeger.{trace_id}/",
            "https://user:secret@jaeger.example.com/{trace_id}",
            "javascript:alert('{trace_id}')",
            "/trace/{trace_id}",
        ] {
            assert_eq!(trace_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn missing_keys_are_one_mistake() {
        let mut env = Env::from_pairs([("POSTHORN_API_ADDR", "127.0.0.1:0")]);
        drop(ApiConfig::from_env(&mut env));
        assert_eq!(env.finish().unwrap_err().mistakes.len(), 1);
    }
}
