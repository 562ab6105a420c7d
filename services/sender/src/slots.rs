//! Deliveries of applications with a rate: who waits for a moment to start, and the moments that this
//! partition was given. Pure.
//!
//! The moments come from the owner of the application's partition ([`crate::grants`]), a few at a time:
//! one for each endpoint that waits at first, more while they are all used. A moment that nobody could
//! use in time is lost, so that an application never catches up in a burst.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use posthorn_event_schema::slots::{SlotsGiven, SlotsWanted};
use posthorn_event_schema::{ApplicationId, EndpointId, Timestamp};

/// How long a moment can be used: what a busy process may be late by.
const KEEP: Duration = Duration::from_millis(250);
/// Pause before the owner is asked again that did not answer; a hand-over takes seconds.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How often a partition asks at least while its deliveries use the whole rate: what it is given at a
/// time covers no more than a tenth of a second, so that it never holds the others' share.
const ASKS_PER_SECOND: u16 = 10;

/// What a partition has of its applications' rates.
#[derive(Debug, Default)]
pub(crate) struct Slots(HashMap<ApplicationId, Share>);

#[derive(Debug, Default)]
struct Share {
    rate: u16,
    waiting: VecDeque<EndpointId>,
    inside: HashSet<EndpointId>,
    slots: VecDeque<Timestamp>,
    /// How many were asked for the last time.
    batch: u16,
    /// Some of them were not used.
    wasted: bool,
    asking: bool,
    ask_at: Timestamp,
}

impl Slots {
    /// Whether a delivery to this endpoint may start now, which uses a moment up; if not, the
    /// endpoint waits for one.
    pub(crate) fn take(
        &mut self,
        (application, rate): (ApplicationId, u16),
        endpoint: &EndpointId,
        now: Timestamp,
    ) -> bool {
        let share = self.0.entry(application).or_default();
        share.rate = rate.max(1);
        share.drop_stale(now);
        if share.slots.front().is_some_and(|slot| *slot <= now) {
            share.slots.pop_front();
            return true;
        }
        if share.inside.insert(endpoint.clone()) {
            share.waiting.push_back(endpoint.clone());
        }
        false
    }

    /// A start came to nothing: its moment can be used by another.
    pub(crate) fn give_back(&mut self, application: &ApplicationId, now: Timestamp) {
        if let Some(share) = self.0.get_mut(application) {
            share.slots.push_front(now);
        }
    }

    /// Those who wait and for whom there is a moment now: they may try again.
    pub(crate) fn woken(&mut self, now: Timestamp) -> Vec<EndpointId> {
        let mut woken = Vec::new();
        for share in self.0.values_mut() {
            share.drop_stale(now);
            let ready = share.slots.iter().filter(|slot| **slot <= now).count();
            woken.extend(share.leave(ready));
        }
        self.0.retain(|_, share| !share.is_idle());
        woken
    }

    /// All who wait, because rates have changed: they may try again.
    pub(crate) fn all_waiting(&mut self) -> Vec<EndpointId> {
        let shares = self.0.values_mut();
        shares.flat_map(|share| share.leave(usize::MAX)).collect()
    }

    /// What to ask for now; each answer is awaited with [`Slots::given`].
    pub(crate) fn wanted(&mut self, now: Timestamp) -> Vec<SlotsWanted> {
        let shares = self.0.iter_mut();
        let wanted = shares.filter_map(|(application, share)| {
            let count = share.wants(now)?;
            Some(SlotsWanted {
                application: application.clone(),
                rate: share.rate,
                count,
            })
        });
        wanted.collect()
    }

    /// The owner answered, or did not (`None`).
    pub(crate) fn given(
        &mut self,
        application: &ApplicationId,
        given: Option<SlotsGiven>,
        now: Timestamp,
    ) {
        let Some(share) = self.0.get_mut(application) else {
            return;
        };
        share.asking = false;
        let Some(given) = given else {
            share.ask_at = now.plus(RETRY_PAUSE);
            return;
        };
        let first = now.plus(Duration::from_micros(given.wait_micros));
        if given.count == 0 {
            share.ask_at = first;
        }
        let interval = Duration::from_secs(1) / u32::from(share.rate.max(1));
        let slots = (0..given.count).map(|number| first.plus(interval * u32::from(number)));
        share.slots.extend(slots);
    }

    /// When to look again if nothing happens before.
    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        let waiting = self.0.values().filter(|share| !share.waiting.is_empty());
        let due = waiting.filter_map(|share| {
            let ask = (!share.asking && share.slots.is_empty()).then_some(share.ask_at);
            share.slots.front().copied().or(ask)
        });
        due.min()
    }
}

impl Share {
    fn drop_stale(&mut self, now: Timestamp) {
        while self.slots.front().is_some_and(|slot| slot.plus(KEEP) < now) {
            self.slots.pop_front();
            self.wasted = true;
        }
    }

    fn leave(&mut self, count: usize) -> Vec<EndpointId> {
        let count = count.min(self.waiting.len());
        let leaving: Vec<_> = self.waiting.drain(..count).collect();
        for endpoint in &leaving {
            self.inside.remove(endpoint);
        }
        leaving
    }

    fn wants(&mut self, now: Timestamp) -> Option<u16> {
        let has_enough = self.slots.len() * 2 > usize::from(self.batch);
        if self.waiting.is_empty() || self.asking || has_enough || now < self.ask_at {
            return None;
        }
        let waiting = u16::try_from(self.waiting.len()).unwrap_or(u16::MAX);
        let grown = if self.wasted {
            0
        } else {
            self.batch.saturating_mul(2)
        };
        self.batch = waiting.max(grown).min((self.rate / ASKS_PER_SECOND).max(1));
        self.wasted = false;
        self.asking = true;
        Some(self.batch)
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.slots.is_empty() && !self.asking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> ApplicationId {
        ApplicationId::parse("app_1").unwrap()
    }

    fn ep(name: &str) -> EndpointId {
        EndpointId::parse(&format!("ep_{name}")).unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(1_000) + Duration::from_millis(millis))
    }

    fn take(slots: &mut Slots, endpoint: &str, millis: u64) -> bool {
        slots.take((app(), 100), &ep(endpoint), at(millis))
    }

    fn give(slots: &mut Slots, wait_millis: u64, count: u16, millis: u64) {
        let given = SlotsGiven {
            wait_micros: wait_millis * 1_000,
            count,
        };
        slots.given(&app(), Some(given), at(millis));
    }

    #[test]
    fn who_has_no_moment_waits_for_one_and_is_woken() {
        let mut slots = Slots::default();
        assert!(!take(&mut slots, "a", 0) && !take(&mut slots, "b", 0));
        let wanted = slots.wanted(at(0));
        assert_eq!((wanted.len(), wanted[0].rate, wanted[0].count), (1, 100, 2));
        assert!(slots.wanted(at(0)).is_empty(), "asked once");
        give(&mut slots, 5, 2, 0);
        assert_eq!(slots.next_timer(), Some(at(5)));
        assert!(slots.woken(at(4)).is_empty());
        assert_eq!(slots.woken(at(5)), [ep("a")]);
        assert!(take(&mut slots, "a", 5) && !take(&mut slots, "a", 5));
        assert_eq!(slots.woken(at(15)), [ep("b")]);
        assert!(take(&mut slots, "b", 15));
    }

    #[test]
    fn more_is_asked_for_while_all_is_used_and_less_once_it_is_not() {
        let mut slots = Slots::default();
        let mut asked = Vec::new();
        let mut now = 0;
        for _ in 0..5 {
            assert!(!take(&mut slots, "a", now));
            let count = slots.wanted(at(now))[0].count;
            asked.push(count);
            give(&mut slots, 0, count, now);
            for _ in 0..count {
                assert_eq!(slots.woken(at(now)), [ep("a")]);
                assert!(take(&mut slots, "a", now));
                assert!(!take(&mut slots, "a", now));
                now += 10;
            }
        }
        assert_eq!(asked, [1, 2, 4, 8, 10], "a tenth of a second at most");
        now += 1_000;
        give_and_waste(&mut slots, now);
        assert!(!take(&mut slots, "a", now + 500));
        assert_eq!(slots.wanted(at(now + 500))[0].count, 1);
    }

    /// What was asked for comes, and nobody is there to use it.
    fn give_and_waste(slots: &mut Slots, millis: u64) {
        let count = slots.wanted(at(millis))[0].count;
        give(slots, 0, count, millis);
        slots.all_waiting();
    }

    #[test]
    fn a_moment_that_nobody_used_is_lost() {
        let mut slots = Slots::default();
        assert!(!take(&mut slots, "a", 0));
        slots.wanted(at(0));
        give(&mut slots, 0, 1, 0);
        assert!(!take(&mut slots, "a", 1_000));
    }

    #[test]
    fn a_moment_that_came_to_nothing_is_used_by_another() {
        let mut slots = Slots::default();
        assert!(!take(&mut slots, "a", 0));
        slots.wanted(at(0));
        give(&mut slots, 0, 1, 0);
        assert!(take(&mut slots, "a", 0));
        slots.give_back(&app(), at(1));
        assert!(take(&mut slots, "b", 1));
    }

    #[test]
    fn who_gives_no_answer_is_asked_again_after_a_pause() {
        let mut slots = Slots::default();
        assert!(!take(&mut slots, "a", 0));
        assert_eq!(slots.wanted(at(0)).len(), 1);
        slots.given(&app(), None, at(10));
        assert!(slots.wanted(at(10)).is_empty());
        assert_eq!(slots.next_timer(), Some(at(510)));
        assert_eq!(slots.wanted(at(510)).len(), 1);
        give(&mut slots, 200, 0, 510);
        assert_eq!(slots.next_timer(), Some(at(710)), "told to ask later");
        assert_eq!(slots.wanted(at(710)).len(), 1);
    }
}
