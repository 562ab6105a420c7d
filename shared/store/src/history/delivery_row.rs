//! What a batch knows of a delivery, as its row.

use posthorn_event_schema::Timestamp;
use time::{Date, OffsetDateTime};
use tokio_postgres::types::{ToSql, Type};

use super::DeliveryState;
use super::facts::DeliveryFacts;
use super::write_attempts::next_attempt_at;
use crate::append::Row;
use crate::column::trigger_code;

/// A row of `deliveries`, but for the state, which follows from it.
pub(super) struct DeliveryRow<'a> {
    pub(super) accepted_at: OffsetDateTime,
    pub(super) decided_at: Option<OffsetDateTime>,
    pub(super) cancelled_at: Option<OffsetDateTime>,
    pub(super) next_attempt_at: Option<OffsetDateTime>,
    pub(super) last_started_at: Option<OffsetDateTime>,
    pub(super) day: Date,
    pub(super) attempts: i32,
    pub(super) last_number: Option<i32>,
    pub(super) last_status: Option<i32>,
    pub(super) last_progress: Option<i16>,
    pub(super) trigger: Option<i16>,
    pub(super) application: &'a str,
    pub(super) id: String,
    pub(super) event: &'a str,
    pub(super) endpoint: &'a str,
    pub(super) event_type: Option<&'a str>,
    pub(super) cancel_reason: Option<&'static str>,
    pub(super) last_attempt_id: Option<&'a str>,
    pub(super) last_failure: Option<&'static str>,
    /// See [`DeliveryFacts::is_whole`].
    pub(super) is_whole: bool,
}

impl<'a> DeliveryRow<'a> {
    pub(super) fn of(day: Date, facts: &DeliveryFacts<'a>) -> Self {
        let last = facts.last;
        Self {
            accepted_at: facts.accepted_at.to_date_time(),
            decided_at: facts.decided_at.map(Timestamp::to_date_time),
            cancelled_at: facts.cancelled.map(|(at, _)| at.to_date_time()),
            next_attempt_at: last.and_then(next_attempt_at),
            last_started_at: last.map(|a| a.started_at.to_date_time()),
            day,
            attempts: i32::from(facts.attempts),
            last_number: last.map(|a| i32::from(a.attempt.get())),
            last_status: last.and_then(|a| a.response.status).map(i32::from),
            last_progress: last.map(|a| DeliveryState::of(a.progress).code()),
            trigger: facts.trigger.map(trigger_code),
            application: facts.application.as_str(),
            id: facts.id.to_string(),
            event: facts.event.as_str(),
            endpoint: facts.endpoint.as_str(),
            event_type: facts.event_type.map(|t| t.as_str()),
            cancel_reason: facts.cancelled.map(|(_, reason)| reason),
            last_attempt_id: last.map(|a| a.id.as_str()),
            last_failure: last.and_then(|a| a.failure).map(|class| class.as_str()),
            is_whole: facts.is_whole(),
        }
    }
}

impl Row for &DeliveryRow<'_> {
    const TABLE: &'static str = "deliveries";
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("accepted_at", Type::TIMESTAMPTZ),
        ("decided_at", Type::TIMESTAMPTZ),
        ("cancelled_at", Type::TIMESTAMPTZ),
        ("next_attempt_at", Type::TIMESTAMPTZ),
        ("last_started_at", Type::TIMESTAMPTZ),
        ("day", Type::DATE),
        ("attempts", Type::INT4),
        ("last_number", Type::INT4),
        ("last_status", Type::INT4),
        ("last_progress", Type::INT2),
        ("trigger", Type::INT2),
        ("application_id", Type::TEXT),
        ("id", Type::TEXT),
        ("event_id", Type::TEXT),
        ("endpoint_id", Type::TEXT),
        ("event_type", Type::TEXT),
        ("cancel_reason", Type::TEXT),
        ("last_attempt_id", Type::TEXT),
        ("last_failure", Type::TEXT),
    ];

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.accepted_at,
            &self.decided_at,
            &self.cancelled_at,
            &self.next_attempt_at,
            &self.last_started_at,
            &self.day,
            &self.attempts,
            &self.last_number,
            &self.last_status,
            &self.last_progress,
            &self.trigger,
            &self.application,
            &self.id,
            &self.event,
            &self.endpoint,
            &self.event_type,
            &self.cancel_reason,
            &self.last_attempt_id,
            &self.last_failure,
        ]
    }
}
