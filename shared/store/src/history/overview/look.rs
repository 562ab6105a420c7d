//! The queries of an overview.

use std::collections::HashMap;

use posthorn_event_schema::{ApplicationId, AttemptId, EndpointId, EventId, EventType, Timestamp};
use time::OffsetDateTime;
use tokio_postgres::Row;

use super::{
    Audience, Counts, FAILING_APPLICATIONS, FAILURES, FailedAttempt, LATE, LONGEST_LIFE, Latency,
    Range, Summary, WORST, WorstEndpoint,
};
use crate::StoreError;
use crate::column::{get, moment, moment_option, number, number_option, parsed};
use crate::history::DeliveryState;
use crate::history::window::Days;
use crate::pool::Client;

/// One reading of an overview.
pub(super) struct Look<'a> {
    pub(super) client: &'a mut Client,
    pub(super) audience: Audience<'a>,
    pub(super) range: &'a Range,
}

/// What attempts at an endpoint came to.
#[derive(Debug, Default)]
struct AttemptsAt {
    delivered: i64,
    /// How many took how long, by class.
    classes: Vec<(i16, i64)>,
}

impl Look<'_> {
    fn since(&self) -> OffsetDateTime {
        self.range.since.to_date_time()
    }

    /// The days of the events whose deliveries may have ended in the range.
    fn days(&self) -> Days {
        Days::between(self.range.since.minus(LONGEST_LIFE), self.range.until())
    }

    /// The buckets' counts and the histogram of durations, in one look at the figures.
    pub(super) async fn figures(&mut self) -> Result<(Vec<Counts>, Option<Latency>), StoreError> {
        let (condition, scope) = self.audience.condition();
        let (table, since) = (self.range.resolution.table(), self.since());
        let edges = self.range.edges();
        let until = self.range.until().to_date_time();
        let mut buckets = vec![Counts::default(); usize::from(self.range.count)];
        let mut classes = Vec::new();
        let sql = format!(
            "SELECT place, kind, latency, sum(count)::bigint AS found, \
                 COALESCE(sum(count) FILTER (WHERE kind > 0), 0)::bigint AS attempts \
             FROM (SELECT width_bucket(bucket, $4::timestamptz[]) AS place, kind, latency, count \
                   FROM {table} WHERE {condition} AND bucket >= $2 AND bucket < $3) AS placed \
             GROUP BY GROUPING SETS ((place, kind), (latency)) ORDER BY latency"
        );
        let params: crate::pool::Params<'_> = &[&scope, &since, &until, &edges];
        for row in &self.client.query(&sql, params).await? {
            if let Some(class) = get::<Option<i16>>(row, "latency")? {
                classes.push((class, get(row, "attempts")?));
            } else if let Some(bucket) = place(&mut buckets, row)? {
                bucket.add_attempts(get(row, "kind")?, get(row, "found")?);
            }
        }
        self.add_cancelled(&mut buckets).await?;
        Ok((buckets, Latency::of(&classes)))
    }

    async fn add_cancelled(&mut self, buckets: &mut [Counts]) -> Result<(), StoreError> {
        let (condition, scope) = self.audience.condition();
        let (since, until) = (self.since(), self.range.until().to_date_time());
        let edges = self.range.edges();
        let days = self.days();
        let sql = format!(
            "SELECT width_bucket(cancelled_at, $4::timestamptz[]) AS place, \
                 cancel_reason IN ('expired', 'deadline_passed') AS expired, count(*) AS found \
             FROM deliveries WHERE {condition} AND cancelled_at >= $2 AND cancelled_at < $3 \
                 AND state = 2 AND day BETWEEN $5 AND $6 GROUP BY 1, 2"
        );
        let params: crate::pool::Params<'_> =
            &[&scope, &since, &until, &edges, &days.first, &days.last];
        for row in &self.client.query(&sql, params).await? {
            if let Some(bucket) = place(buckets, row)? {
                let expired = get::<Option<bool>>(row, "expired")?.unwrap_or(false);
                let found: i64 = get(row, "found")?;
                if expired {
                    bucket.expired += found;
                } else {
                    bucket.cancelled += found;
                }
            }
        }
        Ok(())
    }

    /// The endpoints with most failures first: of those that only deliver, which are most, nothing is
    /// added up.
    pub(super) async fn worst(&mut self) -> Result<Vec<WorstEndpoint>, StoreError> {
        let (condition, scope) = self.audience.condition();
        let table = self.range.resolution.table();
        let sql = format!(
            "SELECT application_id, endpoint_id, sum(count)::bigint AS failed FROM {table} \
             WHERE {condition} AND bucket >= $2 AND kind IN (1, 3) \
             GROUP BY application_id, endpoint_id \
             ORDER BY failed DESC, endpoint_id LIMIT $3"
        );
        let params: crate::pool::Params<'_> = &[&scope, &self.since(), &WORST];
        let rows = self.client.query(&sql, params).await?;
        let endpoints: Vec<&str> = rows
            .iter()
            .map(|row| get(row, "endpoint_id"))
            .collect::<Result<_, _>>()?;
        let mut attempts = self.attempts_at(&endpoints).await?;
        let worst = rows.iter().map(|row| {
            let endpoint = parsed(row, "endpoint_id", EndpointId::parse)?;
            let found = attempts.remove(endpoint.as_str()).unwrap_or_default();
            Ok(WorstEndpoint {
                application: parsed(row, "application_id", ApplicationId::parse)?,
                failed: get(row, "failed")?,
                delivered: found.delivered,
                latency: Latency::of(&found.classes),
                endpoint,
            })
        });
        worst.collect()
    }

    /// What attempts at some endpoints came to, in one look for all of them.
    async fn attempts_at(
        &mut self,
        endpoints: &[&str],
    ) -> Result<HashMap<String, AttemptsAt>, StoreError> {
        let mut found: HashMap<String, AttemptsAt> = HashMap::new();
        if endpoints.is_empty() {
            return Ok(found);
        }
        let (condition, scope) = self.audience.condition();
        let table = self.range.resolution.table();
        let sql = format!(
            "SELECT endpoint_id, latency, sum(count)::bigint AS found, \
                 COALESCE(sum(count) FILTER (WHERE kind = 4), 0)::bigint AS delivered \
             FROM {table} \
             WHERE {condition} AND bucket >= $2 AND endpoint_id = ANY($3) AND kind > 0 \
             GROUP BY endpoint_id, latency ORDER BY latency"
        );
        let params: crate::pool::Params<'_> = &[&scope, &self.since(), &endpoints];
        for row in &self.client.query(&sql, params).await? {
            let at = found.entry(get(row, "endpoint_id")?).or_default();
            at.classes.push((get(row, "latency")?, get(row, "found")?));
            at.delivered += get::<i64>(row, "delivered")?;
        }
        Ok(found)
    }

    /// Looks only into the applications in which anything failed, the latest first.
    pub(super) async fn failures(&mut self) -> Result<Vec<FailedAttempt>, StoreError> {
        let (condition, scope) = self.audience.condition();
        let (table, days) = (self.range.resolution.table(), self.days());
        let sql = format!(
            "SELECT a.* FROM ( \
                 SELECT application_id FROM {table} \
                 WHERE {condition} AND bucket >= $2 AND kind IN (1, 3) \
                 GROUP BY application_id ORDER BY max(bucket) DESC LIMIT $3) AS failing \
             CROSS JOIN LATERAL ( \
                 SELECT id, application_id, event_id, endpoint_id, event_type, started_at, number, \
                     status, duration_ms, failure, state, next_attempt_at, trace_id \
                 FROM attempts t WHERE t.application_id = failing.application_id \
                     AND t.state <> 4 AND t.day BETWEEN $4 AND $5 AND t.started_at >= $2 \
                 ORDER BY t.id DESC LIMIT $6) AS a \
             ORDER BY a.id DESC LIMIT $6"
        );
        let params: crate::pool::Params<'_> = &[
            &scope,
            &self.since(),
            &FAILING_APPLICATIONS,
            &days.first,
            &days.last,
            &FAILURES,
        ];
        let rows = self.client.query(&sql, params).await?;
        rows.iter().map(failed_attempt).collect()
    }

    pub(super) async fn summary(&mut self, now: Timestamp) -> Result<Summary, StoreError> {
        let (condition, scope) = self.audience.condition();
        let sql = format!(
            "SELECT count(*) AS waiting, count(*) FILTER (WHERE next_attempt_at < $2) AS past_due, \
                 min(next_attempt_at) AS next FROM waiting_deliveries WHERE {condition}"
        );
        let late = now.minus(LATE).to_date_time();
        let row = self.client.query_opt(&sql, &[&scope, &late]).await?;
        row.map_or(Ok(Summary::default()), |row| {
            Ok(Summary {
                waiting: get(&row, "waiting")?,
                past_due: get(&row, "past_due")?,
                next_attempt_at: moment_option(&row, "next")?,
            })
        })
    }
}

fn place<'a>(buckets: &'a mut [Counts], row: &Row) -> Result<Option<&'a mut Counts>, StoreError> {
    let place: i32 = get(row, "place")?;
    Ok(usize::try_from(place - 1)
        .ok()
        .and_then(|place| buckets.get_mut(place)))
}

fn failed_attempt(row: &Row) -> Result<FailedAttempt, StoreError> {
    let state = DeliveryState::from_code(get(row, "state")?, "state")?;
    Ok(FailedAttempt {
        id: parsed(row, "id", AttemptId::parse)?,
        application: parsed(row, "application_id", ApplicationId::parse)?,
        event: parsed(row, "event_id", EventId::parse)?,
        endpoint: parsed(row, "endpoint_id", EndpointId::parse)?,
        event_type: parsed(row, "event_type", EventType::parse)?,
        started_at: moment(row, "started_at")?,
        number: number(row, "number")?,
        status: number_option(row, "status")?,
        duration_ms: get(row, "duration_ms")?,
        failure: get(row, "failure")?,
        exhausted: state == DeliveryState::Exhausted,
        next_attempt_at: moment_option(row, "next_attempt_at")?,
        trace_id: get(row, "trace_id")?,
    })
}
