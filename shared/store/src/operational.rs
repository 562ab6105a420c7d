//! What an organisation is told of its own endpoints: the hidden application that such events
//! belong to, and which changes were told.

use std::time::Duration;

use posthorn_event_schema::{ApplicationId, EndpointId, OrganizationId, Timestamp, Uid};

use crate::application::{self, ApplicationRow, Saved};
use crate::endpoint::{self, EndpointRow};
use crate::{Store, StoreError, column};

/// A change of an endpoint that was not told.
#[derive(Debug, Clone)]
pub struct Unannounced {
    /// The endpoint as it is now.
    pub endpoint: EndpointRow,
    /// The customer's own name for its application.
    pub application_uid: Option<Uid>,
    /// The version that was told last; 0 = none.
    pub announced: i64,
}

impl Store {
    /// Reads an organisation's hidden application.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn hidden_application(
        &self,
        organization: &OrganizationId,
        id: &ApplicationId,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let columns = application::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM applications WHERE organization_id = $1 AND id = $2 AND hidden"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&organization.as_str(), &id.as_str()])
            .await?;
        row.as_ref().map(application::read).transpose()
    }

    /// Creates an organisation's hidden application; `Taken` when it is there already.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn create_hidden_application(
        &self,
        new: &ApplicationRow,
    ) -> Result<Saved<ApplicationRow>, StoreError> {
        let columns = application::COLUMNS;
        let sql = format!(
            "INSERT INTO applications \
                 (id, organization_id, name, created_at, updated_at, hidden) \
             VALUES ($1, $2, $3, $4, $4, true) ON CONFLICT DO NOTHING RETURNING {columns}"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                &sql,
                &[
                    &new.id.as_str(),
                    &new.organization.as_str(),
                    &new.name,
                    &new.created_at.to_date_time(),
                ],
            )
            .await?;
        let row = row.as_ref().map(application::read).transpose()?;
        Ok(row.map_or(Saved::Taken, Saved::Row))
    }

    /// Whether an endpoint of the hidden application listened at that moment and still does.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn listened(
        &self,
        hidden: &ApplicationId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                "SELECT FROM endpoints \
                 WHERE application_id = $1 AND NOT deleted AND created_at <= $2 LIMIT 1",
                &[&hidden.as_str(), &at.to_date_time()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Notes that a version of an endpoint was told.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn mark_announced(&self, id: &EndpointId, version: i64) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "UPDATE endpoints SET announced_version = $2 \
                 WHERE id = $1 AND announced_version < $2",
                &[&id.as_str(), &version],
            )
            .await?;
        Ok(())
    }

    /// Changes that nobody told within `patience`, of organisations that want to be told and
    /// wanted it when they happened.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn unannounced(
        &self,
        patience: Duration,
        limit: u16,
    ) -> Result<Vec<Unannounced>, StoreError> {
        let columns = endpoint::COLUMNS.replace(", ", ", endpoints.");
        let sql = format!(
            "SELECT endpoints.{columns}, endpoints.announced_version, \
                 applications.uid AS application_uid \
             FROM applications AS hidden \
             CROSS JOIN LATERAL ( \
                 SELECT min(created_at) AS since FROM endpoints \
                 WHERE application_id = hidden.id AND NOT deleted) AS wanted \
             JOIN endpoints ON endpoints.organization_id = hidden.organization_id \
             JOIN applications ON applications.id = endpoints.application_id \
             WHERE hidden.hidden AND NOT applications.hidden \
               AND endpoints.announced_version < endpoints.version \
               AND endpoints.updated_at >= wanted.since \
               AND endpoints.updated_at < clock_timestamp() - $1 * interval '1 s' \
             ORDER BY endpoints.updated_at LIMIT $2"
        );
        let mut client = self.client().await?;
        let rows = client
            .query(&sql, &[&patience.as_secs_f64(), &i64::from(limit)])
            .await?;
        let changes = rows.iter().map(|row| {
            Ok(Unannounced {
                endpoint: endpoint::read(row)?,
                application_uid: column::parsed_option(row, "application_uid", Uid::parse)?,
                announced: row.try_get("announced_version")?,
            })
        });
        changes.collect()
    }
}
