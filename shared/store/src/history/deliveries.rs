//! Reading deliveries: where each stands, and when its next attempt is due.

use posthorn_event_schema::{
    ApplicationId, AttemptId, DeliveryId, EndpointId, EventId, EventType, RunId, Timestamp, Trigger,
};
use tokio_postgres::Row;

use super::DeliveryState;
use super::events::EventPlace;
use super::window::direction;
use crate::column::{
    get, moment, moment_option, number, number_option, parsed, parsed_option, trigger_option,
};
use crate::{Page, Position, Slice, Store, StoreError};

/// A delivery as history has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// Whose event it is.
    pub application: ApplicationId,
    /// The event.
    pub event: EventId,
    /// Who receives it.
    pub endpoint: EndpointId,
    /// What kind of event it is; `None` while only a cancellation is known.
    pub event_type: Option<EventType>,
    /// What asked for it; `None` while only a cancellation is known.
    pub trigger: Option<Trigger>,
    /// Where it stands.
    pub state: DeliveryState,
    /// When the event was accepted.
    pub accepted_at: Timestamp,
    /// When fan-out decided to deliver; `None` for a replay.
    pub decided_at: Option<Timestamp>,
    /// When and why it ended without a further request.
    pub cancelled: Option<Cancelled>,
    /// Attempts so far.
    pub attempts: u16,
    /// When the next attempt is due; only while [`DeliveryState::Waiting`].
    pub next_attempt_at: Option<Timestamp>,
    /// The attempt that decides the state.
    pub last: Option<LastAttempt>,
}

/// Why a delivery ended without a further request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// When.
    pub at: Timestamp,
    /// Why, as one word ([`CancelReason::as_str`]).
    ///
    /// [`CancelReason::as_str`]: posthorn_event_schema::CancelReason::as_str
    pub reason: String,
}

/// The attempt that decides a delivery's state: the successful one, or else the highest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// Its id.
    pub id: AttemptId,
    /// Which attempt it was.
    pub number: u16,
    /// When the request began.
    pub started_at: Timestamp,
    /// The HTTP status; `None` when no HTTP answer came.
    pub status: Option<u16>,
    /// Why it was not a success, as one word ([`FailureClass::as_str`]).
    ///
    /// [`FailureClass::as_str`]: posthorn_event_schema::FailureClass::as_str
    pub failure: Option<String>,
}

/// The columns of a delivery in table `d`, named apart from those of an event.
pub(crate) const COLUMNS: &str = "d.id AS delivery_id, d.application_id AS d_application_id, \
    d.event_id, d.endpoint_id, d.event_type AS d_event_type, d.trigger, d.state, \
    d.accepted_at AS d_accepted_at, d.decided_at, d.cancelled_at, d.cancel_reason, d.attempts, \
    d.next_attempt_at, d.last_attempt_id, d.last_number, d.last_started_at, d.last_status, \
    d.last_failure";

/// How much a delivery in table `table` says about its event at its endpoint, replays included:
/// a success counts most, then what goes on, then a failure.
pub(crate) fn rank(table: &str) -> String {
    format!(
        "(CASE {table}.state WHEN 4 THEN 4 WHEN 1 THEN 3 WHEN 0 THEN 2 WHEN 3 THEN 1 ELSE 0 END)"
    )
}

impl Store {
    /// Lists an event's endpoints by id, each with the delivery that says most about it: the
    /// scheduled one or a replay.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn deliveries_of_event(
        &self,
        place: &EventPlace,
        page: &Page<EndpointId>,
    ) -> Result<Slice<StoredDelivery>, StoreError> {
        let (from, backwards) = match &page.position {
            Position::Start => (None, false),
            Position::Following(endpoint) => (Some(endpoint.as_str()), false),
            Position::Preceding(endpoint) => (Some(endpoint.as_str()), true),
        };
        let (beyond, order) = direction(!backwards);
        // An id begins with its event and a dot, and nothing sorts between the dot and the slash.
        let sql = format!(
            "SELECT DISTINCT ON (d.endpoint_id) {COLUMNS} FROM deliveries d \
             WHERE d.application_id = $1 AND d.id >= $2 || '.' AND d.id < $2 || '/' \
               AND d.day BETWEEN $3 AND $4 \
               AND ($5::text IS NULL OR d.endpoint_id {beyond} $5) \
             ORDER BY d.endpoint_id {order}, {} DESC, d.id DESC LIMIT $6",
            rank("d")
        );
        let params: crate::pool::Params<'_> = &[
            &place.application.as_str(),
            &place.event.as_str(),
            &place.days.first,
            &place.days.last,
            &from,
            &page.rows_to_read(),
        ];
        let mut client = self.client().await?;
        let rows = client.query(&sql, params).await?;
        let deliveries = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Slice::cut(deliveries, page.limit, backwards))
    }

    /// An event's deliveries to one endpoint, the scheduled one first, then replays by id.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn deliveries_to(
        &self,
        place: &EventPlace,
        endpoint: &EndpointId,
        limit: u16,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries d \
             WHERE d.application_id = $1 AND d.id >= $2 || '.' AND d.id < $2 || '/' \
               AND d.day BETWEEN $3 AND $4 AND d.endpoint_id = $5 ORDER BY d.id LIMIT $6"
        );
        let params: crate::pool::Params<'_> = &[
            &place.application.as_str(),
            &place.event.as_str(),
            &place.days.first,
            &place.days.last,
            &endpoint.as_str(),
            &i64::from(limit),
        ];
        let mut client = self.client().await?;
        let rows = client.query(&sql, params).await?;
        rows.iter().map(read).collect()
    }
}

/// Reads [`COLUMNS`].
pub(crate) fn read(row: &Row) -> Result<StoredDelivery, StoreError> {
    let event = parsed(row, "event_id", EventId::parse)?;
    let endpoint = parsed(row, "endpoint_id", EndpointId::parse)?;
    let state = DeliveryState::from_code(get(row, "state")?, "state")?;
    let next_attempt_at = moment_option(row, "next_attempt_at")?;
    Ok(StoredDelivery {
        id: delivery_id(row, "delivery_id", &event, &endpoint)?,
        application: parsed(row, "d_application_id", ApplicationId::parse)?,
        event,
        endpoint,
        event_type: parsed_option(row, "d_event_type", EventType::parse)?,
        trigger: trigger_option(row, "trigger")?,
        state,
        accepted_at: moment(row, "d_accepted_at")?,
        decided_at: moment_option(row, "decided_at")?,
        cancelled: cancelled(row)?,
        attempts: number(row, "attempts")?,
        next_attempt_at: next_attempt_at.filter(|_| state == DeliveryState::Waiting),
        last: last_attempt(row)?,
    })
}

/// Rebuilds a delivery's id from its text and its parts.
pub(crate) fn delivery_id(
    row: &Row,
    column: &'static str,
    event: &EventId,
    endpoint: &EndpointId,
) -> Result<DeliveryId, StoreError> {
    let text: &str = get(row, column)?;
    match text.split('.').nth(2) {
        None => Ok(DeliveryId::scheduled(event, endpoint)),
        Some(run) => match RunId::parse(run) {
            Ok(run) => Ok(DeliveryId::manual(event, endpoint, &run)),
            Err(_rule) => Err(StoreError::Corrupt { column }),
        },
    }
}

fn cancelled(row: &Row) -> Result<Option<Cancelled>, StoreError> {
    let Some(at) = moment_option(row, "cancelled_at")? else {
        return Ok(None);
    };
    Ok(Some(Cancelled {
        at,
        reason: get(row, "cancel_reason")?,
    }))
}

fn last_attempt(row: &Row) -> Result<Option<LastAttempt>, StoreError> {
    let Some(id) = parsed_option(row, "last_attempt_id", AttemptId::parse)? else {
        return Ok(None);
    };
    Ok(Some(LastAttempt {
        id,
        number: number(row, "last_number")?,
        started_at: moment(row, "last_started_at")?,
        status: number_option(row, "last_status")?,
        failure: get(row, "last_failure")?,
    }))
}
