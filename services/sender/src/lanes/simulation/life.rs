//! The life of one delivery, and whether each of its attempts was allowed.

use std::time::Duration;

use posthorn_event_schema::{AttemptNumber, JobMeta, Timestamp};

use super::receiver::Receiver;
use super::summary::End;
use crate::retry::{LAST_CHANCE, RetrySchedule};

/// Moments that no schedule gave share a lane within so much.
const BUCKET: Duration = Duration::from_secs(16);

#[derive(Debug, Default)]
pub(super) struct Life {
    pub(super) starts: Vec<Timestamp>,
    /// The last request that counts.
    pub(super) last: Option<Request>,
    pub(super) in_flight: Option<Request>,
    pub(super) attempts: u16,
    pub(super) end: Option<End>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) ended_at: Timestamp,
    pub(super) asked_until: Option<Timestamp>,
}

/// A wait of the schedule at its shortest and at its longest.
fn bounds(wait: Duration) -> (Duration, Duration) {
    let tenth = wait / 10;
    let spread = if wait > Duration::from_secs(5) {
        tenth.max(Duration::from_secs(1))
    } else {
        tenth
    };
    (wait.saturating_sub(spread), wait + spread)
}

impl Life {
    /// Whether this attempt may be made now.
    pub(super) fn check_start(
        &self,
        receiver: &Receiver,
        meta: &JobMeta,
        schedule: &RetrySchedule,
        now: Timestamp,
    ) {
        let id = &meta.delivery;
        assert!(self.end.is_none(), "{id}: over");
        assert!(self.in_flight.is_none(), "{id}: twice at a time");
        let attempt = meta.attempt.get();
        assert_eq!(attempt, self.attempts + 1, "{id}: an attempt was lost");
        let most = receiver.own_schedule.as_ref().map_or(12, |_| 64);
        assert!(attempt <= most, "{id}: attempt {attempt}");
        assert!(now <= meta.deadline, "{id}: after its deadline");
        assert!(meta.expires_at.is_none_or(|at| now <= at), "{id}: expired");
        let Some(last) = self.last else { return };
        let wait = schedule.wait_after(AttemptNumber::new(attempt - 1));
        let (least, _) = bounds(wait.expect("the schedule allows it"));
        let last_chance = meta.deadline.minus(LAST_CHANCE);
        let due = last.ended_at.plus(least).min(last_chance);
        assert!(now >= due, "{id}: attempt {attempt} is early");
        let asked = last.asked_until.unwrap_or_default().min(last_chance);
        assert!(now >= asked, "{id}: attempt {attempt}, against a wish");
    }

    /// By how much an attempt comes later than it should.
    pub(super) fn lateness(
        &self,
        meta: &JobMeta,
        schedule: &RetrySchedule,
        now: Timestamp,
    ) -> Option<Duration> {
        let last = self.last?;
        let before = AttemptNumber::new(meta.attempt.get() - 1);
        let (_, most) = bounds(schedule.wait_after(before)?);
        let due = last.ended_at.plus(most);
        let due = match last.asked_until {
            Some(asked) if asked > due => asked.plus(BUCKET),
            _ => due,
        };
        Some(now.since(due.min(meta.deadline.minus(LAST_CHANCE))))
    }
}
