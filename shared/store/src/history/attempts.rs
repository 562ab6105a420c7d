//! Reading attempts: of an event, of an endpoint, or one.
//!
//! Attempt ids are made when the request begins and sort by time, so lists go by id.

use posthorn_event_schema::{
    ApplicationId, AttemptHeaders, AttemptId, Channel, DeliveryId, EndpointId, EventId, EventType,
    Timestamp, Trigger,
};
use tokio_postgres::Row;

use super::DeliveryState;
use super::attempt_query::{FilterParams, Range, columns, select};
use super::deliveries::delivery_id;
use super::events::{Content, EventPlace};
use crate::column::{get, moment, moment_option, number, number_option, parsed, trigger_option};
use crate::{Page, Slice, Store, StoreError};

/// An attempt as history has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttempt {
    /// Its id.
    pub id: AttemptId,
    /// The delivery that it belongs to.
    pub delivery: DeliveryId,
    /// Whose event it is.
    pub application: ApplicationId,
    /// The event.
    pub event: EventId,
    /// Who was asked.
    pub endpoint: EndpointId,
    /// What kind of event it is.
    pub event_type: EventType,
    /// Which attempt it was, from 1.
    pub number: u16,
    /// What asked for it.
    pub trigger: Trigger,
    /// What it led to: [`DeliveryState::Waiting`], `Exhausted` or `Delivered`.
    pub state: DeliveryState,
    /// When the attempt after it was due.
    pub next_attempt_at: Option<Timestamp>,
    /// The URL that was asked.
    pub url: String,
    /// When the request began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// The HTTP status; `None` when no HTTP answer came.
    pub status: Option<u16>,
    /// The answer's text or what went wrong; `None` when it was not asked for.
    pub response: Option<String>,
    /// The answer went on past what is kept.
    pub truncated: bool,
    /// Why it was not a success, as one word.
    pub failure: Option<String>,
    /// The trace of the request.
    pub trace_id: Option<String>,
    /// What the receiver asked for, as one word.
    pub wish: Option<String>,
}

/// Which attempts to list; what is empty or `None` excludes nothing.
#[derive(Debug, Clone, Default)]
pub struct AttemptFilter {
    /// That led to one of these.
    pub states: Vec<DeliveryState>,
    /// Whose status has this first digit; 0 = no HTTP answer came.
    pub status_class: Option<u8>,
    /// Of events of one of these types.
    pub event_types: Vec<EventType>,
    /// Of events in one of these channels.
    pub channels: Vec<Channel>,
    /// Of events with this label.
    pub tag: Option<String>,
    /// That began before this moment.
    pub before: Option<Timestamp>,
    /// That began after this moment.
    pub after: Option<Timestamp>,
    /// To this endpoint; of no effect in a list of one endpoint's attempts.
    pub endpoint: Option<EndpointId>,
}

impl Store {
    /// Lists an event's attempts, newest first.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn list_event_attempts(
        &self,
        place: &EventPlace,
        filter: &AttemptFilter,
        content: Content,
        page: &Page<AttemptId>,
    ) -> Result<Slice<StoredAttempt>, StoreError> {
        let scope = "a.event_id = $13 AND a.day BETWEEN $14 AND $15 \
                     AND ($16::text IS NULL OR a.endpoint_id = $16)";
        let endpoint = filter.endpoint.as_ref().map(EndpointId::as_str);
        let range = Range::of(filter, page);
        let mut client = self.client().await?;
        let sql = select(scope, range.ascending);
        let common = FilterParams::of(filter, &range, &place.application, content, page);
        let mut params = common.list();
        let event = place.event.as_str();
        let own: crate::pool::Params<'_> =
            &[&event, &place.days.first, &place.days.last, &endpoint];
        params.extend(own);
        let rows = client.query(&sql, &params).await?;
        let attempts = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Slice::cut(attempts, page.limit, range.ascending))
    }

    /// Lists an endpoint's attempts, newest first.
    ///
    /// With `after` alone, the first page is the oldest one after that moment.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn list_endpoint_attempts(
        &self,
        application: &ApplicationId,
        endpoint: &EndpointId,
        filter: &AttemptFilter,
        content: Content,
        page: &Page<AttemptId>,
    ) -> Result<Slice<StoredAttempt>, StoreError> {
        let range = Range::of(filter, page);
        let sql = select("a.endpoint_id = $13", range.ascending);
        let common = FilterParams::of(filter, &range, application, content, page);
        let mut params = common.list();
        let endpoint = endpoint.as_str();
        params.push(&endpoint);
        let mut client = self.client().await?;
        let rows = client.query(&sql, &params).await?;
        let attempts = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Slice::cut(attempts, page.limit, range.ascending))
    }

    /// Finds one attempt of an event.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn attempt(
        &self,
        place: &EventPlace,
        id: &AttemptId,
    ) -> Result<Option<StoredAttempt>, StoreError> {
        let sql = format!(
            "SELECT {} FROM attempts a WHERE a.application_id = $1 AND a.event_id = $2 \
             AND a.id = $3 AND a.day BETWEEN $4 AND $5 LIMIT 1",
            columns("true")
        );
        let params: crate::pool::Params<'_> = &[
            &place.application.as_str(),
            &place.event.as_str(),
            &id.as_str(),
            &place.days.first,
            &place.days.last,
        ];
        let row = self.client().await?.query_opt(&sql, params).await?;
        row.as_ref().map(read).transpose()
    }
}

/// An attempt's headers, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredHeaders {
    /// What was kept.
    Kept(AttemptHeaders),
    /// It was made before headers were kept.
    Unknown,
}

impl Store {
    /// Reads the headers of one attempt of an event.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn attempt_headers(
        &self,
        place: &EventPlace,
        id: &AttemptId,
    ) -> Result<Option<StoredHeaders>, StoreError> {
        let sql = "SELECT headers FROM attempts WHERE application_id = $1 AND event_id = $2 \
                   AND id = $3 AND day BETWEEN $4 AND $5 LIMIT 1";
        let params: crate::pool::Params<'_> = &[
            &place.application.as_str(),
            &place.event.as_str(),
            &id.as_str(),
            &place.days.first,
            &place.days.last,
        ];
        let Some(row) = self.client().await?.query_opt(sql, params).await? else {
            return Ok(None);
        };
        let Some(text) = get::<Option<&str>>(&row, "headers")? else {
            return Ok(Some(StoredHeaders::Unknown));
        };
        let corrupt = |_shape| StoreError::Corrupt { column: "headers" };
        let headers = serde_json::from_str(text).map_err(corrupt)?;
        Ok(Some(StoredHeaders::Kept(headers)))
    }
}

fn read(row: &Row) -> Result<StoredAttempt, StoreError> {
    let event = parsed(row, "event_id", EventId::parse)?;
    let endpoint = parsed(row, "endpoint_id", EndpointId::parse)?;
    Ok(StoredAttempt {
        id: parsed(row, "id", AttemptId::parse)?,
        delivery: delivery_id(row, "delivery_id", &event, &endpoint)?,
        application: parsed(row, "application_id", ApplicationId::parse)?,
        event,
        endpoint,
        event_type: parsed(row, "event_type", EventType::parse)?,
        number: number(row, "number")?,
        trigger: trigger_option(row, "trigger")?.unwrap_or(Trigger::Scheduled),
        state: DeliveryState::from_code(get(row, "state")?, "state")?,
        next_attempt_at: moment_option(row, "next_attempt_at")?,
        url: get(row, "url")?,
        started_at: moment(row, "started_at")?,
        duration_ms: get(row, "duration_ms")?,
        status: number_option(row, "status")?,
        response: get(row, "response")?,
        truncated: get(row, "truncated")?,
        failure: get(row, "failure")?,
        trace_id: get(row, "trace_id")?,
        wish: get(row, "wish")?,
    })
}
