//! What happened lately at each endpoint of a page, for a list of them.

use std::collections::HashMap;
use std::time::Duration;

use posthorn_event_schema::{ApplicationId, EndpointId, Timestamp};
use time::OffsetDateTime;
use tokio_postgres::Row;

use super::DeliveryState;
use super::overview::LONGEST_LIFE;
use super::window::Days;
use crate::column::{get, moment, number_option};
use crate::pool::Params;
use crate::{Store, StoreError};

const HOUR: Duration = Duration::from_secs(3_600);
/// How far back the newest attempt is looked for.
const NEWEST_WITHIN: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What happened lately at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointActivity {
    /// How attempts ended, hour by hour, quiet ones too.
    pub hours: Vec<Attempts>,
    /// The newest attempt; `None` when there was none for a week.
    pub newest: Option<NewestAttempt>,
}

/// How attempts ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Those that succeeded.
    pub delivered: i64,
    /// Those that failed.
    pub failed: i64,
}

/// An endpoint's newest attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestAttempt {
    /// When it began.
    pub started_at: Timestamp,
    /// What it led to.
    pub state: DeliveryState,
    /// The HTTP status; `None` when no HTTP answer came.
    pub status: Option<u16>,
}

/// `$1` application, `$2` hours, `$3` endpoints.
///
/// The hours are named one by one, so that the key leads to each endpoint's figures in each of them,
/// and what other endpoints of the application did is not read.
const FIGURES: &str = "
    SELECT endpoint_id, array_position($2::timestamptz[], bucket) AS place,
           COALESCE(sum(count) FILTER (WHERE kind = 4), 0)::bigint AS delivered,
           COALESCE(sum(count) FILTER (WHERE kind IN (1, 3)), 0)::bigint AS failed
    FROM figures_by_hour
    WHERE application_id = $1 AND bucket = ANY($2) AND endpoint_id = ANY($3) AND kind > 0
    GROUP BY endpoint_id, bucket";

/// `$1` application, `$2` endpoints, `$3` and `$4` days, `$5` the first moment.
const NEWEST: &str = "
    SELECT newest.* FROM unnest($2::text[]) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT endpoint_id, started_at, state, status FROM attempts t
        WHERE t.endpoint_id = wanted.id AND t.application_id = $1 AND t.day BETWEEN $3 AND $4
        ORDER BY t.id DESC LIMIT 1) AS newest
    WHERE newest.started_at >= $5";

impl Store {
    /// Reads what happened at endpoints of an application in so many hours, the last of which is the
    /// one of `now`; in the order of the endpoints.
    ///
    /// It takes two queries, however many endpoints there are.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoint_activity(
        &self,
        application: &ApplicationId,
        endpoints: &[EndpointId],
        hours: u16,
        now: Timestamp,
    ) -> Result<Vec<EndpointActivity>, StoreError> {
        let ids: Vec<&str> = endpoints.iter().map(EndpointId::as_str).collect();
        let quiet = EndpointActivity {
            hours: vec![Attempts::default(); usize::from(hours)],
            newest: None,
        };
        let mut activity: HashMap<&str, EndpointActivity> =
            ids.iter().map(|id| (*id, quiet.clone())).collect();
        let mut client = self.client().await?;

        let starts = last_hours(now, hours);
        let params: Params<'_> = &[&application.as_str(), &starts, &ids];
        for row in &client.query(FIGURES, params).await? {
            let place: i32 = get(row, "place")?;
            let shown = activity.get_mut(get::<&str>(row, "endpoint_id")?);
            let place = usize::try_from(place - 1).ok();
            let hour = shown
                .zip(place)
                .and_then(|(shown, place)| shown.hours.get_mut(place));
            if let Some(hour) = hour {
                hour.delivered = get(row, "delivered")?;
                hour.failed = get(row, "failed")?;
            }
        }

        let since = now.minus(NEWEST_WITHIN);
        let days = Days::between(since.minus(LONGEST_LIFE), now);
        let params: Params<'_> = &[
            &application.as_str(),
            &ids,
            &days.first,
            &days.last,
            &since.to_date_time(),
        ];
        for row in &client.query(NEWEST, params).await? {
            if let Some(shown) = activity.get_mut(get::<&str>(row, "endpoint_id")?) {
                shown.newest = Some(newest(row)?);
            }
        }
        let shown = ids
            .iter()
            .map(|id| activity.get(id).unwrap_or(&quiet).clone());
        Ok(shown.collect())
    }
}

/// When the last hours began, that of `now` included.
fn last_hours(now: Timestamp, count: u16) -> Vec<OffsetDateTime> {
    let micros = now.as_unix_micros();
    let hour = i64::try_from(HOUR.as_micros()).unwrap_or(i64::MAX);
    let current = Timestamp::from_unix_micros(micros - micros.rem_euclid(hour));
    let ago = (0..u32::from(count)).rev();
    ago.map(|hours| current.minus(HOUR * hours).to_date_time())
        .collect()
}

fn newest(row: &Row) -> Result<NewestAttempt, StoreError> {
    Ok(NewestAttempt {
        started_at: moment(row, "started_at")?,
        state: DeliveryState::from_code(get(row, "state")?, "state")?,
        status: number_option(row, "status")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hours_end_with_the_one_of_now() {
        let now = Timestamp::parse_rfc3339("2026-03-01T13:45:10Z").unwrap();
        let hours: Vec<_> = last_hours(now, 24);
        assert_eq!(hours.len(), 24);
        let text = |at: &OffsetDateTime| at.to_string();
        assert_eq!(text(&hours[0]), "2026-02-28 14:00:00.0 +00:00:00");
        assert_eq!(text(&hours[23]), "2026-03-01 13:00:00.0 +00:00:00");
    }
}
