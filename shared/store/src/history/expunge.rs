//! Removing contents, so that what was sent can be forgotten while its history stays.

use posthorn_event_schema::AttemptId;

use super::events::EventPlace;
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
