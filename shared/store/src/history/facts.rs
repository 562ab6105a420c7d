//! What a delivery's row knows, and how two pieces of knowledge become one.
//!
//! Outcomes arrive in any order and more than once. [`DeliveryFacts::merge`] is commutative,
//! associative and idempotent, so every order ends in the same row. The upsert in
//! `write_deliveries` is the same function in SQL; `any_order_of_outcomes_ends_in_the_same_rows`
//! holds the two together.

use posthorn_event_schema::{
    ApplicationId, AttemptId, AttemptNumber, AttemptRecord, DeliveryCancelled, DeliveryId,
    EndpointId, EventId, EventType, FanoutVerdict, Progress, Timestamp, Trigger,
};

use super::DeliveryState;

/// What a batch knows of one delivery.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeliveryFacts<'a> {
    pub(crate) id: DeliveryId,
    pub(crate) application: &'a ApplicationId,
    pub(crate) event: &'a EventId,
    pub(crate) endpoint: &'a EndpointId,
    pub(crate) event_type: Option<&'a EventType>,
    pub(crate) trigger: Option<Trigger>,
    /// When the event was accepted; the earliest, should there be two copies of it.
    pub(crate) accepted_at: Timestamp,
    /// The earliest decision to deliver.
    pub(crate) decided_at: Option<Timestamp>,
    /// The earliest cancellation.
    pub(crate) cancelled: Option<(Timestamp, &'static str)>,
    /// The highest attempt.
    pub(crate) attempts: u16,
    /// The attempt that decides.
    pub(crate) last: Option<&'a AttemptRecord>,
}

impl<'a> DeliveryFacts<'a> {
    pub(crate) fn matched(verdict: &'a FanoutVerdict, endpoint: &'a EndpointId) -> Self {
        Self {
            id: DeliveryId::scheduled(&verdict.event, endpoint),
            application: &verdict.application,
            event: &verdict.event,
            endpoint,
            event_type: Some(&verdict.event_type),
            trigger: Some(Trigger::Scheduled),
            accepted_at: verdict.accepted_at,
            decided_at: Some(verdict.decided_at),
            cancelled: None,
            attempts: 0,
            last: None,
        }
    }

    pub(crate) fn attempted(attempt: &'a AttemptRecord) -> Self {
        Self {
            id: attempt.delivery.clone(),
            application: &attempt.application,
            event: &attempt.event,
            endpoint: &attempt.endpoint,
            event_type: Some(&attempt.event_type),
            trigger: Some(attempt.trigger),
            accepted_at: attempt.accepted_at,
            decided_at: None,
            cancelled: None,
            attempts: attempt.attempt.get(),
            last: Some(attempt),
        }
    }

    pub(crate) fn cancelled(cancelled: &'a DeliveryCancelled) -> Self {
        Self {
            id: cancelled.delivery.clone(),
            application: &cancelled.application,
            event: &cancelled.event,
            endpoint: &cancelled.endpoint,
            event_type: None,
            trigger: None,
            accepted_at: cancelled.accepted_at,
            decided_at: None,
            cancelled: Some((cancelled.at, cancelled.reason.as_str())),
            attempts: 0,
            last: None,
        }
    }

    /// Whether it is all there is to say of a delivery that succeeded at once: its decision and its first
    /// attempt. Unless it is written again, no row of it is there yet.
    pub(crate) fn is_whole(&self) -> bool {
        let succeeded = |attempt: &AttemptRecord| attempt.progress == Progress::Delivered;
        self.decided_at.is_some()
            && self.cancelled.is_none()
            && self.attempts == 1
            && self.last.is_some_and(succeeded)
    }

    /// Adds what another piece knows of the same delivery.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.event_type = self.event_type.or(other.event_type);
        self.trigger = self.trigger.or(other.trigger);
        self.accepted_at = self.accepted_at.min(other.accepted_at);
        self.decided_at = earliest(self.decided_at, other.decided_at);
        self.cancelled = earliest(self.cancelled, other.cancelled);
        self.attempts = self.attempts.max(other.attempts);
        let attempts = [self.last, other.last].into_iter().flatten();
        self.last = attempts.max_by(|a, b| weight(a).cmp(&weight(b)));
    }
}

/// How much an attempt says about its delivery: a success always stands, a later attempt tells
/// more than an earlier one.
fn weight(attempt: &AttemptRecord) -> (DeliveryState, AttemptNumber, Timestamp, &AttemptId) {
    (
        DeliveryState::of(attempt.progress),
        attempt.attempt,
        attempt.started_at,
        &attempt.id,
    )
}

fn earliest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    [one, other].into_iter().flatten().min()
}
