//! Daily partitions: made when first needed, dropped by retention.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use posthorn_chassis::Env;
use posthorn_event_schema::Timestamp;
use time::{Date, Duration, Month, OffsetDateTime};

use crate::column::get;
use crate::{Store, StoreError};

/// How far ahead of this process' clock a row's day may lie: clocks disagree by minutes, not days.
const DAYS_AHEAD: Duration = Duration::days(2);

/// No event was accepted before Posthorn existed. Together with [`DAYS_AHEAD`] this bounds the
/// number of partitions, whatever a broken clock may say.
const FIRST_YEAR: i32 = 2020;

/// How many whole days history is kept. *Source*: Svix's default.
pub const DEFAULT_RETENTION_DAYS: u16 = 90;

/// How many days history is kept: for who removes it, and who tells callers of it.
#[must_use]
pub fn retention_days(env: &mut Env) -> u16 {
    env.number("POSTHORN_RETENTION_DAYS", DEFAULT_RETENTION_DAYS, 3..=3_650)
}

/// The day whose partition holds everything about an event.
#[must_use]
pub fn day_of(accepted_at: Timestamp) -> Date {
    accepted_at.to_date_time().date()
}

/// What retention removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Days whose partitions were dropped.
    pub days: usize,
}

/// The days that this process has seen partitions for; only saves asking again.
#[derive(Clone, Default)]
pub(crate) struct KnownDays(Arc<Mutex<BTreeSet<Date>>>);

impl KnownDays {
    fn missing(&self, days: &BTreeSet<Date>) -> Vec<Date> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        days.difference(&known).copied().collect()
    }

    fn add(&self, days: &[Date]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(days);
    }

    pub(crate) fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

/// The day of a row to be written.
///
/// # Errors
/// [`StoreError::DayOutOfRange`] for a day that only a broken clock can have.
pub(crate) fn day_to_write(accepted_at: Timestamp) -> Result<Date, StoreError> {
    let day = day_of(accepted_at);
    let last = (OffsetDateTime::now_utc() + DAYS_AHEAD).date();
    if day.year() < FIRST_YEAR || day > last {
        return Err(StoreError::DayOutOfRange(day));
    }
    Ok(day)
}

impl Store {
    /// Creates what is missing of the days' partitions.
    ///
    /// Other callers may do the same at the same time.
    ///
    /// # Errors
    /// Those of the database; calling again is harmless.
    pub async fn ensure_days(&self, days: &BTreeSet<Date>) -> Result<(), StoreError> {
        let missing = self.known_days.missing(days);
        if missing.is_empty() {
            return Ok(());
        }
        let mut client = self.client().await?;
        for day in &missing {
            client
                .execute("SELECT history_create_day($1)", &[day])
                .await?;
        }
        self.known_days.add(&missing);
        Ok(())
    }

    /// Drops the partitions of all days before `day`.
    ///
    /// Readers and writers of other days are not held up: a partition is first detached
    /// concurrently, which waits for those that use it.
    /// If another process is at it, nothing is done.
    ///
    /// # Errors
    /// Those of the database; calling again goes on where this call stopped.
    pub async fn drop_before(&self, day: Date) -> Result<Dropped, StoreError> {
        let mut client = self.client().await?;
        let lock = client.query_opt(TRY_LOCK, &[]).await?;
        if !lock.map_or(Ok(false), |row| get(&row, "locked"))? {
            return Ok(Dropped::default());
        }
        let dropped = drop_all(&mut client, day).await;
        client.batch(UNLOCK).await?;
        self.known_days.forget();
        dropped
    }
}

const TRY_LOCK: &str =
    "SELECT pg_try_advisory_lock(hashtext('posthorn'), hashtext('history_drop')) AS locked";
const UNLOCK: &str = "SELECT pg_advisory_unlock(hashtext('posthorn'), hashtext('history_drop'))";

/// Every partition, also one that an interrupted call has detached and not dropped.
const PARTITIONS: &str = "
    SELECT c.relname::text AS name, p.name AS parent, i.inhrelid IS NOT NULL AS attached,
           COALESCE(i.inhdetachpending, false) AS pending
    FROM (VALUES ('events'), ('fanout_rosters'), ('fanouts'), ('deliveries'), ('attempts'))
        AS p (name)
    JOIN pg_class c ON c.relname ~ ('^' || p.name || '_[0-9]{8}$') AND c.relkind = 'r'
        AND c.relnamespace = current_schema()::regnamespace
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    ORDER BY right(c.relname, 8), c.relname";

async fn drop_all(client: &mut crate::pool::Client, day: Date) -> Result<Dropped, StoreError> {
    let dropped = drop_partitions(client, day).await?;
    let waiting = "DELETE FROM waiting_deliveries WHERE day < $1";
    client.execute(waiting, &[&day]).await?;
    Ok(dropped)
}

async fn drop_partitions(
    client: &mut crate::pool::Client,
    day: Date,
) -> Result<Dropped, StoreError> {
    let mut days = BTreeSet::new();
    for row in client.query(PARTITIONS, &[]).await? {
        let name: &str = get(&row, "name")?;
        let Some(partition_day) = day_in(name).filter(|found| *found < day) else {
            continue;
        };
        let parent: &str = get(&row, "parent")?;
        if get(&row, "attached")? {
            let how = if get(&row, "pending")? {
                "FINALIZE"
            } else {
                "CONCURRENTLY"
            };
            client
                .batch(&format!(
                    "ALTER TABLE {parent} DETACH PARTITION {name} {how}"
                ))
                .await?;
        }
        client.batch(&format!("DROP TABLE {name}")).await?;
        days.insert(partition_day);
    }
    Ok(Dropped { days: days.len() })
}

/// Reads the day off a partition's name, such as `events_20250412`.
fn day_in(name: &str) -> Option<Date> {
    let digits: u32 = name.rsplit_once('_')?.1.parse().ok()?;
    let year = i32::try_from(digits / 10_000).ok()?;
    let month = Month::try_from(u8::try_from(digits / 100 % 100).ok()?).ok()?;
    Date::from_calendar_date(year, month, u8::try_from(digits % 100).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn the_day_of_an_event_is_its_utc_day() {
        let late = Timestamp::parse_rfc3339("2026-03-01T00:30:00+02:00").unwrap();
        assert_eq!(day_of(late), date!(2026 - 02 - 28));
    }

    #[test]
    fn a_day_that_only_a_broken_clock_can_have_is_refused() {
        for at in [0, i64::MAX, i64::MIN, 4_000_000_000_000_000] {
            let day = day_to_write(Timestamp::from_unix_micros(at));
            assert!(matches!(day, Err(StoreError::DayOutOfRange(_))), "{at}");
        }
    }

    #[test]
    fn a_partitions_name_tells_its_day() {
        assert_eq!(day_in("deliveries_20250412"), Some(date!(2025 - 04 - 12)));
        assert_eq!(day_in("events_20251341"), None);
        assert_eq!(day_in("events"), None);
    }
}
