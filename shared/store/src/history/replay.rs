//! Finding the events that a replay delivers to an endpoint, oldest first.
//!
//! A replay is read in pieces that each lie within a few partitions, so that no statement grows with
//! the length of history. What the replay itself has delivered already is found again and told apart:
//! it may be done once more from any position, and counts the same.

use posthorn_event_schema::{
    ApplicationId, Channel, EndpointId, EventId, EventType, RunId, Timestamp,
};
use time::{Date, OffsetDateTime};
use tokio_postgres::types::ToSql;

use super::deliveries::rank;
use super::events::texts;
use super::window::Days;
use super::{DeliveryState, state};
use crate::column::{get, moment, parsed};
use crate::{Store, StoreError};

/// Which events an endpoint is to get.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Whose events.
    pub application: ApplicationId,
    /// Who gets them.
    pub endpoint: EndpointId,
    /// What the replay's deliveries are named by.
    pub run: RunId,
    /// Of one of these types; empty = any.
    pub event_types: Vec<EventType>,
    /// In one of these channels; empty = any.
    pub channels: Vec<Channel>,
    /// With this label.
    pub tag: Option<String>,
    /// What became of them so far.
    pub fate: Fate,
}

/// What became of events at an endpoint so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// They were to go there; of several deliveries of one event, the one that says most counts.
    Delivery {
        /// Where the delivery stands; empty = anywhere.
        states: Vec<DeliveryState>,
        /// The first digit of its last attempt's status; 0 = no HTTP answer came.
        status_class: Option<u8>,
    },
    /// Fan-out has decided about them, and they were not to go there.
    NotMatched,
}

/// A place in a replay: right after this event, or before all events of the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPosition {
    /// When the event was accepted.
    pub at: Timestamp,
    /// The event; `None` = before all of that moment.
    pub event: Option<EventId>,
}

/// An event of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayEvent {
    /// When it was accepted.
    pub at: Timestamp,
    /// The event.
    pub id: EventId,
    /// The replay has delivered it already, or tried to.
    pub done: bool,
}

impl Store {
    /// The next events of a replay that were accepted before `until`, oldest first.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn replay_events(
        &self,
        replay: &Replay,
        from: &ReplayPosition,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<ReplayEvent>, StoreError> {
        let done = format!(
            "EXISTS (SELECT FROM deliveries r \
             WHERE r.application_id = $1 AND r.id = {OWN} AND r.day = e.day) AS done"
        );
        let tail = format!("ORDER BY e.accepted_at, e.id LIMIT {limit}");
        let sql = format!(
            "SELECT e.accepted_at, e.id, {done} {} {tail}",
            found(&replay.fate)
        );
        let params = ReplayParams::of(replay, from, until);
        let rows = self.client().await?.query(&sql, &params.list()).await?;
        let events = rows.iter().map(|row| {
            Ok(ReplayEvent {
                at: moment(row, "accepted_at")?,
                id: parsed(row, "id", EventId::parse)?,
                done: get(row, "done")?,
            })
        });
        events.collect()
    }

    /// How many events of a replay were accepted from `from` on and before `until`.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn count_replay(
        &self,
        replay: &Replay,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<i64, StoreError> {
        let sql = format!("SELECT count(*) AS found {}", found(&replay.fate));
        let from = ReplayPosition {
            at: from,
            event: None,
        };
        let params = ReplayParams::of(replay, &from, until);
        let row = self.client().await?.query_opt(&sql, &params.list()).await?;
        row.map_or(Ok(0), |row| get(&row, "found"))
    }
}

/// `FROM` and `WHERE`, with the parameters of [`ReplayParams`].
fn found(fate: &Fate) -> String {
    let events = "($5::timestamptz, $6::text) < (e.accepted_at, e.id) AND e.accepted_at < $7 \
        AND ($8::text[] IS NULL OR e.event_type = ANY($8)) \
        AND ($9::text[] IS NULL OR e.channels && $9) \
        AND ($10::text IS NULL OR $10 = ANY(e.tags))";
    match fate {
        Fate::Delivery { .. } => format!(
            "FROM deliveries d \
             JOIN events e ON e.application_id = d.application_id AND e.id = d.event_id \
                          AND e.day = d.day \
             WHERE d.application_id = $1 AND d.endpoint_id = $2 AND d.day BETWEEN $3 AND $4 \
               AND d.accepted_at BETWEEN $5 AND $7 AND {events} \
               AND (d.id = {OWN} \
                    OR ($12::smallint[] IS NULL OR d.state = ANY($12)) \
                   AND ($13::int IS NULL OR d.last_attempt_id IS NOT NULL \
                        AND COALESCE(d.last_status / 100, 0) = $13) \
                   AND NOT EXISTS (SELECT FROM deliveries o WHERE {} \
                       AND (o.id = {OWN} OR ({}, o.id) > ({}, d.id))))",
            same_endpoint("d.event_id", "d.day"),
            rank("o"),
            rank("d"),
        ),
        Fate::NotMatched => format!(
            "FROM events e \
             WHERE e.application_id = $1 AND e.day BETWEEN $3 AND $4 AND {events} \
               AND (EXISTS (SELECT FROM deliveries f \
                            WHERE f.application_id = $1 AND f.day = e.day \
                              AND f.id >= e.id || '.' AND f.id < e.id || '/' \
                              AND f.decided_at IS NOT NULL) \
                    OR EXISTS (SELECT FROM fanouts f \
                               WHERE f.application_id = $1 AND f.event_id = e.id \
                                 AND f.day = e.day)) \
               AND NOT EXISTS (SELECT FROM deliveries o WHERE {} AND o.id <> {OWN})",
            same_endpoint("e.id", "e.day"),
        ),
    }
}

/// The id of the replay's own delivery of event `e`.
const OWN: &str = "(e.id || '.' || $2::text || '.' || $11::text)";

/// The deliveries `o` of an event to the endpoint: the scheduled one and all replays.
fn same_endpoint(event: &str, day: &str) -> String {
    format!(
        "o.application_id = $1 AND o.day = {day} AND o.id >= {event} || '.' || $2::text \
         AND o.id < {event} || '.' || $2 || '/' AND o.endpoint_id = $2"
    )
}

struct ReplayParams<'a> {
    application: &'a str,
    endpoint: &'a str,
    first_day: Date,
    last_day: Date,
    from: OffsetDateTime,
    after: &'a str,
    until: OffsetDateTime,
    event_types: Option<Vec<&'a str>>,
    channels: Option<Vec<&'a str>>,
    tag: Option<&'a str>,
    run: &'a str,
    /// Only of [`Fate::Delivery`].
    delivery: Option<(Option<Vec<i16>>, Option<i32>)>,
}

impl<'a> ReplayParams<'a> {
    fn of(replay: &'a Replay, from: &'a ReplayPosition, until: Timestamp) -> Self {
        let days = Days::between(from.at, until);
        let delivery = match &replay.fate {
            Fate::Delivery {
                states,
                status_class,
            } => Some((state::codes(states), status_class.map(i32::from))),
            Fate::NotMatched => None,
        };
        Self {
            application: replay.application.as_str(),
            endpoint: replay.endpoint.as_str(),
            first_day: days.first,
            last_day: days.last,
            from: from.at.to_date_time(),
            after: from.event.as_ref().map_or("", EventId::as_str),
            until: until.to_date_time(),
            event_types: texts(&replay.event_types, EventType::as_str),
            channels: texts(&replay.channels, Channel::as_str),
            tag: replay.tag.as_deref(),
            run: replay.run.as_str(),
            delivery,
        }
    }

    fn list(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut list: Vec<&(dyn ToSql + Sync)> = vec![
            &self.application,
            &self.endpoint,
            &self.first_day,
            &self.last_day,
            &self.from,
            &self.after,
            &self.until,
            &self.event_types,
            &self.channels,
            &self.tag,
            &self.run,
        ];
        if let Some((states, status_class)) = &self.delivery {
            list.extend([states as &(dyn ToSql + Sync), status_class]);
        }
        list
    }
}
