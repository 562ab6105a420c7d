//! Warnings that an endpoint only fails, before it is disabled for that.
//!
//! They are notices like others ([`crate::operational_notice`]). That one was noted is part of the
//! endpoint's streak of failures, and goes with it.

use std::time::Duration;

use posthorn_event_schema::Timestamp;

use crate::operational_notice::{FAILING, WANTED};
use crate::{Store, StoreError};

impl Store {
    /// Notes for each endpoint that only fails since `age` or longer, and failed in the latter half
    /// of that time, what its organisation is to be told; returns how many have been marked.
    ///
    /// `disabled_after` is the time of failures after which endpoints are disabled, if they are.
    /// Ages are to be noted from the longest to the shortest: an endpoint that reached several of
    /// them unnoticed gets the warning of the longest alone.
    ///
    /// *Guarantee*: a warning is noted once in a streak of failures, in one statement with the mark
    /// that it was, however many processes do it at once or die. Shown by
    /// `a_warning_is_noted_once_in_a_streak_of_failures`.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn note_failing(
        &self,
        age: Duration,
        disabled_after: Option<Duration>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let statement = format!(
            "WITH warned AS ( \
                 UPDATE endpoint_failures f SET warned_at = $1, warned_after_seconds = $3::bigint \
                 FROM endpoints e \
                 WHERE e.id = f.endpoint_id AND NOT e.disabled AND NOT e.deleted \
                   AND f.first_failed_at <= $2 AND e.enabled_at <= $2 \
                   AND f.last_failed_at - GREATEST(f.first_failed_at, e.enabled_at) \
                       >= $3::bigint * interval '0.5 s' \
                   AND (f.warned_at IS NULL OR f.warned_after_seconds < $3::bigint \
                        OR f.warned_at < GREATEST(f.first_failed_at, e.enabled_at)) \
                   AND NOT EXISTS (SELECT FROM disable_orders o WHERE o.endpoint_id = e.id) \
                 RETURNING e.id, e.organization_id, e.application_id, \
                     GREATEST(f.first_failed_at, e.enabled_at) AS fail_since), \
             noted AS ( \
                 INSERT INTO operational_notices (kind, subject, organization_id, application_id, \
                     endpoint_id, happened_at, fail_since, disable_at) \
                 SELECT '{FAILING}', n.id || '/' || extract(epoch FROM n.fail_since) || '/' || $3::bigint, \
                     n.organization_id, n.application_id, n.id, $1, n.fail_since, \
                     n.fail_since + $4::bigint * interval '1 s' \
                 FROM warned n WHERE {WANTED} ON CONFLICT DO NOTHING) \
             SELECT id FROM warned"
        );
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let mut client = self.client().await?;
        let rows = client
            .query(
                &statement,
                &[
                    &now.to_date_time(),
                    &now.minus(age).to_date_time(),
                    &seconds(age),
                    &disabled_after.map(seconds),
                ],
            )
            .await?;
        Ok(u64::try_from(rows.len()).unwrap_or_default())
    }
}
