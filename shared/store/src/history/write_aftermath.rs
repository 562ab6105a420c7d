//! Writing what attempts mean beyond their own deliveries.
//!
//! Traffic that succeeds costs one indexed look that finds nothing.

use posthorn_event_schema::{Timestamp, Wish};
use time::{Date, OffsetDateTime};

use super::aftermath::{Aftermath, Failed, ended_at};
use super::days::day_of;
use super::rollup;
use crate::StoreError;
use crate::disabling::DisabledBy;
use crate::operational_notice::WANTED;
use crate::pool::Transaction;

const ORDER: &str = "
    INSERT INTO disable_orders AS o
        (endpoint_id, application_id, endpoint_version, reason, ordered_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
    ON CONFLICT (endpoint_id) DO UPDATE SET endpoint_version = excluded.endpoint_version,
        reason = excluded.reason, ordered_at = excluded.ordered_at
    WHERE o.endpoint_version < excluded.endpoint_version";

const LOCK: &str = "SELECT endpoint_id FROM endpoint_failures \
                    WHERE endpoint_id = ANY($1) ORDER BY endpoint_id FOR UPDATE";

/// Callbacks have no endpoint that could be disabled.
const FAIL: &str = "
    INSERT INTO endpoint_failures AS f
        (endpoint_id, first_failed_at, last_failed_at, exhausted_at)
    SELECT n.* FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[])
        AS n (endpoint_id, first_failed_at, last_failed_at, exhausted_at)
    WHERE EXISTS (SELECT FROM endpoints e WHERE e.id = n.endpoint_id)
    ON CONFLICT (endpoint_id) DO UPDATE SET
        first_failed_at = LEAST(f.first_failed_at, excluded.first_failed_at),
        last_failed_at = GREATEST(f.last_failed_at, excluded.last_failed_at),
        exhausted_at = GREATEST(f.exhausted_at, excluded.exhausted_at)";

impl Aftermath<'_> {
    /// Writes all of it; part of the caller's transaction.
    pub(super) async fn write(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        self.write_streaks(transaction).await?;
        self.write_orders(transaction).await?;
        self.write_notices(transaction).await?;
        rollup::note(&self.counts, transaction).await
    }

    async fn write_streaks(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let seen: Vec<&str> = self.streaks.keys().copied().collect();
        if seen.is_empty() {
            return Ok(());
        }
        let known = transaction.query(LOCK, &[&seen]).await?;
        let mut healed: Vec<&str> = Vec::new();
        for row in &known {
            let endpoint: &str = row.try_get("endpoint_id")?;
            if self.streaks.get(endpoint).is_some_and(|s| s.succeeded) {
                healed.push(endpoint);
            }
        }
        if !healed.is_empty() {
            let sql = "DELETE FROM endpoint_failures WHERE endpoint_id = ANY($1)";
            transaction.execute(sql, &[&healed]).await?;
        }
        let failed = self.streaks.iter();
        let failed: Vec<(&str, Failed)> = failed
            .filter_map(|(id, s)| Some((*id, s.failed?)))
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = failed.iter().map(|(id, _)| *id).collect();
        let first: Vec<OffsetDateTime> =
            failed.iter().map(|(_, f)| f.first.to_date_time()).collect();
        let last: Vec<OffsetDateTime> = failed.iter().map(|(_, f)| f.last.to_date_time()).collect();
        let exhausted: Vec<Option<OffsetDateTime>> = failed
            .iter()
            .map(|(_, f)| f.exhausted.map(Timestamp::to_date_time))
            .collect();
        transaction
            .execute(FAIL, &[&ids, &first, &last, &exhausted])
            .await?;
        Ok(())
    }

    async fn write_orders(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        if self.orders.is_empty() {
            return Ok(());
        }
        let attempts = || self.orders.values();
        let endpoints: Vec<&str> = attempts().map(|a| a.endpoint.as_str()).collect();
        let applications: Vec<&str> = attempts().map(|a| a.application.as_str()).collect();
        let versions: Vec<i64> = attempts()
            .map(|a| a.wish.map_or(0, |wish| wish.endpoint_version))
            .collect();
        let reasons: Vec<&str> = attempts()
            .map(|a| match a.wish.map(|wish| wish.asks) {
                Some(Wish::Gone) => DisabledBy::Gone.as_str(),
                Some(Wish::Disable | Wish::AbortMessage) | None => DisabledBy::Receiver.as_str(),
            })
            .collect();
        let moments: Vec<OffsetDateTime> = attempts().map(|a| ended_at(a).to_date_time()).collect();
        transaction
            .execute(
                ORDER,
                &[&endpoints, &applications, &versions, &reasons, &moments],
            )
            .await?;
        Ok(())
    }

    async fn write_notices(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        if self.notices.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO operational_notices (kind, subject, organization_id, application_id, \
                 endpoint_id, happened_at, event_id, day, attempt_id, attempt_status, attempted_at) \
             SELECT n.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], \
                 $6::timestamptz[], $7::text[], $8::date[], $9::text[], $10::int[], \
                 $11::timestamptz[]) AS n (kind, subject, organization_id, application_id, \
                 endpoint_id, happened_at, event_id, day, attempt_id, attempt_status, attempted_at) \
             WHERE {WANTED} ON CONFLICT DO NOTHING"
        );
        let attempts = || self.notices.iter().map(|(_, attempt)| attempt);
        let kinds: Vec<&str> = self
            .notices
            .iter()
            .map(|(notice, _)| notice.kind())
            .collect();
        let subjects: Vec<String> = attempts()
            .map(|a| format!("{}/{}", a.delivery, day_of(a.accepted_at)))
            .collect();
        let organizations: Vec<&str> = attempts().map(|a| a.organization.as_str()).collect();
        let applications: Vec<&str> = attempts().map(|a| a.application.as_str()).collect();
        let endpoints: Vec<&str> = attempts().map(|a| a.endpoint.as_str()).collect();
        let happened: Vec<OffsetDateTime> =
            attempts().map(|a| ended_at(a).to_date_time()).collect();
        let events: Vec<&str> = attempts().map(|a| a.event.as_str()).collect();
        let days: Vec<Date> = attempts().map(|a| day_of(a.accepted_at)).collect();
        let ids: Vec<&str> = attempts().map(|a| a.id.as_str()).collect();
        let statuses: Vec<Option<i32>> = attempts()
            .map(|a| a.response.status.map(i32::from))
            .collect();
        let started: Vec<OffsetDateTime> =
            attempts().map(|a| a.started_at.to_date_time()).collect();
        transaction
            .execute(
                &sql,
                &[
                    &kinds,
                    &subjects,
                    &organizations,
                    &applications,
                    &endpoints,
                    &happened,
                    &events,
                    &days,
                    &ids,
                    &statuses,
                    &started,
                ],
            )
            .await?;
        Ok(())
    }
}
