//! Finding, listing and counting endpoints.

use posthorn_event_schema::{ApplicationId, EndpointId};

use super::{COLUMNS, EndpointRef, EndpointRow, read};
use crate::history::Audience;
use crate::listing::{Listing, Order};
use crate::{Page, Slice, Store, StoreError, column};

/// Which of an application's endpoints to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointFilter {
    /// With this in their URL, description, uid or id, in whatever case.
    pub text: Option<String>,
    /// Those that receive nothing for now, or all others.
    pub disabled: Option<bool>,
}

impl Store {
    /// Finds a live endpoint by id or uid.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoint(
        &self,
        application: &ApplicationId,
        reference: &EndpointRef,
    ) -> Result<Option<EndpointRow>, StoreError> {
        let (column, value) = match reference {
            EndpointRef::Id(id) => ("id", id.as_str()),
            EndpointRef::Uid(uid) => ("uid", uid.as_str()),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM endpoints \
             WHERE application_id = $1 AND {column} = $2 AND NOT deleted"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&application.as_str(), &value])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Finds endpoints by id, deleted ones too: history still names them.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoints_by_id(
        &self,
        application: &ApplicationId,
        ids: &[EndpointId],
    ) -> Result<Vec<EndpointRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM endpoints WHERE application_id = $1 AND id = ANY($2) ORDER BY id"
        );
        let ids: Vec<&str> = ids.iter().map(EndpointId::as_str).collect();
        let mut client = self.client().await?;
        let rows = client.query(&sql, &[&application.as_str(), &ids]).await?;
        rows.iter().map(read).collect()
    }

    /// Finds endpoints by id among those of an application or of an organisation, deleted ones too.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoints_of(
        &self,
        audience: Audience<'_>,
        ids: &[EndpointId],
    ) -> Result<Vec<EndpointRow>, StoreError> {
        let (condition, scope) = audience.condition();
        let sql = format!("SELECT {COLUMNS} FROM endpoints WHERE {condition} AND id = ANY($2)");
        let ids: Vec<&str> = ids.iter().map(EndpointId::as_str).collect();
        let mut client = self.client().await?;
        let rows = client.query(&sql, &[&scope, &ids]).await?;
        rows.iter().map(read).collect()
    }

    /// Lists live endpoints by id.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn list_endpoints(
        &self,
        application: &ApplicationId,
        filter: &EndpointFilter,
        order: Order,
        page: &Page<EndpointId>,
    ) -> Result<Slice<EndpointRow>, StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM endpoints WHERE application_id = $1 AND NOT deleted \
               AND ($4::text IS NULL OR position(lower($4) IN \
                    lower(concat_ws(E'\\n', url, description, uid, id) COLLATE \"default\")) > 0) \
               AND ($5::boolean IS NULL OR disabled = $5)"
        );
        let scope = application.as_str();
        let listing = Listing {
            select: &select,
            key: "id",
            scope,
            filters: &[&filter.text, &filter.disabled],
        };
        let mut client = self.client().await?;
        listing
            .fetch(&mut client, order, page, EndpointId::as_str, read)
            .await
    }

    /// Counts an application's live endpoints, up to `at_most`.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn count_endpoints(
        &self,
        application: &ApplicationId,
        at_most: u32,
    ) -> Result<u32, StoreError> {
        let mut client = self.client().await?;
        let rows = client
            .query(
                "SELECT count(*) FROM (SELECT FROM endpoints \
                     WHERE application_id = $1 AND NOT deleted LIMIT $2) AS counted",
                &[&application.as_str(), &i64::from(at_most)],
            )
            .await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok(u32::try_from(count).unwrap_or(at_most))
    }

    /// Ids and versions of every application's endpoints, deleted ones too, by id: for the
    /// reconciler only.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoint_versions(
        &self,
        after: Option<&EndpointId>,
        limit: u16,
    ) -> Result<Vec<(ApplicationId, EndpointId, i64)>, StoreError> {
        let after = after.map_or("", EndpointId::as_str);
        let mut client = self.client().await?;
        let rows = client
            .query(
                "SELECT application_id, id, version FROM endpoints \
                 WHERE id > $1 ORDER BY id LIMIT $2",
                &[&after, &i64::from(limit)],
            )
            .await?;
        let versions = rows.iter().map(|row| {
            Ok((
                column::parsed(row, "application_id", ApplicationId::parse)?,
                column::parsed(row, "id", EndpointId::parse)?,
                row.try_get("version")?,
            ))
        });
        versions.collect()
    }
}
