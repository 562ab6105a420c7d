//! Figures as roll-ups: noted with what they count, added up soon after.
//!
//! A writer of history only appends to `figures_pending`, in its own transaction, so a count is
//! there exactly if its attempt is. [`Store::fold_figures`] moves what was noted to the roll-ups:
//! whichever process does it, in one transaction, so that nothing is counted twice or lost. Shown by
//! `figures_count_each_attempt_once`.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use posthorn_event_schema::{AttemptRecord, EventMeta, Timestamp};
use time::OffsetDateTime;

use super::DeliveryState;
use crate::column::get;
use crate::pool::{Params, Transaction};
use crate::{Store, StoreError};

/// Counts moved in one transaction.
const FOLD_ROWS: i64 = 20_000;
/// How long figures by minute are kept: somewhat longer than the hour that is shown.
const MINUTES_KEPT: Duration = Duration::from_secs(2 * 3_600);
/// How long figures by hour are kept: somewhat longer than the week that is shown.
const HOURS_KEPT: Duration = Duration::from_secs(8 * 24 * 3_600);
/// Rows removed in one statement.
const PRUNE_ROWS: i64 = 10_000;
const MINUTE_MICROS: i64 = 60_000_000;
/// The class of everything longer than 38 hours.
const LAST_CLASS: i16 = 109;

/// What attempts, or accepted events, have in common that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counted<'a> {
    application: &'a str,
    endpoint: &'a str,
    /// When they began or were accepted, in whole minutes.
    minute: Timestamp,
    kind: i16,
    latency: i16,
}

impl<'a> Counted<'a> {
    pub(super) fn accepted(event: &'a EventMeta) -> Self {
        Self {
            application: event.application.as_str(),
            endpoint: "",
            minute: minute_of(event.accepted_at),
            kind: 0,
            latency: 0,
        }
    }

    pub(super) fn of(attempt: &'a AttemptRecord) -> Self {
        Self {
            application: attempt.application.as_str(),
            endpoint: attempt.endpoint.as_str(),
            minute: minute_of(attempt.started_at),
            kind: DeliveryState::of(attempt.progress).code(),
            latency: latency_class(attempt.duration_ms),
        }
    }
}

fn minute_of(at: Timestamp) -> Timestamp {
    let micros = at.as_unix_micros();
    Timestamp::from_unix_micros(micros - micros.rem_euclid(MINUTE_MICROS))
}

/// The class of a duration: four to each doubling, so a class is 19 % wide.
fn latency_class(duration_ms: u64) -> i16 {
    // Looked up and not computed each time: every attempt has one.
    static STARTS: LazyLock<Vec<f64>> =
        LazyLock::new(|| (0..=LAST_CLASS).map(class_start).collect());
    let begun = STARTS.partition_point(|start| *start <= duration_ms as f64 + 1e-6);
    i16::try_from(begun.saturating_sub(1)).unwrap_or(LAST_CLASS)
}

/// Where a class begins, in milliseconds.
pub(super) fn class_start(class: i16) -> f64 {
    if class <= 0 {
        0.0
    } else {
        2_f64.powf(f64::from(class - 1) / 4.0)
    }
}

/// Notes counts; part of the caller's transaction.
pub(super) async fn note(
    counts: &BTreeMap<Counted<'_>, i64>,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    if counts.is_empty() {
        return Ok(());
    }
    let keys = || counts.keys();
    let minutes: Vec<OffsetDateTime> = keys().map(|key| key.minute.to_date_time()).collect();
    let numbers: Vec<i64> = counts.values().copied().collect();
    let kinds: Vec<i16> = keys().map(|key| key.kind).collect();
    let latencies: Vec<i16> = keys().map(|key| key.latency).collect();
    let applications: Vec<&str> = keys().map(|key| key.application).collect();
    let endpoints: Vec<&str> = keys().map(|key| key.endpoint).collect();
    let sql = "INSERT INTO figures_pending \
                   (minute, count, kind, latency, application_id, endpoint_id) \
               SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::smallint[], \
                   $4::smallint[], $5::text[], $6::text[])";
    let params: Params<'_> = &[
        &minutes,
        &numbers,
        &kinds,
        &latencies,
        &applications,
        &endpoints,
    ];
    transaction.execute(sql, params).await?;
    Ok(())
}

const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock(hashtext('posthorn'), \
                        hashtext('fold_figures')) AS locked";

/// `$1` how many, `$2` and `$3` from when on minutes and hours are kept.
const FOLD: &str = "
    WITH taken AS (
        DELETE FROM figures_pending
        WHERE ctid = ANY(ARRAY(SELECT ctid FROM figures_pending LIMIT $1))
        RETURNING *),
    minutes AS (
        INSERT INTO figures_by_minute AS f
            (bucket, count, kind, latency, application_id, endpoint_id)
        SELECT minute, sum(count), kind, latency, application_id, endpoint_id FROM taken
        WHERE minute >= $2
        GROUP BY application_id, minute, endpoint_id, kind, latency
        ON CONFLICT (application_id, bucket, endpoint_id, kind, latency)
            DO UPDATE SET count = f.count + excluded.count),
    hours AS (
        INSERT INTO figures_by_hour AS f
            (bucket, count, kind, latency, application_id, endpoint_id)
        SELECT date_trunc('hour', minute, 'UTC') AS hour, sum(count), kind, latency,
               application_id, endpoint_id FROM taken
        WHERE minute >= $3
        GROUP BY application_id, hour, endpoint_id, kind, latency
        ON CONFLICT (application_id, bucket, endpoint_id, kind, latency)
            DO UPDATE SET count = f.count + excluded.count)
    SELECT count(*) AS found FROM taken";

impl Store {
    /// Adds what was noted to the roll-ups; says whether more is left to add at once.
    ///
    /// If another process is at it, nothing is done.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; calling again is harmless.
    pub async fn fold_figures(&self, now: Timestamp) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        let lock = transaction.query_opt(TRY_LOCK, &[]).await?;
        if !lock.map_or(Ok(false), |row| get(&row, "locked"))? {
            return Ok(false);
        }
        let minutes = now.minus(MINUTES_KEPT).to_date_time();
        let hours = now.minus(HOURS_KEPT).to_date_time();
        let row = transaction
            .query_opt(FOLD, &[&FOLD_ROWS, &minutes, &hours])
            .await?;
        let found: i64 = row.map_or(Ok(0), |row| get(&row, "found"))?;
        transaction.commit().await?;
        Ok(found == FOLD_ROWS)
    }

    /// Removes figures that are too old to be shown.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; calling again goes on.
    pub async fn prune_figures(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        for (table, kept) in [
            ("figures_by_minute", MINUTES_KEPT),
            ("figures_by_hour", HOURS_KEPT),
        ] {
            let sql = format!(
                "DELETE FROM {table} WHERE ctid = ANY(ARRAY( \
                     SELECT ctid FROM {table} WHERE bucket < $1 LIMIT $2))"
            );
            let before = now.minus(kept).to_date_time();
            let full = u64::try_from(PRUNE_ROWS).unwrap_or(u64::MAX);
            while client.execute(&sql, &[&before, &PRUNE_ROWS]).await? == full {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_lies_in_its_class_and_classes_are_narrow() {
        for duration in [1_u64, 2, 3, 4, 5, 8, 100, 1_000, 4_096, 5_000, 123_456] {
            let class = latency_class(duration);
            let (start, end) = (class_start(class), class_start(class + 1));
            let exact = duration as f64;
            assert!(
                start <= exact + 1e-6 && exact < end,
                "{duration}: {start}..{end}"
            );
            assert!(end / start < 1.2, "{duration}");
        }
        assert_eq!(latency_class(0), 0);
        // As the migration says in SQL: 1 + floor(4 log2 d).
        assert_eq!([1, 2, 3, 4, 1_024].map(latency_class), [1, 5, 7, 9, 41]);
        assert_eq!(latency_class(u64::MAX), LAST_CLASS);
    }
}
