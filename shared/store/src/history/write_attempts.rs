//! Writing attempts.

use std::borrow::Cow;
use std::collections::HashSet;

use posthorn_event_schema::{AttemptRecord, Progress};
use time::{Date, OffsetDateTime};

use super::DeliveryState;
use crate::StoreError;
use crate::column::{clean, get, trigger_code};
use crate::pool::{Params, Transaction};

const INSERT: &str = "
    INSERT INTO attempts (started_at, next_attempt_at, duration_ms, day, number, status, state,
                          trigger, truncated, application_id, event_id, id, endpoint_id,
                          delivery_id, event_type, failure, trace_id, url, response, headers, wish)
    SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[], $3::bigint[], $4::date[], $5::int[],
                         $6::int[], $7::smallint[], $8::smallint[], $9::bool[], $10::text[],
                         $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
                         $16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
                         $21::text[])
    ON CONFLICT DO NOTHING RETURNING id";

/// Attempts, column by column, as `unnest` takes them.
#[derive(Default)]
pub(super) struct AttemptColumns<'a> {
    started_at: Vec<OffsetDateTime>,
    next_attempt_at: Vec<Option<OffsetDateTime>>,
    duration_ms: Vec<i64>,
    days: Vec<Date>,
    numbers: Vec<i32>,
    statuses: Vec<Option<i32>>,
    states: Vec<i16>,
    triggers: Vec<i16>,
    truncated: Vec<bool>,
    applications: Vec<&'a str>,
    events: Vec<&'a str>,
    ids: Vec<&'a str>,
    endpoints: Vec<&'a str>,
    deliveries: Vec<&'a str>,
    event_types: Vec<&'a str>,
    failures: Vec<Option<&'static str>>,
    trace_ids: Vec<Option<Cow<'a, str>>>,
    urls: Vec<Cow<'a, str>>,
    responses: Vec<Cow<'a, str>>,
    headers: Vec<Option<String>>,
    wishes: Vec<Option<&'static str>>,
}

impl<'a> AttemptColumns<'a> {
    pub(super) fn push(&mut self, day: Date, attempt: &'a AttemptRecord) {
        self.started_at.push(attempt.started_at.to_date_time());
        self.next_attempt_at.push(next_attempt_at(attempt));
        self.duration_ms
            .push(i64::try_from(attempt.duration_ms).unwrap_or(i64::MAX));
        self.days.push(day);
        self.numbers.push(i32::from(attempt.attempt.get()));
        self.statuses.push(attempt.response.status.map(i32::from));
        self.states.push(DeliveryState::of(attempt.progress).code());
        self.triggers.push(trigger_code(attempt.trigger));
        self.truncated.push(attempt.response.truncated);
        self.applications.push(attempt.application.as_str());
        self.events.push(attempt.event.as_str());
        self.ids.push(attempt.id.as_str());
        self.endpoints.push(attempt.endpoint.as_str());
        self.deliveries.push(attempt.delivery.as_str());
        self.event_types.push(attempt.event_type.as_str());
        self.failures
            .push(attempt.failure.map(|class| class.as_str()));
        self.trace_ids.push(attempt.trace_id.as_deref().map(clean));
        self.urls.push(clean(&attempt.url));
        self.responses.push(clean(&attempt.response.text));
        // As JSON, where a NUL is written in other characters.
        let headers = attempt.headers.as_ref();
        self.headers
            .push(headers.and_then(|headers| serde_json::to_string(headers).ok()));
        self.wishes
            .push(attempt.wish.map(|wish| wish.asks.as_str()));
    }

    /// Inserts them and returns the ids of those that were not there before.
    pub(super) async fn insert(
        &self,
        transaction: &mut Transaction<'_>,
    ) -> Result<HashSet<String>, StoreError> {
        if self.ids.is_empty() {
            return Ok(HashSet::new());
        }
        let params: Params<'_> = &[
            &self.started_at,
            &self.next_attempt_at,
            &self.duration_ms,
            &self.days,
            &self.numbers,
            &self.statuses,
            &self.states,
            &self.triggers,
            &self.truncated,
            &self.applications,
            &self.events,
            &self.ids,
            &self.endpoints,
            &self.deliveries,
            &self.event_types,
            &self.failures,
            &self.trace_ids,
            &self.urls,
            &self.responses,
            &self.headers,
            &self.wishes,
        ];
        let rows = transaction.query(INSERT, params).await?;
        rows.iter().map(|row| get(row, "id")).collect()
    }
}

/// When the next attempt is due, if one follows.
pub(super) fn next_attempt_at(attempt: &AttemptRecord) -> Option<OffsetDateTime> {
    match attempt.progress {
        Progress::Waiting { next_attempt_at } => Some(next_attempt_at.to_date_time()),
        Progress::Delivered | Progress::Exhausted => None,
    }
}
