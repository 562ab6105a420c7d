//! What attempts mean beyond their own deliveries: endpoints to disable, endpoints that fail, what
//! organisations are told, and figures. Pure.
//!
//! Only attempts that history did not have before are looked at, so a batch that is written again
//! changes nothing.
//!
//! *Not guaranteed*: order between batches. A failure that is written after a success which came a
//! moment later begins a streak that is too old by that moment, which is nothing beside days.

use std::collections::BTreeMap;
use std::time::Duration;

use posthorn_event_schema::{AttemptRecord, Outcome, Progress, Timestamp, Trigger};

use super::rollup::Counted;

/// A delivery is told as failing after this many failed attempts. *Source*: Svix's
/// `message.attempt.failing`.
const FAILING_AFTER: u16 = 4;

/// What the new attempts of a batch mean.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Aftermath<'a> {
    /// By endpoint, whose receiver asks to be disabled: the wish that was seen at the latest version.
    pub(super) orders: BTreeMap<&'a str, &'a AttemptRecord>,
    /// By endpoint, in the key's order: two writers that share rows then lock them in one order.
    pub(super) streaks: BTreeMap<&'a str, Streak>,
    /// What organisations are told, if they want to know.
    pub(super) notices: Vec<(Notice, &'a AttemptRecord)>,
    /// How many attempts ended alike.
    pub(super) counts: BTreeMap<Counted<'a>, i64>,
}

/// What a batch says about how an endpoint does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Streak {
    /// It succeeded: what failed before does not count any more.
    pub(super) succeeded: bool,
    /// The failures after that.
    pub(super) failed: Option<Failed>,
}

/// Failures without a success in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// When a delivery last failed for good.
    pub(super) exhausted: Option<Timestamp>,
}

/// What an organisation is told of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    Failing,
    Exhausted,
    Recovered,
}

impl Notice {
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Failing => "message.attempt.failing",
            Self::Exhausted => "message.attempt.exhausted",
            Self::Recovered => "message.attempt.recovered",
        }
    }

    /// What a person asked for by hand is not told: that person knows.
    fn after(trigger: Trigger, number: u16, progress: Progress) -> Option<Self> {
        match (trigger, progress) {
            (Trigger::Manual, _) => None,
            (Trigger::Scheduled, Progress::Exhausted) => Some(Self::Exhausted),
            (Trigger::Scheduled, Progress::Waiting { .. }) => {
                (number == FAILING_AFTER).then_some(Self::Failing)
            }
            (Trigger::Scheduled, Progress::Delivered) => {
                (number > FAILING_AFTER).then_some(Self::Recovered)
            }
        }
    }
}

impl<'a> Aftermath<'a> {
    /// Looks at the attempts among `outcomes` that are new; `new` says of each attempt, in their order,
    /// whether it is.
    pub(super) fn of(outcomes: &'a [Outcome], new: &[bool]) -> Self {
        let attempts = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Attempt(attempt) => Some(attempt),
            Outcome::Fanout(_) | Outcome::Cancelled(_) => None,
        });
        let mut attempts: Vec<&AttemptRecord> = attempts
            .zip(new)
            .filter_map(|(attempt, new)| new.then_some(attempt))
            .collect();
        attempts.sort_by_key(|attempt| ended_at(attempt));
        let mut aftermath = Self::default();
        for attempt in attempts {
            aftermath.add(attempt);
        }
        aftermath
    }

    fn add(&mut self, attempt: &'a AttemptRecord) {
        let endpoint = attempt.endpoint.as_str();
        if attempt.wish.is_some_and(|wish| wish.asks.disables()) {
            let version = |attempt: &AttemptRecord| attempt.wish.map(|w| w.endpoint_version);
            let known = self.orders.get(endpoint).copied();
            if known.is_none_or(|known| version(known) < version(attempt)) {
                self.orders.insert(endpoint, attempt);
            }
        }
        self.streaks.entry(endpoint).or_default().add(attempt);
        *self.counts.entry(Counted::of(attempt)).or_default() += 1;
        let number = attempt.attempt.get();
        if let Some(notice) = Notice::after(attempt.trigger, number, attempt.progress) {
            self.notices.push((notice, attempt));
        }
    }
}

impl Streak {
    fn add(&mut self, attempt: &AttemptRecord) {
        let at = ended_at(attempt);
        if attempt.progress == Progress::Delivered {
            *self = Self {
                succeeded: true,
                failed: None,
            };
        } else if attempt.trigger == Trigger::Scheduled {
            let failed = self.failed.get_or_insert(Failed {
                first: at,
                last: at,
                exhausted: None,
            });
            failed.last = at;
            if attempt.progress == Progress::Exhausted {
                failed.exhausted = Some(at);
            }
        }
    }
}

/// When the answer was there.
pub(super) fn ended_at(attempt: &AttemptRecord) -> Timestamp {
    let took = Duration::from_millis(attempt.duration_ms);
    attempt.started_at.plus(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_told_as_failing_once_and_as_recovered_only_after_that() {
        let waiting = Progress::Waiting {
            next_attempt_at: Timestamp::default(),
        };
        for (trigger, number, progress, expected) in [
            (Trigger::Scheduled, 3, waiting, None),
            (Trigger::Scheduled, 4, waiting, Some(Notice::Failing)),
            (Trigger::Scheduled, 5, waiting, None),
            // The schedule has no attempt left: that says more.
            (
                Trigger::Scheduled,
                4,
                Progress::Exhausted,
                Some(Notice::Exhausted),
            ),
            (
                Trigger::Scheduled,
                1,
                Progress::Exhausted,
                Some(Notice::Exhausted),
            ),
            (Trigger::Scheduled, 4, Progress::Delivered, None),
            (
                Trigger::Scheduled,
                5,
                Progress::Delivered,
                Some(Notice::Recovered),
            ),
            (Trigger::Manual, 1, Progress::Exhausted, None),
        ] {
            let found = Notice::after(trigger, number, progress);
            assert_eq!(found, expected, "{trigger:?} {number} {progress:?}");
        }
    }
}
