//! When an endpoint is asked again after a failure: its own retry schedule, and those of event types.

use posthorn_event_schema::{ApplicationId, EndpointId, EventType, OrganizationId, Timestamp};

use super::{COLUMNS, EndpointRow, read};
use crate::{Store, StoreError, column};

/// An event type with a retry schedule of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeSchedule {
    /// Its name.
    pub name: EventType,
    /// Its waits between attempts, in milliseconds.
    pub waits_ms: Vec<i64>,
}

impl Store {
    /// Replaces a live endpoint's own schedule; `None` when there is no such endpoint. Nobody is told of
    /// it, so a change that was told stays so.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn replace_endpoint_schedule(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
        waits_ms: Option<&[i64]>,
        at: Timestamp,
    ) -> Result<Option<EndpointRow>, StoreError> {
        let sql = format!(
            "UPDATE endpoints \
             SET retry_waits_ms = $3, version = version + 1, updated_at = $4, \
                 announced_version = announced_version \
                     + CASE WHEN announced_version = version THEN 1 ELSE 0 END \
             WHERE application_id = $1 AND id = $2 AND NOT deleted RETURNING {COLUMNS}"
        );
        let (app, id) = (application.as_str(), id.as_str());
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&app, &id, &waits_ms, &at.to_date_time()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Lists event types with schedules of their own by name, at most `limit`: those that are `wanted`
    /// (`None` = any), and that somebody with these feature flags sees (`None` = all).
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn type_schedules(
        &self,
        organization: &OrganizationId,
        wanted: Option<&[EventType]>,
        feature_flags: Option<&[String]>,
        limit: u16,
    ) -> Result<Vec<TypeSchedule>, StoreError> {
        let wanted: Option<Vec<&str>> =
            wanted.map(|names| names.iter().map(EventType::as_str).collect());
        let mut client = self.client().await?;
        let rows = client
            .query(
                "SELECT name, retry_waits_ms FROM event_types \
                 WHERE organization_id = $1 AND retry_waits_ms IS NOT NULL \
                   AND ($2::text[] IS NULL OR name = ANY($2)) \
                   AND ($3::text[] IS NULL OR feature_flags IS NULL OR feature_flags && $3) \
                 ORDER BY name LIMIT $4",
                &[
                    &organization.as_str(),
                    &wanted,
                    &feature_flags,
                    &i64::from(limit),
                ],
            )
            .await?;
        let schedules = rows.iter().map(|row| {
            Ok(TypeSchedule {
                name: column::parsed(row, "name", EventType::parse)?,
                waits_ms: row.try_get("retry_waits_ms")?,
            })
        });
        schedules.collect()
    }
}
