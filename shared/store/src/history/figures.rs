//! Counting what happened: attempts of an endpoint or an application, deliveries and events of many
//! applications.
//!
//! These are counts of rows in a span of time, found by an index, and not roll-ups.

use std::collections::BTreeMap;

use posthorn_event_schema::{ApplicationId, EndpointId, EventType, Timestamp};
use tokio_postgres::Row;

use super::DeliveryState;
use super::attempt_query::{FilterParams, Range, filtered};
use super::attempts::AttemptFilter;
use super::events::{Content, texts};
use super::window::Days;
use crate::column::{get, parsed, parsed_option};
use crate::{Page, Store, StoreError};

/// How many attempts and deliveries are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Attempts that succeeded.
    pub delivered: i64,
    /// Attempts that failed.
    pub failed: i64,
    /// Deliveries without an attempt so far.
    pub pending: i64,
    /// Deliveries with another attempt to come.
    pub waiting: i64,
    /// Deliveries that ended without a further request.
    pub cancelled: i64,
}

impl Figures {
    fn add_attempts(&mut self, state: DeliveryState, count: i64) {
        if state == DeliveryState::Delivered {
            self.delivered += count;
        } else {
            self.failed += count;
        }
    }

    fn add_deliveries(&mut self, state: DeliveryState, count: i64) {
        match state {
            DeliveryState::Pending => self.pending += count,
            DeliveryState::Waiting => self.waiting += count,
            DeliveryState::Cancelled => self.cancelled += count,
            DeliveryState::Exhausted | DeliveryState::Delivered => {}
        }
    }
}

/// A span of time: from its first moment, and before its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment, included.
    pub since: Timestamp,
    /// The last moment, excluded.
    pub until: Timestamp,
}

/// `$1` application, `$2` and `$3` the span, `$4` and `$5` ids around it, `$6` endpoints.
const ATTEMPTS: &str = "
    SELECT event_type, state, count(*) AS found FROM attempts
    WHERE application_id = $1 AND started_at >= $2 AND started_at < $3
      AND id > $4 AND id < $5 AND endpoint_id = ANY($6)
      AND ($7::text[] IS NULL OR event_type = ANY($7))
    GROUP BY event_type, state";

/// `$1` application, `$2` and `$3` the span, `$4` and `$5` its days, `$6` endpoints.
const DELIVERIES: &str = "
    SELECT event_type, state, count(*) AS found FROM deliveries
    WHERE application_id = $1 AND accepted_at >= $2 AND accepted_at < $3
      AND day BETWEEN $4 AND $5 AND endpoint_id = ANY($6)
      AND ($7::text[] IS NULL OR event_type = ANY($7)) AND state <= 2
    GROUP BY event_type, state";

/// Counts by type of event; a delivery of which only a cancellation is known has none.
pub type FiguresByType = BTreeMap<Option<EventType>, Figures>;

impl Store {
    /// Counts the attempts that began in a span, and the deliveries of events accepted in it, at
    /// these endpoints of an application. No types = all.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn figures(
        &self,
        application: &ApplicationId,
        endpoints: &[EndpointId],
        span: Span,
        event_types: &[EventType],
    ) -> Result<FiguresByType, StoreError> {
        let ids: Vec<&str> = endpoints.iter().map(EndpointId::as_str).collect();
        let filter = AttemptFilter {
            after: Some(span.since),
            before: Some(span.until),
            ..AttemptFilter::default()
        };
        let range = Range::of(&filter, &Page::first(1));
        let days = Days::between(span.since, span.until);
        let types = texts(event_types, EventType::as_str);
        let application = application.as_str();
        let (since, until) = (span.since.to_date_time(), span.until.to_date_time());
        let (lowest, highest) = range.ends();
        let mut client = self.client().await?;
        let attempts = client
            .query(
                ATTEMPTS,
                &[
                    &application,
                    &since,
                    &until,
                    &lowest,
                    &highest,
                    &ids,
                    &types,
                ],
            )
            .await?;
        let deliveries = client
            .query(
                DELIVERIES,
                &[
                    &application,
                    &since,
                    &until,
                    &days.first,
                    &days.last,
                    &ids,
                    &types,
                ],
            )
            .await?;
        let mut figures = FiguresByType::new();
        for row in &attempts {
            let (event_type, state, count) = counted(row)?;
            let of_type = figures.entry(event_type).or_default();
            of_type.add_attempts(state, count);
        }
        for row in &deliveries {
            let (event_type, state, count) = counted(row)?;
            let of_type = figures.entry(event_type).or_default();
            of_type.add_deliveries(state, count);
        }
        Ok(figures)
    }

    /// Counts an endpoint's attempts that pass a filter, up to `at_most`.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn count_endpoint_attempts(
        &self,
        application: &ApplicationId,
        endpoint: &EndpointId,
        filter: &AttemptFilter,
        at_most: u16,
    ) -> Result<i64, StoreError> {
        let page = Page::first(at_most.saturating_sub(1));
        let range = Range::of(filter, &page);
        let sql = format!(
            "SELECT count(*) AS found FROM (SELECT {} LIMIT $11) AS counted",
            filtered("a.endpoint_id = $12")
        );
        let common = FilterParams::of(filter, &range, application, Content::Skip, &page);
        let mut params = common.filters();
        let endpoint = endpoint.as_str();
        params.push(&endpoint);
        let row = self.client().await?.query_opt(&sql, &params).await?;
        row.map_or(Ok(0), |row| get(&row, "found"))
    }

    /// Counts the deliveries that fan-out made of the events accepted in a span, by application;
    /// applications without any are left out.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn count_deliveries(
        &self,
        applications: &[ApplicationId],
        span: Span,
    ) -> Result<BTreeMap<ApplicationId, i64>, StoreError> {
        let sql = "SELECT application_id, count(*) AS found FROM deliveries \
                   WHERE application_id = ANY($1) AND day BETWEEN $2 AND $3 \
                     AND accepted_at >= $4 AND accepted_at < $5 AND decided_at IS NOT NULL \
                   GROUP BY application_id";
        let rows = self.of_applications(sql, applications, span).await?;
        let counts = rows.iter().map(|row| {
            let application = parsed(row, "application_id", ApplicationId::parse)?;
            Ok((application, get(row, "found")?))
        });
        counts.collect()
    }

    /// Counts the events accepted in a span, by type.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn count_events(
        &self,
        applications: &[ApplicationId],
        span: Span,
    ) -> Result<BTreeMap<EventType, i64>, StoreError> {
        let sql = "SELECT event_type, count(*) AS found FROM events \
                   WHERE application_id = ANY($1) AND day BETWEEN $2 AND $3 \
                     AND accepted_at >= $4 AND accepted_at < $5 GROUP BY event_type";
        let rows = self.of_applications(sql, applications, span).await?;
        let counts = rows.iter().map(|row| {
            let event_type = parsed(row, "event_type", EventType::parse)?;
            Ok((event_type, get(row, "found")?))
        });
        counts.collect()
    }

    async fn of_applications(
        &self,
        sql: &str,
        applications: &[ApplicationId],
        span: Span,
    ) -> Result<Vec<Row>, StoreError> {
        let ids: Vec<&str> = applications.iter().map(ApplicationId::as_str).collect();
        let days = Days::between(span.since, span.until);
        let params: crate::pool::Params<'_> = &[
            &ids,
            &days.first,
            &days.last,
            &span.since.to_date_time(),
            &span.until.to_date_time(),
        ];
        self.client().await?.query(sql, params).await
    }
}

fn counted(row: &Row) -> Result<(Option<EventType>, DeliveryState, i64), StoreError> {
    let event_type = parsed_option(row, "event_type", EventType::parse)?;
    let state = DeliveryState::from_code(get(row, "state")?, "state")?;
    Ok((event_type, state, get(row, "found")?))
}
