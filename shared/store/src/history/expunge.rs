//! Removing contents, so that what was sent can be forgotten while its history stays.

use posthorn_event_schema::{ApplicationId, AttemptId, EventId, Timestamp};

use super::day_of;
use super::events::EventPlace;
use super::replay::ReplayPosition;
use crate::column::{get, moment, parsed};
use crate::{Store, StoreError};

/// What stands in place of a removed response. *Source*: Svix's API.
pub const EXPUNGED_RESPONSE: &str = "EXPUNGED";

impl Store {
    /// Removes an event's body for good; tells whether the event exists.
    ///
    /// *Guarantee*: a repeated write of the event does not bring the body back. Copies in backups
    /// and in jobs that still wait are not touched.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn expunge_body(&self, place: &EventPlace) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let found = client
            .execute(
                "UPDATE events SET body = NULL, body_expires_at = NULL \
                 WHERE application_id = $1 AND id = $2 AND day BETWEEN $3 AND $4",
                &[
                    &place.application.as_str(),
                    &place.event.as_str(),
                    &place.days.first,
                    &place.days.last,
                ],
            )
            .await?;
        Ok(found > 0)
    }

    /// Removes the bodies of an application's next events after a place, oldest first, at most
    /// `limit`, up to those accepted at `until`; says how many it removed and where to go on.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; doing it again is harmless.
    pub async fn expunge_bodies(
        &self,
        application: &ApplicationId,
        from: &ReplayPosition,
        until: Timestamp,
        limit: u16,
    ) -> Result<(i64, Option<ReplayPosition>), StoreError> {
        let sql = "WITH page AS ( \
                       SELECT day, id, accepted_at FROM events \
                       WHERE application_id = $1 AND day >= $2 \
                         AND (accepted_at, id) > ($3, $4) AND accepted_at <= $5 \
                       ORDER BY accepted_at, id LIMIT $6), \
                   gone AS ( \
                       UPDATE events e SET body = NULL, body_expires_at = NULL FROM page p \
                       WHERE e.application_id = $1 AND e.id = p.id AND e.day = p.day \
                         AND e.body IS NOT NULL RETURNING e.id) \
                   SELECT accepted_at, id, (SELECT count(*) FROM gone) AS expunged \
                   FROM page ORDER BY accepted_at DESC, id DESC LIMIT 1";
        let params: crate::pool::Params<'_> = &[
            &application.as_str(),
            &day_of(from.at),
            &from.at.to_date_time(),
            &from.event.as_ref().map_or("", EventId::as_str),
            &until.to_date_time(),
            &i64::from(limit),
        ];
        let row = self.client().await?.query_opt(sql, params).await?;
        let Some(row) = row else {
            return Ok((0, None));
        };
        let last = ReplayPosition {
            at: moment(&row, "accepted_at")?,
            event: Some(parsed(&row, "id", EventId::parse)?),
        };
        Ok((get(&row, "expunged")?, Some(last)))
    }

    /// Removes the text of an attempt's response for good; tells whether the attempt exists.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn expunge_response(
        &self,
        place: &EventPlace,
        attempt: &AttemptId,
    ) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let found = client
            .execute(
                "UPDATE attempts SET response = $6, truncated = false \
                 WHERE application_id = $1 AND event_id = $2 AND id = $3 \
                   AND day BETWEEN $4 AND $5",
                &[
                    &place.application.as_str(),
                    &place.event.as_str(),
                    &attempt.as_str(),
                    &place.days.first,
                    &place.days.last,
                    &EXPUNGED_RESPONSE,
                ],
            )
            .await?;
        Ok(found > 0)
    }

    /// Removes bodies whose time is over, at most `limit`; says how many.
    ///
    /// Several processes may do it at once; each takes other rows.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; calling again goes on.
    pub async fn expunge_expired(&self, limit: u16) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "UPDATE events e SET body = NULL, body_expires_at = NULL \
                 FROM (SELECT application_id, id, day FROM events \
                       WHERE body_expires_at <= now() AND body_expires_at IS NOT NULL \
                         AND body IS NOT NULL \
                       LIMIT $1 FOR UPDATE SKIP LOCKED) AS expired \
                 WHERE e.application_id = expired.application_id AND e.id = expired.id \
                   AND e.day = expired.day",
                &[&i64::from(limit)],
            )
            .await
    }
}
