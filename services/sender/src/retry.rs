//! When the next attempt is due, if there is one. Pure: time is passed in, jitter is derived.

use std::time::Duration;

use posthorn_chassis::env::{format_duration, parse_duration};
use posthorn_event_schema::subject::Lane;
use posthorn_event_schema::{AttemptNumber, EndpointId, OrderingLine, Timestamp};
use posthorn_signing::digest::digest_parts;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Share by which a wait may be shorter or longer than the schedule says.
const JITTER: f64 = 0.1;
/// Waits longer than this vary by at least [`JITTER_FLOOR`] either way.
const JITTER_FLOOR_ABOVE: Duration = Duration::from_secs(5);
const JITTER_FLOOR: Duration = Duration::from_secs(1);
/// Longest wait that a receiver can ask for with `Retry-After`.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(12 * 3600);
/// A retry that would pass the deadline is made this long before it instead: the last chance.
pub const LAST_CHANCE: Duration = Duration::from_secs(60);
/// Most attempts of a delivery.
pub const MAX_ATTEMPTS: usize = 64;

/// The default waits: 12 attempts over 42 h 42 min, which with jitter and the longest time-outs
/// stays below 48 h (47.1 h).
const DEFAULT_WAITS_SECONDS: [u64; 11] = [
    5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 54_000,
];

/// The waits between the attempts of a delivery; one attempt more than waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

impl Default for RetrySchedule {
    fn default() -> Self {
        Self(
            DEFAULT_WAITS_SECONDS
                .into_iter()
                .map(Duration::from_secs)
                .collect(),
        )
    }
}

impl RetrySchedule {
    /// A schedule of these waits; more than [`MAX_ATTEMPTS`] allows are dropped.
    #[must_use]
    pub fn new(mut waits: Vec<Duration>) -> Self {
        waits.truncate(MAX_ATTEMPTS - 1);
        Self(waits)
    }

    /// A schedule as the configuration snapshot has it.
    #[must_use]
    pub fn from_millis(waits: &[u64]) -> Self {
        Self::new(waits.iter().copied().map(Duration::from_millis).collect())
    }

    /// As the configuration snapshot would have it.
    #[must_use]
    pub fn millis(&self) -> Vec<u64> {
        let millis = |wait: &Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.0.iter().map(millis).collect()
    }

    /// Reads `5s,30s,2m`; `None` when a wait is not a duration or there are too many.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let waits: Option<Vec<_>> = text.split(',').map(|w| parse_duration(w.trim())).collect();
        waits.filter(|waits| waits.len() < MAX_ATTEMPTS).map(Self)
    }

    /// The longest time that all attempts may take together, if each times out.
    #[must_use]
    pub fn worst_case(&self, timeout: Duration) -> Duration {
        let waits: Duration = self.0.iter().map(|wait| longest(*wait)).sum();
        let attempts = u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX);
        waits.saturating_add(timeout.saturating_mul(attempts))
    }

    /// Whether each wait is at least as long as the one before it.
    #[must_use]
    pub fn is_monotone(&self) -> bool {
        self.0.is_sorted()
    }

    /// The wait before the attempt that follows `attempt`; `None` when none follows.
    #[must_use]
    pub fn wait_after(&self, attempt: AttemptNumber) -> Option<Duration> {
        self.0.get(usize::from(attempt.get()) - 1).copied()
    }
}

impl std::fmt::Display for RetrySchedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let waits: Vec<_> = self.0.iter().map(|wait| format_duration(*wait)).collect();
        f.write_str(&waits.join(","))
    }
}

/// What the decision depends on.
#[derive(Debug, Clone)]
pub struct Failed<'a> {
    /// Who was asked.
    pub endpoint: &'a EndpointId,
    /// Which attempt failed.
    pub attempt: AttemptNumber,
    /// The line that it stands in, which waits for it.
    pub line: Option<OrderingLine>,
    /// There is no second attempt: a person asked for it, or it is a callback.
    pub once: bool,
    /// When it ended.
    pub ended_at: Timestamp,
    /// No attempt starts after this.
    pub deadline: Timestamp,
    /// Nor after this, when nobody wants to know any more.
    pub expires_at: Option<Timestamp>,
    /// How long the receiver asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Another attempt.
    Retry {
        /// When.
        at: Timestamp,
        /// Where the delivery waits meanwhile.
        lane: Lane,
    },
    /// The event expires before the next attempt.
    Expired {
        /// When the attempt would have been due.
        at: Timestamp,
    },
    /// No attempt is left.
    Exhausted,
}

/// Decides what follows a failed attempt.
///
/// The receiver's wish may lengthen a wait, never shorten it. A wait that would pass the deadline
/// ends [`LAST_CHANCE`] before it.
#[must_use]
pub fn decide(failed: &Failed<'_>, schedule: &RetrySchedule) -> Decision {
    let step = schedule.wait_after(failed.attempt);
    let Some(step) = step.filter(|_| !failed.once) else {
        return Decision::Exhausted;
    };
    let last = failed.deadline.minus(LAST_CHANCE);
    if failed.ended_at >= last {
        return Decision::Exhausted;
    }
    let wait = jittered(step, failed.endpoint, failed.attempt);
    let wished = failed.retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
    let at = failed.ended_at.plus(wait.max(wished)).min(last);
    if failed.expires_at.is_some_and(|expires_at| at > expires_at) {
        return Decision::Expired { at };
    }
    // The step's own lane comes due in order only as long as all who stand there wait as long.
    let next = failed.attempt.next();
    let lane = if let Some(line) = failed.line {
        let retry = Some(next);
        Lane::InLine { line, retry }
    } else if at == failed.ended_at.plus(wait) {
        Lane::attempt(next, step)
    } else {
        Lane::at(at)
    };
    Decision::Retry { at, lane }
}

/// The schedule of a delivery: the endpoint's own, else that of the event's type, else the
/// deployment's. The closest to the receiver wins: it knows best how often it can be asked.
#[must_use]
pub fn applicable<'a>(
    endpoint: Option<&'a RetrySchedule>,
    event_type: Option<&'a RetrySchedule>,
    deployment: &'a RetrySchedule,
) -> &'a RetrySchedule {
    endpoint.or(event_type).unwrap_or(deployment)
}

/// A wait with the jitter of one endpoint and attempt number: the same for all its deliveries, so
/// that those which failed first come due first, and different between endpoints.
fn jittered(wait: Duration, endpoint: &EndpointId, attempt: AttemptNumber) -> Duration {
    let digest = digest_parts(&[endpoint.as_str().as_bytes(), &attempt.get().to_be_bytes()]);
    let drawn = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let share = f64::from(drawn) / f64::from(u32::MAX) * 2.0 - 1.0;
    let spread = spread(wait);
    (wait + spread).saturating_sub(spread.mul_f64(1.0 - share))
}

fn spread(wait: Duration) -> Duration {
    let share = wait.mul_f64(JITTER);
    if wait > JITTER_FLOOR_ABOVE {
        share.max(JITTER_FLOOR)
    } else {
        share
    }
}

fn longest(wait: Duration) -> Duration {
    wait + spread(wait)
}

/// Reads a `Retry-After` header: seconds (fractions allowed) or an HTTP date; anything else says
/// nothing. *Source*: RFC 9110, section 10.2.3.
#[must_use]
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        let valid = seconds.is_finite() && (0.0..=f64::from(u32::MAX)).contains(&seconds);
        return valid.then(|| Duration::from_secs_f64(seconds));
    }
    let date = OffsetDateTime::parse(&value.replace("GMT", "+0000"), &Rfc2822).ok()?;
    Some(Timestamp::from(date).since(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3_600;

    fn failed(endpoint: &EndpointId, attempt: u16, ended_at: u64, hint: Option<u64>) -> Failed<'_> {
        Failed {
            endpoint,
            attempt: AttemptNumber::new(attempt),
            line: None,
            once: false,
            ended_at: at(ended_at),
            deadline: at(48 * HOUR),
            expires_at: None,
            retry_after: hint.map(Duration::from_secs),
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(seconds))
    }

    fn wait(decision: Decision, from: u64) -> f64 {
        match decision {
            Decision::Retry { at: due, .. } => due.since(at(from)).as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_schedule_fits_48_hours_by_construction() {
        let schedule = RetrySchedule::default();
        assert!(schedule.is_monotone());
        let worst = schedule.worst_case(Duration::from_secs(30));
        assert!(worst < Duration::from_secs(48 * HOUR), "{worst:?}");
        assert_eq!(schedule.wait_after(AttemptNumber::new(12)), None);
    }

    #[test]
    fn a_wish_lengthens_and_never_shortens() {
        let endpoint = EndpointId::parse("ep_1").unwrap();
        let schedule = RetrySchedule::default();
        let decide = |hint| wait(decide(&failed(&endpoint, 1, 0, hint), &schedule), 0);
        let plain = decide(None);
        assert!((4.5..=5.5).contains(&plain), "{plain}");
        assert!((decide(Some(1)) - plain).abs() < f64::EPSILON);
        assert!((decide(Some(60)) - 60.0).abs() < f64::EPSILON);
        assert!((decide(Some(13 * HOUR)) - 12.0 * 3_600.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_last_attempt_is_just_before_the_deadline_and_none_after_it() {
        let endpoint = EndpointId::parse("ep_1").unwrap();
        let schedule = RetrySchedule::default();
        let late = failed(&endpoint, 11, 47 * HOUR, None);
        assert_eq!(
            decide(&late, &schedule),
            Decision::Retry {
                at: at(48 * HOUR - 60),
                lane: Lane::at(at(48 * HOUR - 60)),
            }
        );
        let over = failed(&endpoint, 11, 48 * HOUR, None);
        assert_eq!(decide(&over, &schedule), Decision::Exhausted);
        assert_eq!(
            decide(&failed(&endpoint, 12, 0, None), &schedule),
            Decision::Exhausted
        );
        let manual = Failed {
            once: true,
            ..failed(&endpoint, 1, 0, None)
        };
        assert_eq!(decide(&manual, &schedule), Decision::Exhausted);
    }

    #[test]
    fn nothing_waits_for_an_attempt_after_its_event_expires() {
        let endpoint = EndpointId::parse("ep_1").unwrap();
        let schedule = RetrySchedule::default();
        let decide = |expires_at| {
            let failed = Failed {
                expires_at: Some(at(expires_at)),
                ..failed(&endpoint, 1, 0, None)
            };
            decide(&failed, &schedule)
        };
        assert!(matches!(decide(6), Decision::Retry { .. }));
        assert!(matches!(decide(4), Decision::Expired { at: due } if due > at(4)));
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_garbage_ignored() {
        let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
        let read = |value| parse_retry_after(value, now).map(|wait| wait.as_secs_f64());
        assert_eq!(read("120"), Some(120.0));
        assert_eq!(read(" 0 "), Some(0.0));
        assert_eq!(read("1.5"), Some(1.5));
        assert_eq!(read("Thu, 01 Jan 2026 00:01:00 GMT"), Some(60.0));
        assert_eq!(read("Wed, 31 Dec 2025 00:00:00 GMT"), Some(0.0));
        for garbage in ["-1", "NaN", "inf", "1e300", "4294967296", "soon", ""] {
            assert_eq!(read(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn a_schedule_is_read_and_written_the_same() {
        let schedule = RetrySchedule::parse("250ms, 5s,2m").unwrap();
        assert_eq!(schedule.to_string(), "250ms,5s,2m");
        assert_eq!(RetrySchedule::parse("5"), None);
        assert_eq!(RetrySchedule::parse("5s,,6s"), None);
        assert_eq!(
            RetrySchedule::parse(&vec!["1s"; MAX_ATTEMPTS].join(",")),
            None
        );
    }

    proptest! {
        #[test]
        fn jitter_stays_in_its_bounds_and_is_equal_for_one_endpoint(
            id in "[a-z0-9]{1,20}", attempt in 1_u16..12, seconds in 0_u64..100_000,
        ) {
            let endpoint = EndpointId::parse(&format!("ep_{id}")).unwrap();
            let attempt = AttemptNumber::new(attempt);
            let step = Duration::from_secs(seconds);
            let drawn = jittered(step, &endpoint, attempt);
            prop_assert_eq!(drawn, jittered(step, &endpoint, attempt));
            prop_assert!(drawn + spread(step) >= step && drawn <= longest(step));
        }

        #[test]
        fn an_attempt_never_comes_early_nor_past_the_deadline(
            attempt in 1_u16..14, ended in 0_u64..200_000, hint in proptest::option::of(0_u64..1_000_000),
        ) {
            let endpoint = EndpointId::parse("ep_1").unwrap();
            let schedule = RetrySchedule::default();
            let failed = failed(&endpoint, attempt, ended, hint);
            if let Decision::Retry { at: due, .. } = decide(&failed, &schedule) {
                prop_assert!(due <= failed.deadline && due >= failed.ended_at);
                let wait = schedule.wait_after(failed.attempt).unwrap();
                let least = wait.saturating_sub(spread(wait));
                prop_assert!(due.plus(LAST_CHANCE) == failed.deadline || due.since(failed.ended_at) >= least);
            }
        }
    }
}
