//! Writing accepted events, a batch at a time.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use posthorn_event_schema::{Channel, Event};
use time::{Date, OffsetDateTime};
use tokio_postgres::types::{ToSql, Type};

use super::days::day_to_write;
use super::rollup::{self, Counted};
use crate::append::{Expected, Row, append};
use crate::column::clean;
use crate::{Store, StoreError};

/// Bodies that live this long live as long as their row. *Source*: the longest retention of a
/// payload in Svix's API, 90 days.
const LONGEST_RETENTION_HOURS: u32 = 90 * 24;

impl Store {
    /// Writes accepted events; says how many were new.
    ///
    /// The caller bounds the batch: all bodies together must stay well below PostgreSQL's limit of
    /// 1 GiB per message.
    ///
    /// *Guarantee*: once it returns `Ok`, every event of the batch is durable. It is one
    /// transaction, so after an `Err` either all or none of it was written; repeating it is harmless.
    /// Shown by `writing_events_twice_changes_nothing`.
    ///
    /// # Errors
    /// With [`StoreError::is_data`], at least one event can never be written: try its neighbours
    /// without it. With any other error, repeat the batch later.
    pub async fn write_events(&self, events: &[Event]) -> Result<u64, StoreError> {
        let rows = events.iter().map(EventRow::of);
        let rows: Vec<EventRow<'_>> = rows.collect::<Result<_, _>>()?;
        let days: BTreeSet<Date> = rows.iter().map(|row| row.day).collect();
        self.ensure_days(&days).await?;
        match self.insert_events(events, &rows, Expected::New).await {
            Err(StoreError::NoPartition) => {
                self.known_days.forget();
                self.ensure_days(&days).await?;
            }
            Err(StoreError::Conflict { .. }) => {}
            result => return result,
        }
        self.insert_events(events, &rows, Expected::SomeKnown).await
    }

    async fn insert_events(
        &self,
        events: &[Event],
        rows: &[EventRow<'_>],
        expected: Expected,
    ) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        let new = append(rows, expected, &mut transaction).await?;
        let mut found = 0;
        let mut counts = BTreeMap::new();
        for (event, _) in events.iter().zip(new).filter(|(_, new)| *new) {
            found += 1;
            *counts.entry(Counted::accepted(&event.meta)).or_default() += 1;
        }
        rollup::note(&counts, &mut transaction).await?;
        transaction.commit().await?;
        Ok(found)
    }
}

/// An event, as its row.
struct EventRow<'a> {
    accepted_at: OffsetDateTime,
    body_expires_at: Option<OffsetDateTime>,
    day: Date,
    application: &'a str,
    id: &'a str,
    organization: &'a str,
    event_type: &'a str,
    producer_key: Option<&'a str>,
    trace_id: Option<Cow<'a, str>>,
    channels: Vec<Cow<'a, str>>,
    tags: Vec<Cow<'a, str>>,
    body: &'a [u8],
    deliver_at: Option<OffsetDateTime>,
    expires_at: Option<OffsetDateTime>,
}

impl<'a> EventRow<'a> {
    fn of(event: &'a Event) -> Result<Self, StoreError> {
        let meta = &event.meta;
        let channels = meta.channels.iter().map(Channel::as_str);
        let tags = meta.tags.iter().map(String::as_str);
        Ok(Self {
            accepted_at: meta.accepted_at.to_date_time(),
            body_expires_at: body_expiry(event),
            day: day_to_write(meta.accepted_at)?,
            application: meta.application.as_str(),
            id: meta.id.as_str(),
            organization: meta.organization.as_str(),
            event_type: meta.event_type.as_str(),
            producer_key: meta.producer_key.as_ref().map(|key| key.as_str()),
            trace_id: meta.trace_id.as_deref().map(clean),
            channels: channels.map(clean).collect(),
            tags: tags.map(clean).collect(),
            body: &event.body,
            deliver_at: meta.deliver_at.map(|at| at.to_date_time()),
            expires_at: meta.expires_at.map(|at| at.to_date_time()),
        })
    }
}

impl Row for EventRow<'_> {
    const TABLE: &'static str = "events";
    const COLUMNS: &'static [(&'static str, Type)] = &[
        ("accepted_at", Type::TIMESTAMPTZ),
        ("body_expires_at", Type::TIMESTAMPTZ),
        ("day", Type::DATE),
        ("application_id", Type::TEXT),
        ("id", Type::TEXT),
        ("organization_id", Type::TEXT),
        ("event_type", Type::TEXT),
        ("producer_key", Type::TEXT),
        ("trace_id", Type::TEXT),
        ("channels", Type::TEXT_ARRAY),
        ("tags", Type::TEXT_ARRAY),
        ("body", Type::BYTEA),
        ("deliver_at", Type::TIMESTAMPTZ),
        ("expires_at", Type::TIMESTAMPTZ),
    ];

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.accepted_at,
            &self.body_expires_at,
            &self.day,
            &self.application,
            &self.id,
            &self.organization,
            &self.event_type,
            &self.producer_key,
            &self.trace_id,
            &self.channels,
            &self.tags,
            &self.body,
            &self.deliver_at,
            &self.expires_at,
        ]
    }
}

/// When the body must be gone; `None` when that is not before its row is dropped.
fn body_expiry(event: &Event) -> Option<OffsetDateTime> {
    let hours = event.meta.retention_hours;
    let kept = Duration::from_secs(u64::from(hours) * 3_600);
    (hours < LONGEST_RETENTION_HOURS).then(|| event.meta.accepted_at.plus(kept).to_date_time())
}
