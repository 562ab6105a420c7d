//! Writing deliveries: `DeliveryFacts::merge` once more, in SQL, against what is stored.
//!
//! A delivery that succeeded at once needs none of it: its row is [new](super::facts::DeliveryFacts::is_whole).
//!
//! Those that wait stand in `waiting_deliveries` as well. It is brought up to date by a statement of
//! its own: once the rows of `deliveries` are locked, it sees what other writers of them left there.

use time::{Date, OffsetDateTime};
use tokio_postgres::Row;

use super::DeliveryState;
use super::delivery_row::DeliveryRow;
use crate::StoreError;
use crate::append::{Expected, append};
use crate::column::get;
use crate::pool::{Params, Transaction};

const UPSERT: &str = "
    INSERT INTO deliveries AS d (accepted_at, decided_at, cancelled_at, next_attempt_at,
        last_started_at, day, attempts, last_number, last_status, last_progress, trigger,
        application_id, id, event_id, endpoint_id, event_type, cancel_reason, last_attempt_id,
        last_failure)
    SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[], $3::timestamptz[],
        $4::timestamptz[], $5::timestamptz[], $6::date[], $7::int[], $8::int[], $9::int[],
        $10::smallint[], $11::smallint[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::text[], $18::text[], $19::text[])
    ON CONFLICT (application_id, id, day) DO UPDATE SET
        accepted_at = LEAST(d.accepted_at, excluded.accepted_at),
        decided_at = LEAST(d.decided_at, excluded.decided_at),
        event_type = COALESCE(d.event_type, excluded.event_type),
        trigger = COALESCE(d.trigger, excluded.trigger),
        attempts = GREATEST(d.attempts, excluded.attempts),
        (cancelled_at, cancel_reason) = (
            SELECT c.cancelled_at, c.reason
            FROM (VALUES (d.cancelled_at, d.cancel_reason),
                         (excluded.cancelled_at, excluded.cancel_reason))
                AS c (cancelled_at, reason)
            ORDER BY c.cancelled_at NULLS LAST, c.reason
            LIMIT 1),
        (last_progress, last_number, last_started_at, last_attempt_id, last_status, last_failure,
         next_attempt_at) = (
            SELECT a.progress, a.number, a.started_at, a.id, a.status, a.failure, a.next_at
            FROM (VALUES (d.last_progress, d.last_number, d.last_started_at, d.last_attempt_id,
                          d.last_status, d.last_failure, d.next_attempt_at),
                         (excluded.last_progress, excluded.last_number, excluded.last_started_at,
                          excluded.last_attempt_id, excluded.last_status, excluded.last_failure,
                          excluded.next_attempt_at))
                AS a (progress, number, started_at, id, status, failure, next_at)
            ORDER BY a.progress DESC NULLS LAST, a.number DESC, a.started_at DESC, a.id DESC
            LIMIT 1)
    RETURNING d.application_id, d.id, d.day, d.state, d.next_attempt_at, d.accepted_at, d.attempts,
        d.event_id, d.endpoint_id, d.event_type";

/// Whatever has ended waits no longer.
const LEAVE: &str = "
    DELETE FROM waiting_deliveries w
    USING unnest($1::text[], $2::text[], $3::date[]) AS n (application_id, id, day)
    WHERE w.application_id = n.application_id AND w.id = n.id AND w.day = n.day";

const WAIT: &str = "
    INSERT INTO waiting_deliveries AS w (application_id, id, day, next_attempt_at, accepted_at,
        attempts, event_id, endpoint_id, event_type)
    SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::timestamptz[], $5::timestamptz[],
        $6::int[], $7::text[], $8::text[], $9::text[])
    ON CONFLICT (application_id, id, day) DO UPDATE SET
        next_attempt_at = excluded.next_attempt_at, accepted_at = excluded.accepted_at,
        attempts = excluded.attempts, event_type = excluded.event_type";

/// Writes deliveries, which come in the key's order.
///
/// # Errors
/// As [`append`].
pub(super) async fn write(
    rows: &[DeliveryRow<'_>],
    expected: Expected,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let (new, others): (Vec<_>, Vec<_>) = rows
        .iter()
        .partition(|row| row.is_whole && expected == Expected::New);
    append(&new, expected, transaction).await?;
    upsert(&others, transaction).await
}

async fn upsert(
    rows: &[&DeliveryRow<'_>],
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let written = DeliveryColumns::of(rows).upsert(transaction).await?;
    let mut ended = Keys::default();
    let mut waiting = WaitingColumns::default();
    for row in &written {
        match DeliveryState::from_code(get(row, "state")?, "state")? {
            // Without an attempt it never stood there.
            DeliveryState::Pending => {}
            DeliveryState::Waiting => waiting.push(row)?,
            DeliveryState::Cancelled | DeliveryState::Exhausted | DeliveryState::Delivered => {
                ended.push(row)?;
            }
        }
    }
    ended.leave(transaction).await?;
    waiting.upsert(transaction).await
}

/// Deliveries, column by column, as `unnest` takes them.
#[derive(Default)]
struct DeliveryColumns<'a> {
    accepted_at: Vec<OffsetDateTime>,
    decided_at: Vec<Option<OffsetDateTime>>,
    cancelled_at: Vec<Option<OffsetDateTime>>,
    next_attempt_at: Vec<Option<OffsetDateTime>>,
    last_started_at: Vec<Option<OffsetDateTime>>,
    days: Vec<Date>,
    attempts: Vec<i32>,
    last_numbers: Vec<Option<i32>>,
    last_statuses: Vec<Option<i32>>,
    last_progress: Vec<Option<i16>>,
    triggers: Vec<Option<i16>>,
    applications: Vec<&'a str>,
    ids: Vec<&'a str>,
    events: Vec<&'a str>,
    endpoints: Vec<&'a str>,
    event_types: Vec<Option<&'a str>>,
    cancel_reasons: Vec<Option<&'static str>>,
    last_attempt_ids: Vec<Option<&'a str>>,
    last_failures: Vec<Option<&'static str>>,
}

impl<'a> DeliveryColumns<'a> {
    fn of(rows: &'a [&DeliveryRow<'_>]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.accepted_at.push(row.accepted_at);
            columns.decided_at.push(row.decided_at);
            columns.cancelled_at.push(row.cancelled_at);
            columns.next_attempt_at.push(row.next_attempt_at);
            columns.last_started_at.push(row.last_started_at);
            columns.days.push(row.day);
            columns.attempts.push(row.attempts);
            columns.last_numbers.push(row.last_number);
            columns.last_statuses.push(row.last_status);
            columns.last_progress.push(row.last_progress);
            columns.triggers.push(row.trigger);
            columns.applications.push(row.application);
            columns.ids.push(&row.id);
            columns.events.push(row.event);
            columns.endpoints.push(row.endpoint);
            columns.event_types.push(row.event_type);
            columns.cancel_reasons.push(row.cancel_reason);
            columns.last_attempt_ids.push(row.last_attempt_id);
            columns.last_failures.push(row.last_failure);
        }
        columns
    }

    async fn upsert(&self, transaction: &mut Transaction<'_>) -> Result<Vec<Row>, StoreError> {
        let params: Params<'_> = &[
            &self.accepted_at,
            &self.decided_at,
            &self.cancelled_at,
            &self.next_attempt_at,
            &self.last_started_at,
            &self.days,
            &self.attempts,
            &self.last_numbers,
            &self.last_statuses,
            &self.last_progress,
            &self.triggers,
            &self.applications,
            &self.ids,
            &self.events,
            &self.endpoints,
            &self.event_types,
            &self.cancel_reasons,
            &self.last_attempt_ids,
            &self.last_failures,
        ];
        transaction.query(UPSERT, params).await
    }
}

/// Keys of deliveries, column by column.
#[derive(Default)]
struct Keys<'a> {
    applications: Vec<&'a str>,
    ids: Vec<&'a str>,
    days: Vec<Date>,
}

impl<'a> Keys<'a> {
    fn push(&mut self, row: &'a Row) -> Result<(), StoreError> {
        self.applications.push(get(row, "application_id")?);
        self.ids.push(get(row, "id")?);
        self.days.push(get(row, "day")?);
        Ok(())
    }

    async fn leave(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let params: Params<'_> = &[&self.applications, &self.ids, &self.days];
        transaction.execute(LEAVE, params).await?;
        Ok(())
    }
}

/// Deliveries that wait, as they stand now.
#[derive(Default)]
struct WaitingColumns<'a> {
    keys: Keys<'a>,
    next_attempt_at: Vec<OffsetDateTime>,
    accepted_at: Vec<OffsetDateTime>,
    attempts: Vec<i32>,
    events: Vec<&'a str>,
    endpoints: Vec<&'a str>,
    event_types: Vec<Option<&'a str>>,
}

impl<'a> WaitingColumns<'a> {
    fn push(&mut self, row: &'a Row) -> Result<(), StoreError> {
        self.keys.push(row)?;
        self.next_attempt_at.push(get(row, "next_attempt_at")?);
        self.accepted_at.push(get(row, "accepted_at")?);
        self.attempts.push(get(row, "attempts")?);
        self.events.push(get(row, "event_id")?);
        self.endpoints.push(get(row, "endpoint_id")?);
        self.event_types.push(get(row, "event_type")?);
        Ok(())
    }

    async fn upsert(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        if self.keys.ids.is_empty() {
            return Ok(());
        }
        let params: Params<'_> = &[
            &self.keys.applications,
            &self.keys.ids,
            &self.keys.days,
            &self.next_attempt_at,
            &self.accepted_at,
            &self.attempts,
            &self.events,
            &self.endpoints,
            &self.event_types,
        ];
        transaction.execute(WAIT, params).await?;
        Ok(())
    }
}
