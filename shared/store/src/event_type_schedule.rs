//! The retry schedules and times to live of event types, and what becomes of them when a type is forgotten.

use posthorn_event_schema::{EventType, OrganizationId};
use tokio_postgres::Row;

use crate::{Store, StoreError, column};

/// A version above the one before, and above that of a former type of this name.
const NEXT_VERSION: &str = "GREATEST(schedule_version + 1, \
     (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)";

/// An event type's retry schedule and time to live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Whose event type it is.
    pub organization: OrganizationId,
    /// Its name.
    pub name: EventType,
    /// Its waits between attempts in milliseconds; `None` = the deployment's schedule.
    pub waits_ms: Option<Vec<i64>>,
    /// How long its events are of interest, in seconds; `None` = for ever.
    pub time_to_live: Option<i32>,
    /// Grows with each change; 0 = it was never set.
    pub version: i64,
}

const COLUMNS: &str = "organization_id, name, retry_waits_ms, time_to_live, schedule_version";

impl Store {
    /// Reads an event type's schedule; `None` when there is no such type.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn retry_schedule(
        &self,
        organization: &OrganizationId,
        name: &EventType,
    ) -> Result<Option<ScheduleRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM event_types WHERE organization_id = $1 AND name = $2");
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&organization.as_str(), &name.as_str()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Replaces an event type's schedule, and its time to live if one is given; `None` when there is no such type.
    ///
    /// # Errors
    /// When PostgreSQL does not answer or refuses.
    pub async fn replace_retry_schedule(
        &self,
        organization: &OrganizationId,
        name: &EventType,
        waits_ms: Option<&[i64]>,
        time_to_live: Option<Option<i32>>,
    ) -> Result<Option<ScheduleRow>, StoreError> {
        let sql = format!(
            "UPDATE event_types SET retry_waits_ms = $3, \
                 time_to_live = CASE WHEN $4 THEN $5 ELSE time_to_live END, \
                 schedule_version = {NEXT_VERSION} \
             WHERE organization_id = $1 AND name = $2 RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                &sql,
                &[
                    &organization.as_str(),
                    &name.as_str(),
                    &waits_ms,
                    &time_to_live.is_some(),
                    &time_to_live.flatten(),
                ],
            )
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Removes an event type for good; returns the schedule that it had. `None` when there was no
    /// such type.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn expunge_event_type(
        &self,
        organization: &OrganizationId,
        name: &EventType,
    ) -> Result<Option<ScheduleRow>, StoreError> {
        let sql = format!(
            "DELETE FROM event_types WHERE organization_id = $1 AND name = $2 RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&organization.as_str(), &name.as_str()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Schedules of every organisation that were set once, by organisation and name: for the
    /// reconciler only.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn schedules_to_reconcile(
        &self,
        after: Option<&ScheduleRow>,
        limit: u16,
    ) -> Result<Vec<ScheduleRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM event_types \
             WHERE schedule_version > 0 AND (organization_id, name) > ($1, $2) \
             ORDER BY organization_id, name LIMIT $3"
        );
        let organization = after.map_or("", |row| row.organization.as_str());
        let name = after.map_or("", |row| row.name.as_str());
        let mut client = self.client().await?;
        let rows = client
            .query(&sql, &[&organization, &name, &i64::from(limit)])
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<ScheduleRow, StoreError> {
    Ok(ScheduleRow {
        organization: column::parsed(row, "organization_id", OrganizationId::parse)?,
        name: column::parsed(row, "name", EventType::parse)?,
        waits_ms: row.try_get("retry_waits_ms")?,
        time_to_live: row.try_get("time_to_live")?,
        version: row.try_get("schedule_version")?,
    })
}
