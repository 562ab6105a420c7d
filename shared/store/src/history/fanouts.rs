//! Reading fan-out's decisions: who matched an event, and who did not and why.

use posthorn_event_schema::{EndpointId, Timestamp, Verdict};
use tokio_postgres::Row;

use super::events::EventPlace;
use super::window::direction;
use super::write_fanouts::reason;
use crate::column::{get, moment, moment_option, parsed};
use crate::{Page, Position, Slice, Store, StoreError};

/// Fan-out's decision about one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanoutDecision {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Whether it receives the event.
    pub verdict: Verdict,
    /// When that was decided.
    pub decided_at: Timestamp,
}

impl Store {
    /// When fan-out decided about an event; `None` while no decision has been recorded.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn fanout_decided_at(
        &self,
        place: &EventPlace,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT LEAST( \
                       (SELECT min(decided_at) FROM deliveries \
                        WHERE application_id = $1 AND id >= $2 || '.' AND id < $2 || '/' \
                          AND day BETWEEN $3 AND $4), \
                       (SELECT min(decided_at) FROM fanouts \
                        WHERE application_id = $1 AND event_id = $2 \
                          AND day BETWEEN $3 AND $4)) AS decided_at";
        let params: crate::pool::Params<'_> = &[
            &place.application.as_str(),
            &place.event.as_str(),
            &place.days.first,
            &place.days.last,
        ];
        let row = self.client().await?.query_opt(sql, params).await?;
        row.map_or(Ok(None), |row| moment_option(&row, "decided_at"))
    }

    /// Lists fan-out's decisions about an event, by endpoint.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn fanout_decisions(
        &self,
        place: &EventPlace,
        page: &Page<EndpointId>,
    ) -> Result<Slice<FanoutDecision>, StoreError> {
        let (from, backwards) = match &page.position {
            Position::Start => (None, false),
            Position::Following(endpoint) => (Some(endpoint.as_str()), false),
            Position::Preceding(endpoint) => (Some(endpoint.as_str()), true),
        };
        let (beyond, order) = direction(!backwards);
        let sql = format!(
            "SELECT * FROM ({}) AS decision ORDER BY endpoint_id {order} LIMIT $6",
            decisions_of(&format!("{beyond} $5 OR $5::text IS NULL"))
        );
        let params: crate::pool::Params<'_> = &[
            &place.application.as_str(),
            &place.event.as_str(),
            &place.days.first,
            &place.days.last,
            &from,
            &page.rows_to_read(),
        ];
        let rows = self.client().await?.query(&sql, params).await?;
        let decisions = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Slice::cut(decisions, page.limit, backwards))
    }
}

/// Whom an event left out and why: named one by one, or as a roster.
///
/// `$1` application, `$2` event, `$3` and `$4` its days.
pub(super) const LEFT_OUT: &str = "\
    SELECT one.endpoint COLLATE \"C\" AS endpoint_id, f.decided_at, one.reason \
    FROM fanouts f \
    LEFT JOIN fanout_rosters r \
        ON r.application_id = f.application_id AND r.id = f.roster AND r.day = f.day \
    CROSS JOIN LATERAL ( \
        SELECT * FROM unnest(f.endpoints, f.reasons) \
        UNION ALL SELECT * FROM unnest(r.endpoints, fanout_reasons(f.left_out)) \
    ) AS one (endpoint, reason) \
    WHERE f.application_id = $1 AND f.event_id = $2 AND f.day BETWEEN $3 AND $4 \
      AND one.endpoint IS NOT NULL AND one.reason IS NOT NULL";

/// The decisions about an event, the earliest for each endpoint whose id fulfils a condition.
///
/// `$1` application, `$2` event, `$3` and `$4` its days.
pub(super) fn decisions_of(condition: &str) -> String {
    format!(
        "SELECT DISTINCT ON (endpoint_id) endpoint_id, decided_at, reason FROM ( \
             SELECT endpoint_id, decided_at, NULL::smallint AS reason FROM deliveries \
             WHERE application_id = $1 AND id >= $2 || '.' AND id < $2 || '/' \
               AND day BETWEEN $3 AND $4 AND decided_at IS NOT NULL \
             UNION ALL \
             SELECT endpoint_id, decided_at, reason FROM ({LEFT_OUT}) AS left_out \
         ) AS decided \
         WHERE endpoint_id {condition} ORDER BY endpoint_id, decided_at"
    )
}

pub(super) fn read(row: &Row) -> Result<FanoutDecision, StoreError> {
    let verdict = match get::<Option<i16>>(row, "reason")? {
        None => Verdict::Matched,
        Some(code) => match reason(code) {
            Some(reason) => Verdict::NotMatched { reason },
            None => return Err(StoreError::Corrupt { column: "reasons" }),
        },
    };
    Ok(FanoutDecision {
        endpoint: parsed(row, "endpoint_id", EndpointId::parse)?,
        verdict,
        decided_at: moment(row, "decided_at")?,
    })
}
