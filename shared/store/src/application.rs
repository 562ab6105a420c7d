//! Applications: rows and queries.
//!
//! Every query but [`Store::applications_to_reconcile`] is scoped by its organisation, so that
//! somebody else's application is the same as none. So is a hidden one (`operational`).

use std::collections::BTreeMap;

use posthorn_event_schema::{
    ApplicationId, ApplicationRef, EndpointId, OrganizationId, Timestamp, Uid,
};
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use crate::listing::{Listing, Order};
use crate::{Page, Slice, Store, StoreError, column};

/// Names and values that customers attach to their objects.
pub type Metadata = BTreeMap<String, String>;

/// An application as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationRow {
    /// Its id.
    pub id: ApplicationId,
    /// Its owner.
    pub organization: OrganizationId,
    /// The customer's own name for it.
    pub uid: Option<Uid>,
    /// What people call it.
    pub name: String,
    /// Most deliveries per second; `None` = no limit.
    pub throttle_rate: Option<u16>,
    /// The customer's notes.
    pub metadata: Metadata,
    /// Counts changes.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// It was deleted.
    pub deleted: bool,
}

/// An application to create.
#[derive(Debug, Clone)]
pub struct NewApplication {
    /// Its id.
    pub id: ApplicationId,
    /// Its owner.
    pub organization: OrganizationId,
    /// The customer's own name for it.
    pub uid: Option<Uid>,
    /// What people call it.
    pub name: String,
    /// Most deliveries per second.
    pub throttle_rate: Option<u16>,
    /// The customer's notes.
    pub metadata: Metadata,
    /// Now.
    pub at: Timestamp,
}

/// What to change in an application; `None` keeps a value, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct ApplicationChange {
    /// The customer's own name for it.
    pub uid: Option<Option<Uid>>,
    /// What people call it.
    pub name: Option<String>,
    /// Most deliveries per second.
    pub throttle_rate: Option<Option<u16>>,
    /// The customer's notes.
    pub metadata: Option<Metadata>,
}

/// Which applications to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApplicationFilter {
    /// Only those that have an endpoint.
    pub with_endpoints: bool,
    /// Only those without a disabled endpoint.
    pub none_disabled: bool,
}

/// How a write of a configuration object ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved<T> {
    /// It is stored; here is the row.
    Row(T),
    /// Another live object of the same scope has that uid, or that name.
    Taken,
    /// There is no such object in that scope.
    Missing,
}

/// What deleting an application took with it.
#[derive(Debug, Clone)]
pub struct DeletedApplication {
    /// The application, marked.
    pub application: ApplicationRow,
    /// Its endpoints that were live until now.
    pub endpoints: Vec<EndpointId>,
}

pub(crate) const COLUMNS: &str = "id, organization_id, uid, name, throttle_rate, metadata, version, \
                       created_at, updated_at, deleted";

impl Store {
    /// Creates an application; one that has this id already was created by an earlier run of the
    /// same request, and is returned as it is.
    ///
    /// # Errors
    /// When PostgreSQL does not answer or refuses.
    pub async fn create_application(
        &self,
        new: &NewApplication,
    ) -> Result<Saved<ApplicationRow>, StoreError> {
        let sql = format!(
            "INSERT INTO applications (id, organization_id, uid, name, throttle_rate, metadata, \
                                       created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7) \
             ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                &sql,
                &[
                    &new.id.as_str(),
                    &new.organization.as_str(),
                    &new.uid.as_ref().map(Uid::as_str),
                    &new.name,
                    &new.throttle_rate.map(i32::from),
                    &Json(&new.metadata),
                    &new.at.to_date_time(),
                ],
            )
            .await?;
        if let Some(row) = row {
            return read(&row).map(Saved::Row);
        }
        drop(client);
        let same = ApplicationRef::Id(new.id.clone());
        let made = self.application(&new.organization, &same).await?;
        Ok(made.map_or(Saved::Taken, Saved::Row))
    }

    /// Finds a live application by id or uid.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn application(
        &self,
        organization: &OrganizationId,
        reference: &ApplicationRef,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let (column, value) = match reference {
            ApplicationRef::Id(id) => ("id", id.as_str()),
            ApplicationRef::Uid(uid) => ("uid", uid.as_str()),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM applications \
             WHERE organization_id = $1 AND {column} = $2 AND NOT deleted AND NOT hidden"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(&sql, &[&organization.as_str(), &value])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Lists live applications by id.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn list_applications(
        &self,
        organization: &OrganizationId,
        filter: ApplicationFilter,
        order: Order,
        page: &Page<ApplicationId>,
    ) -> Result<Slice<ApplicationRow>, StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM applications \
             WHERE organization_id = $1 AND NOT deleted AND NOT hidden \
               AND ($4 OR EXISTS (SELECT FROM endpoints e \
                     WHERE e.application_id = applications.id AND NOT e.deleted)) \
                AND ($5 OR NOT EXISTS (SELECT FROM endpoints e \
                     WHERE e.application_id = applications.id AND NOT e.deleted AND e.disabled))"
        );
        let scope = organization.as_str();
        let listing = Listing {
            select: &select,
            key: "id",
            scope,
            filters: &[&!filter.with_endpoints, &!filter.none_disabled],
        };
        let mut client = self.client().await?;
        listing
            .fetch(&mut client, order, page, ApplicationId::as_str, read)
            .await
    }

    /// Changes a live application and counts its version up.
    ///
    /// # Errors
    /// When PostgreSQL does not answer or refuses.
    pub async fn update_application(
        &self,
        organization: &OrganizationId,
        id: &ApplicationId,
        change: &ApplicationChange,
        at: Timestamp,
    ) -> Result<Saved<ApplicationRow>, StoreError> {
        let sql = format!(
            "UPDATE applications SET \
                 uid = CASE WHEN $3 THEN $4 ELSE uid END, \
                 name = COALESCE($5, name), \
                 throttle_rate = CASE WHEN $6 THEN $7 ELSE throttle_rate END, \
                 metadata = COALESCE($8, metadata), \
                 version = version + 1, updated_at = $9 \
             WHERE organization_id = $1 AND id = $2 AND NOT deleted AND NOT hidden \
             RETURNING {COLUMNS}"
        );
        let uid = change.uid.as_ref();
        let throttle_rate = change.throttle_rate.flatten().map(i32::from);
        let mut client = self.client().await?;
        let result = client
            .query_opt(
                &sql,
                &[
                    &organization.as_str(),
                    &id.as_str(),
                    &uid.is_some(),
                    &uid.and_then(Option::as_ref).map(Uid::as_str),
                    &change.name,
                    &change.throttle_rate.is_some(),
                    &throttle_rate,
                    &change.metadata.as_ref().map(Json),
                    &at.to_date_time(),
                ],
            )
            .await;
        saved(result, read)
    }

    /// Marks an application and all its endpoints as deleted, and forgets their secrets.
    ///
    /// *Guarantee*: all or nothing; an endpoint created at the same time is either marked too or
    /// not created.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn delete_application(
        &self,
        organization: &OrganizationId,
        id: &ApplicationId,
        at: Timestamp,
    ) -> Result<Option<DeletedApplication>, StoreError> {
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        let sql = format!(
            "UPDATE applications SET deleted = true, uid = NULL, version = version + 1, \
                 updated_at = $3 \
             WHERE organization_id = $1 AND id = $2 AND NOT deleted AND NOT hidden \
             RETURNING {COLUMNS}"
        );
        let moment = at.to_date_time();
        let marked = transaction
            .query_opt(&sql, &[&organization.as_str(), &id.as_str(), &moment])
            .await?;
        let Some(row) = marked else {
            return Ok(None);
        };
        let gone = transaction
            .query(
                "WITH gone AS ( \
                     UPDATE endpoints SET deleted = true, uid = NULL, sealed_headers = NULL, \
                         sealed_credentials = NULL, version = version + 1, updated_at = $2 \
                     WHERE application_id = $1 AND NOT deleted RETURNING id), \
                 forgotten AS ( \
                     DELETE FROM endpoint_secrets USING gone WHERE endpoint_id = gone.id), \
                 access AS ( \
                     DELETE FROM endpoint_access USING gone WHERE endpoint_id = gone.id) \
                 SELECT id FROM gone",
                &[&id.as_str(), &moment],
            )
            .await?;
        transaction.commit().await?;
        let endpoints = gone
            .iter()
            .map(|row| column::parsed(row, "id", EndpointId::parse));
        Ok(Some(DeletedApplication {
            application: read(&row)?,
            endpoints: endpoints.collect::<Result<_, _>>()?,
        }))
    }

    /// Applications of every organisation, deleted ones too, by id: for the reconciler only.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn applications_to_reconcile(
        &self,
        after: Option<&ApplicationId>,
        limit: u16,
    ) -> Result<Vec<ApplicationRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM applications WHERE id > $1 ORDER BY id LIMIT $2");
        let after = after.map_or("", ApplicationId::as_str);
        let mut client = self.client().await?;
        let rows = client.query(&sql, &[&after, &i64::from(limit)]).await?;
        rows.iter().map(read).collect()
    }
}

/// Turns the result of a changing query into what became of the object.
pub(crate) fn saved<T>(
    result: Result<Option<Row>, StoreError>,
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Saved<T>, StoreError> {
    match result {
        Ok(Some(row)) => read(&row).map(Saved::Row),
        Ok(None) => Ok(Saved::Missing),
        Err(StoreError::Conflict { .. }) => Ok(Saved::Taken),
        Err(error) => Err(error),
    }
}

pub(crate) fn read(row: &Row) -> Result<ApplicationRow, StoreError> {
    Ok(ApplicationRow {
        id: column::parsed(row, "id", ApplicationId::parse)?,
        organization: column::parsed(row, "organization_id", OrganizationId::parse)?,
        uid: column::parsed_option(row, "uid", Uid::parse)?,
        name: row.try_get("name")?,
        throttle_rate: column::rate(row, "throttle_rate")?,
        metadata: row.try_get::<_, Json<Metadata>>("metadata")?.0,
        version: row.try_get("version")?,
        created_at: column::moment(row, "created_at")?,
        updated_at: column::moment(row, "updated_at")?,
        deleted: row.try_get("deleted")?,
    })
}
