//! An endpoint's events: each event that was to go to it, with the delivery that says most.

use posthorn_event_schema::{ApplicationId, EndpointId, EventId};
use tokio_postgres::Row;

use super::deliveries::{self, StoredDelivery, rank};
use super::events::{self, Content, EventFilter, StoredEvent, anchor, window};
use super::{DeliveryState, state};
use crate::{Page, Slice, Store, StoreError};

/// An event at an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointEvent {
    /// The event.
    pub event: StoredEvent,
    /// Where its delivery stands: of the scheduled one and its replays, the one that says most.
    pub delivery: StoredDelivery,
}

/// Which of an endpoint's events to list.
#[derive(Debug, Clone, Default)]
pub struct EndpointEventFilter {
    /// What the events are like.
    pub event: EventFilter,
    /// Where their deliveries stand; empty = anywhere.
    pub states: Vec<DeliveryState>,
}

impl Store {
    /// Lists the events that were to go to an endpoint, newest first, each once.
    ///
    /// A page reaches 90 days, as [`Store::list_events`] does.
    ///
    /// # Errors
    /// [`StoreError::UnknownIterator`] when the page's position names no event; otherwise when
    /// PostgreSQL does not answer.
    pub async fn list_endpoint_events(
        &self,
        application: &ApplicationId,
        endpoint: &EndpointId,
        filter: &EndpointEventFilter,
        content: Content,
        page: &Page<EventId>,
    ) -> Result<Slice<EndpointEvent>, StoreError> {
        let mut client = self.client().await?;
        let anchor = anchor(&mut client, application, page).await?;
        let window = window(&filter.event, page, anchor.as_ref());
        let days = window.days();
        let params: crate::pool::Params<'_> = &[
            &application.as_str(),
            &endpoint.as_str(),
            &days.first,
            &days.last,
            &window.from.to_date_time(),
            &window.until.to_date_time(),
            &anchor.as_ref().map(|(at, _)| at.to_date_time()),
            &anchor.as_ref().map(|(_, id)| id.as_str()),
            &filter.event.types(),
            &filter.event.channel_names(),
            &filter.event.tag,
            &state::codes(&filter.states),
            &(content == Content::Read),
            &page.rows_to_read(),
        ];
        let rows = client.query(&select(window.sql()), params).await?;
        let items = rows.iter().map(|row| read(row, content));
        Ok(Slice::cut(
            items.collect::<Result<_, _>>()?,
            page.limit,
            window.ascending,
        ))
    }
}

/// Replays of an event are rows of their own, so a row counts only if none says more.
fn select((beyond, order): (&str, &str)) -> String {
    format!(
        "SELECT {}, {} FROM deliveries d \
         JOIN events e ON e.application_id = d.application_id AND e.id = d.event_id \
                      AND e.day = d.day \
         WHERE d.application_id = $1 AND d.endpoint_id = $2 AND d.day BETWEEN $3 AND $4 \
           AND d.accepted_at BETWEEN $5 AND $6 \
           AND ($7::timestamptz IS NULL OR (d.accepted_at, d.event_id) {beyond} ($7, $8)) \
           AND ($9::text[] IS NULL OR e.event_type = ANY($9)) \
           AND ($10::text[] IS NULL OR e.channels && $10) \
           AND ($11::text IS NULL OR $11 = ANY(e.tags)) \
           AND ($12::smallint[] IS NULL OR d.state = ANY($12)) \
           AND NOT EXISTS ( \
               SELECT FROM deliveries o \
               WHERE o.application_id = d.application_id AND o.day = d.day \
                 AND o.id >= d.event_id || '.' || d.endpoint_id \
                 AND o.id < d.event_id || '.' || d.endpoint_id || '/' \
                 AND o.endpoint_id = d.endpoint_id \
                 AND ({}, o.id) > ({}, d.id)) \
         ORDER BY d.accepted_at {order}, d.event_id {order} LIMIT $14",
        events::columns("$13"),
        deliveries::COLUMNS,
        rank("o"),
        rank("d"),
    )
}

fn read(row: &Row, content: Content) -> Result<EndpointEvent, StoreError> {
    Ok(EndpointEvent {
        event: events::read(row, content)?,
        delivery: deliveries::read(row)?,
    })
}
