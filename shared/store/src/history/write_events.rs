//! Writing accepted events, a batch at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use posthorn_event_schema::{Channel, Event};
use time::{Date, OffsetDateTime};

use super::days::day_to_write;
use crate::column::{clean, get};
use crate::{Store, StoreError};

/// Bodies that live this long live as long as their row. *Source*: the longest retention of a
/// payload in Svix's API, 90 days.
const LONGEST_RETENTION_HOURS: u32 = 90 * 24;

/// The events that are new are counted in the same statement.
const INSERT: &str = "
    WITH new AS (
    INSERT INTO events (accepted_at, body_expires_at, day, application_id, id, organization_id,
                        event_type, producer_key, trace_id, channels, tags, body, deliver_at,
                        expires_at)
    SELECT n.accepted_at, n.body_expires_at, n.day, n.application_id, n.id, n.organization_id,
           n.event_type, n.producer_key, n.trace_id,
           CASE WHEN n.channels IS NULL THEN '{}'
                ELSE ARRAY(SELECT jsonb_array_elements_text(n.channels::jsonb)) END,
           CASE WHEN n.tags IS NULL THEN '{}'
                ELSE ARRAY(SELECT jsonb_array_elements_text(n.tags::jsonb)) END,
           n.body, n.deliver_at, n.expires_at
    FROM unnest($1::timestamptz[], $2::timestamptz[], $3::date[], $4::text[], $5::text[],
                $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
                $12::bytea[], $13::timestamptz[], $14::timestamptz[])
        AS n (accepted_at, body_expires_at, day, application_id, id, organization_id, event_type,
              producer_key, trace_id, channels, tags, body, deliver_at, expires_at)
    ON CONFLICT DO NOTHING RETURNING accepted_at, application_id),
    counted AS (
    INSERT INTO figures_pending (minute, count, kind, latency, application_id, endpoint_id)
    SELECT date_trunc('minute', accepted_at, 'UTC') AS minute, count(*), 0, 0, application_id, ''
    FROM new GROUP BY minute, application_id)
    SELECT count(*) AS found FROM new";

impl Store {
    /// Writes accepted events; says how many were new.
    ///
    /// The caller bounds the batch: all bodies together must stay well below PostgreSQL's limit of
    /// 1 GiB per message.
    ///
    /// *Guarantee*: once it returns `Ok`, every event of the batch is durable. It is one
    /// statement, so after an `Err` either all or none of it was written; repeating it is harmless.
    /// Shown by `writing_events_twice_changes_nothing`.
    ///
    /// # Errors
    /// With [`StoreError::is_data`], at least one event can never be written: try its neighbours
    /// without it. With any other error, repeat the batch later.
    pub async fn write_events(&self, events: &[Event]) -> Result<u64, StoreError> {
        let columns = EventColumns::of(events)?;
        let days: BTreeSet<Date> = columns.days.iter().copied().collect();
        self.ensure_days(&days).await?;
        match self.insert_events(&columns).await {
            Err(StoreError::NoPartition) => {
                self.known_days.forget();
                self.ensure_days(&days).await?;
                self.insert_events(&columns).await
            }
            result => result,
        }
    }

    async fn insert_events(&self, c: &EventColumns<'_>) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        let params: crate::pool::Params<'_> = &[
            &c.accepted_at,
            &c.body_expires_at,
            &c.days,
            &c.applications,
            &c.ids,
            &c.organizations,
            &c.event_types,
            &c.producer_keys,
            &c.trace_ids,
            &c.channels,
            &c.tags,
            &c.bodies,
            &c.deliver_at,
            &c.expires_at,
        ];
        let row = client.query_opt(INSERT, params).await?;
        let found: i64 = row.map_or(Ok(0), |row| get(&row, "found"))?;
        Ok(u64::try_from(found).unwrap_or_default())
    }
}

/// A batch, column by column, as `unnest` takes it.
#[derive(Default)]
struct EventColumns<'a> {
    accepted_at: Vec<OffsetDateTime>,
    body_expires_at: Vec<Option<OffsetDateTime>>,
    days: Vec<Date>,
    applications: Vec<&'a str>,
    ids: Vec<&'a str>,
    organizations: Vec<&'a str>,
    event_types: Vec<&'a str>,
    producer_keys: Vec<Option<&'a str>>,
    trace_ids: Vec<Option<std::borrow::Cow<'a, str>>>,
    channels: Vec<Option<String>>,
    tags: Vec<Option<String>>,
    bodies: Vec<&'a [u8]>,
    deliver_at: Vec<Option<OffsetDateTime>>,
    expires_at: Vec<Option<OffsetDateTime>>,
}

impl<'a> EventColumns<'a> {
    fn of(events: &'a [Event]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for event in events {
            columns.push(event)?;
        }
        Ok(columns)
    }

    fn push(&mut self, event: &'a Event) -> Result<(), StoreError> {
        let meta = &event.meta;
        self.days.push(day_to_write(meta.accepted_at)?);
        self.accepted_at.push(meta.accepted_at.to_date_time());
        self.body_expires_at.push(body_expiry(event));
        self.applications.push(meta.application.as_str());
        self.ids.push(meta.id.as_str());
        self.organizations.push(meta.organization.as_str());
        self.event_types.push(meta.event_type.as_str());
        self.producer_keys
            .push(meta.producer_key.as_ref().map(|key| key.as_str()));
        self.trace_ids.push(meta.trace_id.as_deref().map(clean));
        self.channels
            .push(json_array(meta.channels.iter().map(Channel::as_str)));
        self.tags
            .push(json_array(meta.tags.iter().map(String::as_str)));
        self.bodies.push(&event.body);
        self.deliver_at
            .push(meta.deliver_at.map(|at| at.to_date_time()));
        self.expires_at
            .push(meta.expires_at.map(|at| at.to_date_time()));
        Ok(())
    }
}

/// When the body must be gone; `None` when that is not before its row is dropped.
fn body_expiry(event: &Event) -> Option<OffsetDateTime> {
    let hours = event.meta.retention_hours;
    let kept = Duration::from_secs(u64::from(hours) * 3_600);
    (hours < LONGEST_RETENTION_HOURS).then(|| event.meta.accepted_at.plus(kept).to_date_time())
}

/// A list inside a column of `unnest`, which would flatten an array of arrays.
fn json_array<'a>(texts: impl Iterator<Item = &'a str>) -> Option<String> {
    let texts: Vec<serde_json::Value> = texts
        .map(|text| serde_json::Value::from(clean(text).into_owned()))
        .collect();
    (!texts.is_empty()).then(|| serde_json::Value::from(texts).to_string())
}
