//! Reading events: one by id or by the producer's key, and an application's newest.

use bytes::Bytes;
use posthorn_event_schema::{
    ApplicationId, Channel, EventId, EventType, OrganizationId, ProducerKey, Timestamp,
};
use time::OffsetDateTime;
use tokio_postgres::Row;

use super::window::{Days, Window};
use crate::column::{get, moment, parsed, parsed_list, parsed_option};
use crate::pool::Client;
use crate::{Page, Position, Slice, Store, StoreError};

/// Whether a read fetches large contents: bodies of events, texts of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Fetch them.
    Read,
    /// Leave them out.
    Skip,
}

/// An event's body, as far as it was asked for and still exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The bytes as accepted.
    Bytes(Bytes),
    /// It was removed, by somebody or because its time was over.
    Expunged,
    /// It was not asked for.
    Skipped,
}

/// An event as history has it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its id.
    pub id: EventId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// Whose event it is.
    pub application: ApplicationId,
    /// What kind of event it is.
    pub event_type: EventType,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Its channels.
    pub channels: Vec<Channel>,
    /// Its labels.
    pub tags: Vec<String>,
    /// The producer's own key for it.
    pub producer_key: Option<ProducerKey>,
    /// The trace of its journey.
    pub trace_id: Option<String>,
    /// When its deliveries may begin; `None` = at once.
    pub deliver_at: Option<Timestamp>,
    /// After it no attempt starts, as its producer said; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// What endpoints receive.
    pub body: Body,
}

/// Where everything about an event stands in history: reads that follow from an event take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlace {
    /// Whose event it is.
    pub application: ApplicationId,
    /// The event.
    pub event: EventId,
    pub(crate) days: Days,
}

impl StoredEvent {
    /// Where its deliveries and attempts stand.
    #[must_use]
    pub fn place(&self) -> EventPlace {
        let days = Days::of(self.accepted_at);
        EventPlace {
            application: self.application.clone(),
            event: self.id.clone(),
            days,
        }
    }
}

/// Which events to list; what is empty or `None` excludes nothing.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of one of these types.
    pub event_types: Vec<EventType>,
    /// In one of these channels.
    pub channels: Vec<Channel>,
    /// With this label.
    pub tag: Option<String>,
    /// Accepted before this moment.
    pub before: Option<Timestamp>,
    /// Accepted after this moment.
    pub after: Option<Timestamp>,
}

impl EventFilter {
    pub(crate) fn types(&self) -> Option<Vec<&str>> {
        texts(&self.event_types, EventType::as_str)
    }

    pub(crate) fn channel_names(&self) -> Option<Vec<&str>> {
        texts(&self.channels, Channel::as_str)
    }
}

/// The texts of a filter; none means anything.
pub(crate) fn texts<T>(list: &[T], text: impl Fn(&T) -> &str) -> Option<Vec<&str>> {
    (!list.is_empty()).then(|| list.iter().map(text).collect())
}

/// The columns of an event in table `e`; `content` is the number of the parameter that asks for
/// the body.
pub(crate) fn columns(content: &str) -> String {
    format!(
        "e.id, e.organization_id, e.application_id, e.event_type, e.accepted_at, e.channels, \
         e.tags, e.producer_key, e.trace_id, e.deliver_at, e.expires_at, \
         e.body IS NULL AS expunged, \
         CASE WHEN {content} THEN e.body END AS body"
    )
}

impl Store {
    /// Finds an event by its id.
    ///
    /// An event that was accepted this instant may not be there yet: the recorder writes it within
    /// moments.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn event(
        &self,
        application: &ApplicationId,
        id: &EventId,
        content: Content,
    ) -> Result<Option<StoredEvent>, StoreError> {
        let sql = format!(
            "SELECT {} FROM events e \
             WHERE e.application_id = $1 AND e.id = $2 AND e.day BETWEEN $3 AND $4 \
             ORDER BY e.accepted_at LIMIT 1",
            columns("$5")
        );
        let wanted = content == Content::Read;
        let mut client = self.client().await?;
        for days in Days::to_search(id, now()) {
            let params: crate::pool::Params<'_> = &[
                &application.as_str(),
                &id.as_str(),
                &days.first,
                &days.last,
                &wanted,
            ];
            if let Some(row) = client.query_opt(&sql, params).await? {
                return read(&row, content).map(Some);
            }
        }
        Ok(None)
    }

    /// Finds the newest event with a producer's key.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn event_by_key(
        &self,
        application: &ApplicationId,
        key: &ProducerKey,
        content: Content,
    ) -> Result<Option<StoredEvent>, StoreError> {
        let sql = format!(
            "SELECT {} FROM events e WHERE e.application_id = $1 AND e.producer_key = $2 \
             ORDER BY e.accepted_at DESC LIMIT 1",
            columns("$3")
        );
        let wanted = content == Content::Read;
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&application.as_str(), &key.as_str(), &wanted])
            .await?;
        row.map(|row| read(&row, content)).transpose()
    }

    /// Lists an application's events, newest first.
    ///
    /// With `after` alone, the first page is the oldest one after that moment, newest first all the
    /// same. A page reaches 90 days.
    ///
    /// # Errors
    /// [`StoreError::UnknownIterator`] when the page's position names no event; otherwise when
    /// PostgreSQL does not answer.
    pub async fn list_events(
        &self,
        application: &ApplicationId,
        filter: &EventFilter,
        content: Content,
        page: &Page<EventId>,
    ) -> Result<Slice<StoredEvent>, StoreError> {
        let mut client = self.client().await?;
        let anchor = anchor(&mut client, application, page).await?;
        let window = window(filter, page, anchor.as_ref());
        let (beyond, order) = window.sql();
        let sql = format!(
            "SELECT {} FROM events e \
             WHERE e.application_id = $1 AND e.day BETWEEN $2 AND $3 \
               AND e.accepted_at BETWEEN $4 AND $5 \
               AND ($6::timestamptz IS NULL OR (e.accepted_at, e.id) {beyond} ($6, $7)) \
               AND ($8::text[] IS NULL OR e.event_type = ANY($8)) \
               AND ($9::text[] IS NULL OR e.channels && $9) \
               AND ($10::text IS NULL OR $10 = ANY(e.tags)) \
             ORDER BY e.accepted_at {order}, e.id {order} LIMIT $12",
            columns("$11")
        );
        let days = window.days();
        let params: crate::pool::Params<'_> = &[
            &application.as_str(),
            &days.first,
            &days.last,
            &window.from.to_date_time(),
            &window.until.to_date_time(),
            &anchor.as_ref().map(|(at, _)| at.to_date_time()),
            &anchor.as_ref().map(|(_, id)| id.as_str()),
            &filter.types(),
            &filter.channel_names(),
            &filter.tag,
            &(content == Content::Read),
            &page.rows_to_read(),
        ];
        let rows = client.query(&sql, params).await?;
        let events = rows.iter().map(|row| read(row, content));
        Ok(Slice::cut(
            events.collect::<Result<_, _>>()?,
            page.limit,
            window.ascending,
        ))
    }
}

/// The place of the item that a page adjoins.
pub(crate) async fn anchor(
    client: &mut Client,
    application: &ApplicationId,
    page: &Page<EventId>,
) -> Result<Option<(Timestamp, EventId)>, StoreError> {
    let (Position::Following(id) | Position::Preceding(id)) = &page.position else {
        return Ok(None);
    };
    let sql = "SELECT accepted_at FROM events \
               WHERE application_id = $1 AND id = $2 AND day BETWEEN $3 AND $4 \
               ORDER BY accepted_at LIMIT 1";
    for days in Days::to_search(id, now()) {
        let params: crate::pool::Params<'_> =
            &[&application.as_str(), &id.as_str(), &days.first, &days.last];
        if let Some(row) = client.query_opt(sql, params).await? {
            return Ok(Some((moment(&row, "accepted_at")?, id.clone())));
        }
    }
    Err(StoreError::UnknownIterator)
}

/// The window of a page of events.
pub(crate) fn window(
    filter: &EventFilter,
    page: &Page<EventId>,
    anchor: Option<&(Timestamp, EventId)>,
) -> Window {
    let ascending = match page.position {
        Position::Start => filter.after.is_some() && filter.before.is_none(),
        Position::Following(_) => false,
        Position::Preceding(_) => true,
    };
    Window::of(
        (filter.after, filter.before),
        anchor.map(|(at, _)| *at),
        ascending,
        now(),
    )
}

pub(crate) fn now() -> Timestamp {
    OffsetDateTime::now_utc().into()
}

pub(crate) fn read(row: &Row, content: Content) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        id: parsed(row, "id", EventId::parse)?,
        organization: parsed(row, "organization_id", OrganizationId::parse)?,
        application: parsed(row, "application_id", ApplicationId::parse)?,
        event_type: parsed(row, "event_type", EventType::parse)?,
        accepted_at: moment(row, "accepted_at")?,
        channels: parsed_list(row, "channels", Channel::parse)?.unwrap_or_default(),
        tags: get(row, "tags")?,
        producer_key: parsed_option(row, "producer_key", ProducerKey::parse)?,
        trace_id: get(row, "trace_id")?,
        deliver_at: get::<Option<OffsetDateTime>>(row, "deliver_at")?.map(Into::into),
        expires_at: get::<Option<OffsetDateTime>>(row, "expires_at")?.map(Into::into),
        body: body(row, content)?,
    })
}

fn body(row: &Row, content: Content) -> Result<Body, StoreError> {
    if get(row, "expunged")? {
        return Ok(Body::Expunged);
    }
    match content {
        Content::Skip => Ok(Body::Skipped),
        Content::Read => Ok(Body::Bytes(get::<Vec<u8>>(row, "body")?.into())),
    }
}
