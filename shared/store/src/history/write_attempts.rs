//! Attempts, as rows of history.

use std::borrow::Cow;

use posthorn_event_schema::{AttemptRecord, HeadersText, Progress};
use time::{Date, OffsetDateTime};
use tokio_postgres::types::{ToSql, Type};

use super::DeliveryState;
use crate::append::Row;
use crate::column::{clean, trigger_code};

/// An attempt, as its row.
pub(super) struct AttemptRow<'a> {
    started_at: OffsetDateTime,
    next_attempt_at: Option<OffsetDateTime>,
    duration_ms: i64,
    day: Date,
    number: i32,
    status: Option<i32>,
    state: i16,
    trigger: i16,
    truncated: bool,
    application: &'a str,
    event: &'a str,
    id: &'a str,
    endpoint: &'a str,
    delivery: &'a str,
    event_type: &'a str,
    failure: Option<&'static str>,
    trace_id: Option<Cow<'a, str>>,
    url: Cow<'a, str>,
    response: Cow<'a, str>,
    headers: Option<&'a str>,
    wish: Option<&'static str>,
}

impl<'a> AttemptRow<'a> {
    pub(super) fn of(day: Date, attempt: &'a AttemptRecord) -> Self {
        Self {
            started_at: attempt.started_at.to_date_time(),
            next_attempt_at: next_attempt_at(attempt),
            duration_ms: i64::try_from(attempt.duration_ms).unwrap_or(i64::MAX),
            day,
            number: i32::from(attempt.attempt.get()),
            status: attempt.response.status.map(i32::from),
            state: DeliveryState::of(attempt.progress).code(),
            trigger: trigger_code(attempt.trigger),
            truncated: attempt.response.truncated,
            application: attempt.application.as_str(),
            event: attempt.event.as_str(),
            id: attempt.id.as_str(),
            endpoint: attempt.endpoint.as_str(),
            delivery: attempt.delivery.as_str(),
            event_type: attempt.event_type.as_str(),
            failure: attempt.failure.map(|class| class.as_str()),
            trace_id: attempt.trace_id.as_deref().map(clean),
            url: clean(&attempt.url),
            response: clean(&attempt.response.text),
            // JSON, where a NUL is written in other characters.
            headers: attempt.headers.as_ref().map(HeadersText::as_str),
            wish: attempt.wish.map(|wish| wish.asks.as_str()),
        }
    }
}

impl Row for AttemptRow<'_> {
    const TABLE: &'static str = "attempts";
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("started_at", Type::TIMESTAMPTZ),
        ("next_attempt_at", Type::TIMESTAMPTZ),
        ("duration_ms", Type::INT8),
        ("day", Type::DATE),
        ("number", Type::INT4),
        ("status", Type::INT4),
        ("state", Type::INT2),
        ("trigger", Type::INT2),
        ("truncated", Type::BOOL),
        ("application_id", Type::TEXT),
        ("event_id", Type::TEXT),
        ("id", Type::TEXT),
        ("endpoint_id", Type::TEXT),
        ("delivery_id", Type::TEXT),
        ("event_type", Type::TEXT),
        ("failure", Type::TEXT),
        ("trace_id", Type::TEXT),
        ("url", Type::TEXT),
        ("response", Type::TEXT),
        ("headers", Type::TEXT),
        ("wish", Type::TEXT),
    ];

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.started_at,
            &self.next_attempt_at,
            &self.duration_ms,
            &self.day,
            &self.number,
            &self.status,
            &self.state,
            &self.trigger,
            &self.truncated,
            &self.application,
            &self.event,
            &self.id,
            &self.endpoint,
            &self.delivery,
            &self.event_type,
            &self.failure,
            &self.trace_id,
            &self.url,
            &self.response,
            &self.headers,
            &self.wish,
        ]
    }
}

/// When the next attempt is due, if one follows.
pub(super) fn next_attempt_at(attempt: &AttemptRecord) -> Option<OffsetDateTime> {
    match attempt.progress {
        Progress::Waiting { next_attempt_at } => Some(next_attempt_at.to_date_time()),
        Progress::Delivered | Progress::Exhausted => None,
    }
}
