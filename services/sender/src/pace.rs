//! How fast deliveries come out of the waiting room while fresh ones come, so that a flood of them
//! that is due in one moment takes no time from what is fresh.
//!
//! Places ([`crate::places`]) bound how many are in flight; this bounds how many start each second,
//! which is what costs processors and nats-server time. It holds only beside fresh deliveries: when
//! none came for [`LATELY`], the waiting room is emptied as fast as places allow. The rates are
//! relative to the fresh ones, so they grow with what the fleet is able to do.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use posthorn_chassis::metric;
use tokio::time::{Instant, sleep_until};

use crate::places::Kind;

/// Over how long fresh deliveries are counted.
const LATELY: Duration = Duration::from_secs(10);
/// How far turns may be made up for that a timer was late for: timers count milliseconds.
const CATCH_UP: Duration = Duration::from_millis(20);

/// The pace of a process.
#[derive(Debug)]
pub(crate) struct Pace {
    floor: f64,
    fresh: Mutex<Window>,
    parked: tokio::sync::Mutex<Turns>,
    retry: tokio::sync::Mutex<Turns>,
    replay: tokio::sync::Mutex<Turns>,
}

impl Pace {
    /// `floor` is how many retries a second go out beside fresh deliveries at least.
    pub(crate) fn new(floor: u32) -> Self {
        let turns = || tokio::sync::Mutex::new(Turns::default());
        Self {
            floor: f64::from(floor),
            fresh: Mutex::new(Window::new(Instant::now())),
            parked: turns(),
            retry: turns(),
            replay: turns(),
        }
    }

    /// A first attempt came from JOBS.
    pub(crate) fn fresh_came(&self) {
        self.fresh().add(Instant::now());
    }

    /// Waits for the next turn of a kind; who comes first is served first.
    pub(crate) async fn turn(&self, kind: Kind) {
        let turns = match kind {
            Kind::Fresh => return,
            Kind::Parked => &self.parked,
            Kind::Retry => &self.retry,
            Kind::Replay => &self.replay,
        };
        let mut turns = turns.lock().await;
        let now = Instant::now();
        let fresh = self.fresh().per_second(now);
        let due = turns.next(rate(kind, fresh, self.floor), now);
        if due > now {
            metric::Counter::LimitReached.add(1, &[("limit", limit(kind))]);
            sleep_until(due).await;
        }
    }

    fn fresh(&self) -> MutexGuard<'_, Window> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts per second beside so many fresh ones; `None` = no bound.
///
/// Retries get three tenths of what is fresh, replays a tenth. What was parked is fresh work that came too fast for its endpoint: it has to
/// leave faster than it can come, so it gets twice.
fn rate(kind: Kind, fresh: f64, floor: f64) -> Option<f64> {
    let (share, floor) = match kind {
        Kind::Fresh => return None,
        Kind::Parked => (2.0, floor),
        Kind::Retry => (0.3, floor),
        Kind::Replay => (0.1, floor / 2.0),
    };
    (fresh > 0.0).then_some(floor + share * fresh)
}

fn limit(kind: Kind) -> &'static str {
    match kind {
        Kind::Fresh => "sender_fresh_pace",
        Kind::Parked => "sender_parked_pace",
        Kind::Retry => "sender_retry_pace",
        Kind::Replay => "sender_replay_pace",
    }
}

/// Turns at an even pace.
#[derive(Debug, Default)]
struct Turns {
    even: Option<Instant>,
}

impl Turns {
    /// When the next one is; it counts as taken.
    fn next(&mut self, rate: Option<f64>, now: Instant) -> Instant {
        let Some(rate) = rate else {
            self.even = None;
            return now;
        };
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        let due = self.even.unwrap_or(now).max(earliest);
        self.even = Some(due + Duration::from_secs_f64(1.0 / rate.max(0.1)));
        due.max(now)
    }
}

/// Counts over the last [`LATELY`]: the time before it counts less, the longer ago it is.
#[derive(Debug)]
struct Window {
    since: Instant,
    before: u32,
    now: u32,
}

impl Window {
    fn new(since: Instant) -> Self {
        Self {
            since,
            before: 0,
            now: 0,
        }
    }

    fn add(&mut self, now: Instant) {
        self.turn_over(now);
        self.now = self.now.saturating_add(1);
    }

    fn per_second(&mut self, now: Instant) -> f64 {
        self.turn_over(now);
        let gone = now.duration_since(self.since).as_secs_f64() / LATELY.as_secs_f64();
        let count = f64::from(self.now) + f64::from(self.before) * (1.0 - gone);
        count / LATELY.as_secs_f64()
    }

    fn turn_over(&mut self, now: Instant) {
        let gone = now.duration_since(self.since);
        if gone < LATELY {
            return;
        }
        let follows_at_once = gone < LATELY * 2;
        self.before = if follows_at_once { self.now } else { 0 };
        self.since = if follows_at_once {
            self.since + LATELY
        } else {
            now
        };
        self.now = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_fresh_deliveries_nothing_waits() {
        let pace = Pace::new(100);
        let begun = Instant::now();
        for _ in 0..1_000 {
            pace.turn(Kind::Retry).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn beside_fresh_deliveries_each_kind_has_its_rate() {
        let pace = Pace::new(100);
        // 200 a second.
        for _ in 0..2_000 {
            pace.fresh_came();
            tokio::time::advance(Duration::from_millis(5)).await;
        }
        for (kind, expected) in [
            (Kind::Parked, 500.0),
            (Kind::Retry, 160.0),
            (Kind::Replay, 70.0),
        ] {
            let begun = Instant::now();
            // Short, because nothing fresh comes meanwhile.
            for _ in 0..100 {
                pace.turn(kind).await;
            }
            let rate = 100.0 / begun.elapsed().as_secs_f64();
            assert!(
                (rate / expected - 1.0).abs() < 0.2,
                "{kind:?}: {rate} a second"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_fresh_deliveries_end_the_pace_ends_soon() {
        let pace = Pace::new(100);
        pace.fresh_came();
        tokio::time::advance(LATELY * 2).await;
        let begun = Instant::now();
        for _ in 0..1_000 {
            pace.turn(Kind::Retry).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[test]
    fn what_is_fresh_is_counted_over_the_last_ten_seconds() {
        let begun = Instant::now();
        let mut window = Window::new(begun);
        let at = |seconds: f64| begun + Duration::from_secs_f64(seconds);
        (0..100).for_each(|n| window.add(at(f64::from(n) / 10.0)));
        let near = |found: f64, wanted: f64| (found - wanted).abs() < 0.01;
        assert!(near(window.per_second(at(10.0)), 10.0));
        assert!(near(window.per_second(at(15.0)), 5.0));
        assert!(near(window.per_second(at(20.0)), 0.0));
        assert!(near(window.per_second(at(1_000.0)), 0.0));
    }
}
