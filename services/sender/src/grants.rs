//! Shares out the rates of applications: moments at which deliveries may start, given to whichever
//! partition asks. The owner of an application's partition does it, from memory.
//!
//! No moment is given further ahead than [`AHEAD`]; who asks for one is told to ask again. So a new
//! owner, which knows nothing of what was given before, waits that long and then goes on at the rate:
//! an application never gets more than its rate, and in a hand-over less for some seconds.

use std::collections::HashMap;
use std::time::Duration;

use posthorn_bus::Bus;
use posthorn_chassis::error_chain;
use posthorn_event_schema::slots::{SlotsGiven, SlotsWanted};
use posthorn_event_schema::{ApplicationId, Partition};
use tokio::time::Instant;

use crate::lease::Tenure;

/// How far ahead a moment may lie.
const AHEAD: Duration = Duration::from_secs(1);
/// Pause before a subscription that could not be made is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Applications remembered before those are forgotten that ask no more.
const TIDY_AT: usize = 1_024;

/// The next free moment of each application. Pure.
struct Timelines {
    opened: Instant,
    even: HashMap<ApplicationId, Instant>,
}

impl Timelines {
    fn new(now: Instant) -> Self {
        Self {
            opened: now + AHEAD,
            even: HashMap::new(),
        }
    }

    fn give(&mut self, wanted: &SlotsWanted, now: Instant) -> SlotsGiven {
        if self.even.len() >= TIDY_AT {
            self.even.retain(|_, even| *even > now);
        }
        let even = self.even.get(&wanted.application);
        let first = even.map_or(self.opened, |even| *even).max(now);
        let wait = first - now;
        if wait > AHEAD {
            return given(wait - AHEAD, 0);
        }
        let interval = Duration::from_secs(1) / u32::from(wanted.rate.max(1));
        let fitting = (AHEAD.saturating_sub(wait)).as_micros() / interval.as_micros().max(1) + 1;
        let count = wanted.count.min(u16::try_from(fitting).unwrap_or(u16::MAX));
        let next = first + interval * u32::from(count);
        self.even.insert(wanted.application.clone(), next);
        given(wait, count)
    }
}

fn given(wait: Duration, count: u16) -> SlotsGiven {
    SlotsGiven {
        wait_micros: u64::try_from(wait.as_micros()).unwrap_or(u64::MAX),
        count,
    }
}

/// Answers what is asked of the partition's owner, until the tenure ends.
pub(crate) async fn serve(bus: Bus, partition: Partition, tenure: Tenure) {
    tokio::select! {
        () = answer(&bus, partition, &tenure) => {}
        () = tenure.over() => {}
    }
}

async fn answer(bus: &Bus, partition: Partition, tenure: &Tenure) {
    let mut timelines = Timelines::new(Instant::now());
    loop {
        match bus.slot_requests(partition).await {
            Ok(mut requests) => {
                while let Some(request) = requests.next().await {
                    // One that was frozen must not speak beside its successor.
                    if tenure.is_over() {
                        return;
                    }
                    let given = timelines.give(&request.wanted, Instant::now());
                    request.give(given).await;
                }
            }
            Err(error) => {
                let reason = error_chain::chain(&error);
                tracing::warn!(reason, "rates of applications cannot be shared out yet");
            }
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(rate: u16, count: u16) -> SlotsWanted {
        SlotsWanted {
            application: ApplicationId::parse("app_1").unwrap(),
            rate,
            count,
        }
    }

    #[test]
    fn moments_follow_each_other_at_the_rate() {
        let now = Instant::now();
        let mut timelines = Timelines::new(now - AHEAD);
        assert_eq!(
            timelines.give(&wanted(100, 3), now),
            given(Duration::ZERO, 3)
        );
        let next = timelines.give(&wanted(100, 2), now);
        assert_eq!(next, given(Duration::from_millis(30), 2));
        let later = now + Duration::from_secs(60);
        assert_eq!(
            timelines.give(&wanted(100, 1), later),
            given(Duration::ZERO, 1)
        );
    }

    #[test]
    fn nothing_is_given_further_ahead_than_a_second() {
        let now = Instant::now();
        let mut timelines = Timelines::new(now - AHEAD);
        let all = timelines.give(&wanted(10, 500), now);
        assert_eq!(all, given(Duration::ZERO, 11));
        let none = timelines.give(&wanted(10, 1), now);
        assert_eq!(none, given(Duration::from_millis(100), 0));
    }

    #[test]
    fn a_new_owner_waits_for_what_the_old_one_gave() {
        let now = Instant::now();
        let mut timelines = Timelines::new(now);
        assert_eq!(timelines.give(&wanted(10, 1), now), given(AHEAD, 1));
    }

    #[test]
    fn ten_seconds_see_the_rate_however_much_is_asked() {
        let begun = Instant::now();
        for rate in [1_u16, 7, 100, 3_000] {
            let mut timelines = Timelines::new(begun - AHEAD);
            let mut count = 0_u32;
            for millis in 0..9_000_u64 {
                let now = begun + Duration::from_millis(millis);
                count += u32::from(timelines.give(&wanted(rate, rate), now).count);
            }
            // Nine seconds, and the one ahead of them.
            let most = u32::from(rate) * 10;
            assert!(
                (most - most / 20..=most + 1).contains(&count),
                "{count} of {most}"
            );
        }
    }
}
