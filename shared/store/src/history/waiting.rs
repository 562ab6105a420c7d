//! Reading what waits for another attempt: when, at which endpoints, and one by one.

use std::time::Duration;

use posthorn_event_schema::{ApplicationId, EndpointId, EventId, EventType, Timestamp};
use time::OffsetDateTime;
use tokio_postgres::Row;

use super::overview::{Audience, LATE};
use super::window::direction;
use crate::column::{get, moment, number, parsed, parsed_option};
use crate::{Page, Position, Slice, Store, StoreError};

/// Endpoints in a calendar.
const ENDPOINTS: i64 = 100;

/// What waits, by time and by endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// All of it.
    pub total: i64,
    /// What is due for more than a minute.
    pub past_due: i64,
    /// What is due after the last bucket.
    pub later: i64,
    /// What is due in each bucket.
    pub buckets: Vec<i64>,
    /// The endpoints that most waits for.
    pub endpoints: Vec<WaitingEndpoint>,
    /// There are more endpoints.
    pub more_endpoints: bool,
}

impl Calendar {
    fn add(&mut self, place: i32, found: i64) {
        self.total += found;
        match usize::try_from(place - 1) {
            Err(_late) => self.past_due += found,
            Ok(place) => match self.buckets.get_mut(place) {
                Some(bucket) => *bucket += found,
                None => self.later += found,
            },
        }
    }
}

/// What waits for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEndpoint {
    /// Whose it is.
    pub application: ApplicationId,
    /// Itself.
    pub endpoint: EndpointId,
    /// How much.
    pub count: i64,
    /// What is due for more than a minute.
    pub past_due: i64,
    /// When the first is due.
    pub first: Timestamp,
    /// When the last is due.
    pub last: Timestamp,
}

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingDelivery {
    /// Its place in the list.
    pub at: WaitingAt,
    /// The event.
    pub event: EventId,
    /// What kind of event it is, if that is known.
    pub event_type: Option<EventType>,
    /// Attempts so far.
    pub attempts: u16,
    /// When the event was accepted.
    pub accepted_at: Timestamp,
}

/// A place in the list of an endpoint's waiting deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingAt {
    /// When the next attempt is due.
    pub next_attempt_at: Timestamp,
    /// The delivery's id.
    pub delivery: String,
}

impl Store {
    /// Reads what waits, in `count` buckets of a length from `now` on.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn waiting_calendar(
        &self,
        audience: Audience<'_>,
        now: Timestamp,
        step: Duration,
        count: u16,
    ) -> Result<Calendar, StoreError> {
        let (condition, scope) = audience.condition();
        let late = now.minus(LATE).to_date_time();
        let mut client = self.client().await?;
        // One look, counted twice: by place in time, where 0 is what is late and what is due just now
        // belongs to the first bucket, and by endpoint.
        let ends = (1..=u32::from(count)).map(|place| now.plus(step * place).to_date_time());
        let edges: Vec<OffsetDateTime> = std::iter::once(late).chain(ends).collect();
        let sql = format!(
            "SELECT place, application_id, endpoint_id, count(*) AS found, \
                 count(*) FILTER (WHERE place = 0) AS past_due, \
                 min(next_attempt_at) AS first, max(next_attempt_at) AS last \
             FROM (SELECT width_bucket(next_attempt_at, $2::timestamptz[]) AS place, \
                       application_id, endpoint_id, next_attempt_at \
                   FROM waiting_deliveries WHERE {condition}) AS placed \
             GROUP BY GROUPING SETS ((place), (application_id, endpoint_id)) \
             ORDER BY endpoint_id IS NOT NULL, found DESC, endpoint_id LIMIT $3"
        );
        let places = i64::from(count) + 2;
        let params: crate::pool::Params<'_> = &[&scope, &edges, &(places + ENDPOINTS + 1)];
        let mut calendar = Calendar {
            total: 0,
            past_due: 0,
            later: 0,
            buckets: vec![0; usize::from(count)],
            endpoints: Vec::new(),
            more_endpoints: false,
        };
        let mut endpoints = Vec::new();
        for row in &client.query(&sql, params).await? {
            match get::<Option<i32>>(row, "place")? {
                Some(place) => calendar.add(place, get(row, "found")?),
                None => endpoints.push(waiting_endpoint(row)?),
            }
        }
        let limit = u16::try_from(ENDPOINTS).unwrap_or(u16::MAX);
        let slice = Slice::cut(endpoints, limit, false);
        calendar.more_endpoints = !slice.done;
        calendar.endpoints = slice.items;
        Ok(calendar)
    }

    /// Lists what waits for an endpoint, by when it is due.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn waiting_deliveries(
        &self,
        application: &ApplicationId,
        endpoint: &EndpointId,
        page: &Page<WaitingAt>,
    ) -> Result<Slice<WaitingDelivery>, StoreError> {
        let (from, backwards) = match &page.position {
            Position::Start => (None, false),
            Position::Following(at) => (Some(at), false),
            Position::Preceding(at) => (Some(at), true),
        };
        let (beyond, order) = direction(!backwards);
        let sql = format!(
            "SELECT id, event_id, event_type, attempts, next_attempt_at, accepted_at \
             FROM waiting_deliveries WHERE application_id = $1 AND endpoint_id = $2 \
               AND ($3::timestamptz IS NULL OR (next_attempt_at, id) {beyond} ($3, $4::text)) \
             ORDER BY next_attempt_at {order}, id {order} LIMIT $5"
        );
        let params: crate::pool::Params<'_> = &[
            &application.as_str(),
            &endpoint.as_str(),
            &from.map(|at| at.next_attempt_at.to_date_time()),
            &from.map(|at| at.delivery.as_str()),
            &page.rows_to_read(),
        ];
        let rows = self.client().await?.query(&sql, params).await?;
        let deliveries = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Slice::cut(deliveries, page.limit, backwards))
    }
}

fn waiting_endpoint(row: &Row) -> Result<WaitingEndpoint, StoreError> {
    Ok(WaitingEndpoint {
        application: parsed(row, "application_id", ApplicationId::parse)?,
        endpoint: parsed(row, "endpoint_id", EndpointId::parse)?,
        count: get(row, "found")?,
        past_due: get(row, "past_due")?,
        first: moment(row, "first")?,
        last: moment(row, "last")?,
    })
}

fn read(row: &Row) -> Result<WaitingDelivery, StoreError> {
    Ok(WaitingDelivery {
        at: WaitingAt {
            next_attempt_at: moment(row, "next_attempt_at")?,
            delivery: get(row, "id")?,
        },
        event: parsed(row, "event_id", EventId::parse)?,
        event_type: parsed_option(row, "event_type", EventType::parse)?,
        attempts: number(row, "attempts")?,
        accepted_at: moment(row, "accepted_at")?,
    })
}
