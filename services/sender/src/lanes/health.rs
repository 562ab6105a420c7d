//! What an endpoint's attempts say about how much it can take. Pure.
//!
//! Two answers: how many requests it may have in flight (additive increase, multiplicative decrease),
//! and whether it gets any at all (a circuit breaker). Both start anew once an endpoint has been quiet
//! for [`MEMORY`]. They are advice to ourselves: losing them costs requests that fail, never a
//! delivery.

use std::time::Duration;

use posthorn_event_schema::{EndpointId, Timestamp};
use posthorn_signing::digest::digest_parts;

/// Requests in flight to an endpoint that nothing is known of.
const AT_FIRST: f64 = 8.0;
/// What is left of the limit after a sign of overload.
const CUT: f64 = 0.5;
/// An answer this much slower than the fastest one is a sign that the endpoint queues,
const SLOW_FACTOR: u32 = 4;
/// unless it is no slower than this: differences below it are noise.
const SLOW_ABOVE: Duration = Duration::from_millis(250);
/// How long attempts are remembered that speak for or against opening the breaker.
pub(super) const MEMORY: Duration = Duration::from_secs(60);
/// Attempts within the memory before their share of failures counts.
const ENOUGH: u32 = 10;
/// Share of failures, in tenths, that opens the breaker.
const MOSTLY_TENTHS: u32 = 8;
/// Attempts in a row that nobody answered, which open it as well.
const SILENT_IN_A_ROW: u32 = 5;
/// The longest that it stays open between two probes.
const LONGEST_OPEN: Duration = Duration::from_secs(600);
/// By how much each time that it is open may be shorter or longer.
const JITTER: f64 = 0.2;

/// What an attempt says about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sign {
    /// It took the delivery.
    Accepted,
    /// It answered with a refusal that says nothing about how much it can take.
    Refused,
    /// It answered that it cannot: 429 or 5xx.
    Overloaded,
    /// It did not answer: unreachable, broken off, or too slow.
    Silent,
    /// No request was made.
    #[default]
    Nothing,
}

/// An attempt, as far as its endpoint's health is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lesson {
    /// What it says.
    pub sign: Sign,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// How much an endpoint may get at the moment.
#[derive(Debug)]
pub(super) struct Health {
    /// Requests in flight.
    limit: f64,
    /// Until the first sign of overload the limit doubles with each round of answers.
    slow_start: bool,
    last_cut: Timestamp,
    fastest: Option<Duration>,
    window: Window,
    silent_in_a_row: u32,
    breaker: Breaker,
    last_lesson: Timestamp,
}

#[derive(Debug, Default)]
struct Window {
    since: Timestamp,
    attempts: u32,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaker {
    Closed,
    /// Nothing goes out until then; afterwards one delivery at a time, as a probe.
    Open {
        until: Timestamp,
        /// How often in a row it was opened.
        times: u32,
    },
}

impl Default for Health {
    fn default() -> Self {
        Self {
            limit: AT_FIRST,
            slow_start: true,
            last_cut: Timestamp::default(),
            fastest: None,
            window: Window::default(),
            silent_in_a_row: 0,
            breaker: Breaker::Closed,
            last_lesson: Timestamp::default(),
        }
    }
}

impl Health {
    /// Requests in flight, from 1 to `cap`; once the breaker's time is over, one.
    pub(super) fn allowed(&self, cap: usize) -> usize {
        match self.breaker {
            Breaker::Closed => whole(self.limit).clamp(1, cap.max(1)),
            Breaker::Open { .. } => 1,
        }
    }

    /// Until when nothing goes out.
    pub(super) fn open_until(&self) -> Timestamp {
        match self.breaker {
            Breaker::Closed => Timestamp::default(),
            Breaker::Open { until, .. } => until,
        }
    }

    /// Until when it is worth remembering.
    pub(super) fn remembered_until(&self) -> Timestamp {
        let quiet = self.last_lesson.plus(MEMORY);
        let is_news = self.breaker != Breaker::Closed
            || self.limit < AT_FIRST
            || self.silent_in_a_row > 0
            || self.window.failures > 0;
        if is_news {
            quiet.max(self.open_until())
        } else {
            Timestamp::default()
        }
    }

    /// A person wants to know at once whether the endpoint works: an open breaker lets a probe
    /// through, unless the last one was less than `pause` ago.
    pub(super) fn ask_for_probe(&mut self, pause: Duration, now: Timestamp) {
        if let Breaker::Open { until, .. } = &mut self.breaker
            && self.last_lesson.plus(pause) <= now
        {
            *until = now.min(*until);
        }
    }

    /// Learns from an attempt that ended now. `first_open` is how long the breaker is open at first;
    /// zero = there is none. Returns whether it opened.
    pub(super) fn learn(
        &mut self,
        endpoint: &EndpointId,
        lesson: Lesson,
        (cap, first_open): (usize, Duration),
        now: Timestamp,
    ) -> bool {
        if lesson.sign == Sign::Nothing {
            return false;
        }
        self.last_lesson = now;
        self.adapt(lesson, cap, now);
        self.count(lesson.sign, now);
        match self.breaker {
            // It began before the breaker opened, and says nothing new.
            Breaker::Open { until, .. } if lesson.started_at < until => false,
            Breaker::Open { .. } if lesson.sign == Sign::Accepted => {
                *self = Self {
                    limit: 1.0,
                    last_lesson: now,
                    ..Self::default()
                };
                false
            }
            Breaker::Open { times, .. } => self.open(endpoint, times + 1, first_open, now),
            Breaker::Closed if self.is_broken() => self.open(endpoint, 1, first_open, now),
            Breaker::Closed => false,
        }
    }

    fn adapt(&mut self, lesson: Lesson, cap: usize, now: Timestamp) {
        let cap = f64::from(u32::try_from(cap).unwrap_or(u32::MAX));
        match lesson.sign {
            Sign::Accepted if !self.is_slow(lesson.took) => {
                let step = if self.slow_start {
                    1.0
                } else {
                    1.0 / self.limit
                };
                self.limit = (self.limit + step).min(cap);
                return;
            }
            Sign::Refused | Sign::Nothing => return,
            Sign::Accepted | Sign::Overloaded | Sign::Silent => {}
        }
        // One cut answers for all requests that were in flight together.
        if lesson.started_at >= self.last_cut {
            self.limit = (self.limit.min(cap) * CUT).max(1.0);
            self.slow_start = false;
            self.last_cut = now;
        }
    }

    fn is_slow(&mut self, took: Duration) -> bool {
        let fastest = self.fastest.map_or(took, |fastest| fastest.min(took));
        // Forgets slowly what may not hold any more.
        self.fastest = Some(fastest + fastest / 128);
        took > SLOW_ABOVE && took > fastest * SLOW_FACTOR
    }

    fn count(&mut self, sign: Sign, now: Timestamp) {
        if now.since(self.window.since) > MEMORY {
            self.window = Window {
                since: now,
                ..Window::default()
            };
        }
        self.window.attempts += 1;
        self.window.failures += u32::from(sign != Sign::Accepted);
        self.silent_in_a_row = match sign {
            Sign::Silent => self.silent_in_a_row + 1,
            _ => 0,
        };
    }

    fn is_broken(&self) -> bool {
        let Window {
            attempts, failures, ..
        } = self.window;
        let mostly = attempts >= ENOUGH && failures * 10 >= attempts * MOSTLY_TENTHS;
        mostly || self.silent_in_a_row >= SILENT_IN_A_ROW
    }

    fn open(
        &mut self,
        endpoint: &EndpointId,
        times: u32,
        first_open: Duration,
        now: Timestamp,
    ) -> bool {
        if first_open.is_zero() {
            return false;
        }
        let doubled = first_open.saturating_mul(1 << (times - 1).min(16));
        let wait = doubled.min(LONGEST_OPEN.max(first_open));
        self.breaker = Breaker::Open {
            until: now.plus(jittered(wait, endpoint, times)),
            times,
        };
        true
    }
}

/// The same for one endpoint and time, different between endpoints: a network that comes back is not
/// met by all probes at once.
fn jittered(wait: Duration, endpoint: &EndpointId, times: u32) -> Duration {
    let digest = digest_parts(&[
        b"breaker",
        endpoint.as_str().as_bytes(),
        &times.to_be_bytes(),
    ]);
    let drawn = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let share = f64::from(drawn) / f64::from(u32::MAX) * 2.0 - 1.0;
    wait.mul_f64(1.0 + share * JITTER)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a limit is a small positive number"
)]
fn whole(limit: f64) -> usize {
    limit.max(0.0) as usize
}

#[cfg(test)]
mod tests;
