//! Endpoints: what a row is, and writing it; `find` reads.
//!
//! Every query is scoped by its application, which callers find within their organisation; only
//! [`Store::endpoint_versions`] sees all of them, for the reconciler.
//! Secrets have a table and a file of their own, `endpoint_secret`.

mod find;
mod schedule;

pub use find::EndpointFilter;
pub use schedule::TypeSchedule;

use posthorn_event_schema::{
    ApplicationId, Channel, EndpointId, EventType, IdError, OrganizationId, Timestamp, Uid,
};
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use crate::application::{Metadata, Saved, saved};
use crate::disabling::{AutoDisabled, read_auto_disabled};
use crate::pool::Transaction;
use crate::{Store, StoreError, column};

/// How a caller names an endpoint: by id, or by uid within an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointRef {
    /// By its id.
    Id(EndpointId),
    /// By the customer's own name.
    Uid(Uid),
}

impl EndpointRef {
    /// Reads either form: what begins with `ep_` is an id.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.starts_with(EndpointId::PREFIX) {
            EndpointId::parse(text).map(Self::Id)
        } else {
            Uid::parse(text).map(Self::Uid)
        }
    }
}

/// What customers set of an endpoint, beside secret and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSettings {
    /// The customer's own name for it.
    pub uid: Option<Uid>,
    /// Where it receives.
    pub url: String,
    /// What people note about it.
    pub description: String,
    /// The types that it receives; `None` = all, never empty.
    pub event_types: Option<Vec<EventType>>,
    /// The channels that it receives; `None` = all, never empty.
    pub channels: Option<Vec<Channel>>,
    /// It receives nothing for now.
    pub disabled: bool,
    /// Most deliveries per second; `None` = no limit.
    pub throttle_rate: Option<u16>,
    /// It gets its deliveries one at a time, in order.
    pub fifo: bool,
    /// The customer's notes.
    pub metadata: Metadata,
}

/// An endpoint as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRow {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub application: ApplicationId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// What its customer set.
    pub settings: EndpointSettings,
    /// The customer's own headers, sealed.
    pub sealed_headers: Option<Vec<u8>>,
    /// The user name and password of its URL, sealed.
    pub sealed_credentials: Option<Vec<u8>>,
    /// Deliveries of events accepted before this end without another request.
    pub cancelled_before: Option<Timestamp>,
    /// Deliveries that waited at this moment are due.
    pub released_at: Option<Timestamp>,
    /// Its own waits between attempts in milliseconds; `None` = those of the event's type, or the
    /// deployment's.
    pub retry_waits_ms: Option<Vec<i64>>,
    /// How Posthorn disabled it; `None` while it is enabled, or when a person disabled it.
    pub auto_disabled: Option<AutoDisabled>,
    /// Counts changes, those of secrets and headers included.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// It was deleted.
    pub deleted: bool,
}

/// An endpoint to create.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub application: ApplicationId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// What its customer sets.
    pub settings: EndpointSettings,
    /// Its signing secret, sealed.
    pub sealed_secret: Vec<u8>,
    /// The customer's own headers, sealed.
    pub sealed_headers: Option<Vec<u8>>,
    /// The user name and password of its URL, sealed.
    pub sealed_credentials: Option<Vec<u8>>,
    /// Now.
    pub at: Timestamp,
}

/// What to change in an endpoint; `None` keeps a value, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct EndpointChange {
    /// The customer's own name for it.
    pub uid: Option<Option<Uid>>,
    /// Where it receives.
    pub url: Option<String>,
    /// The user name and password of its URL, sealed; to be set whenever the URL is.
    pub sealed_credentials: Option<Option<Vec<u8>>>,
    /// What people note about it.
    pub description: Option<String>,
    /// The types that it receives.
    pub event_types: Option<Option<Vec<EventType>>>,
    /// The channels that it receives.
    pub channels: Option<Option<Vec<Channel>>>,
    /// It receives nothing for now.
    pub disabled: Option<bool>,
    /// Most deliveries per second.
    pub throttle_rate: Option<Option<u16>>,
    /// It gets its deliveries one at a time, in order.
    pub fifo: Option<bool>,
    /// The customer's notes.
    pub metadata: Option<Metadata>,
}

pub(crate) const COLUMNS: &str = "id, application_id, organization_id, uid, url, description, \
    event_types, channels, disabled, throttle_rate, fifo, metadata, sealed_headers, \
    sealed_credentials, cancelled_before, released_at, retry_waits_ms, version, disabled_by, disabled_at, fail_since, created_at, updated_at, deleted";

impl Store {
    /// Creates an endpoint with its first secret, if its application is live; one that has this
    /// id already was created by an earlier run of the same request, and is returned as it is.
    ///
    /// # Errors
    /// When PostgreSQL does not answer or refuses.
    pub async fn create_endpoint(
        &self,
        new: &NewEndpoint,
    ) -> Result<Saved<EndpointRow>, StoreError> {
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        // The lock makes a concurrent deletion of the application wait, and then see the endpoint.
        let live = transaction
            .query_opt(
                "SELECT FROM applications \
                 WHERE organization_id = $1 AND id = $2 AND NOT deleted FOR SHARE",
                &[&new.organization.as_str(), &new.application.as_str()],
            )
            .await?;
        if live.is_none() {
            return Ok(Saved::Missing);
        }
        let Some(row) = insert(&mut transaction, new).await? else {
            return made_before(&mut transaction, new).await;
        };
        transaction
            .execute(
                "INSERT INTO endpoint_secrets (endpoint_id, sealed, created_at) \
                 VALUES ($1, $2, $3)",
                &[&new.id.as_str(), &new.sealed_secret, &new.at.to_date_time()],
            )
            .await?;
        transaction.commit().await?;
        read(&row).map(Saved::Row)
    }

    /// Changes a live endpoint and counts its version up.
    ///
    /// Enabling it, or giving it another URL, makes it new: failures and wishes of before do not
    /// count any more.
    ///
    /// # Errors
    /// When PostgreSQL does not answer or refuses.
    pub async fn update_endpoint(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
        change: &EndpointChange,
        at: Timestamp,
    ) -> Result<Saved<EndpointRow>, StoreError> {
        let sql = format!(
            "UPDATE endpoints SET \
                 uid = CASE WHEN $3 THEN $4 ELSE uid END, \
                 url = COALESCE($5, url), \
                 description = COALESCE($6, description), \
                 event_types = CASE WHEN $7 THEN $8 ELSE event_types END, \
                 channels = CASE WHEN $9 THEN $10 ELSE channels END, \
                 disabled = COALESCE($11, disabled), \
                 disabled_by = CASE WHEN NOT $11 THEN NULL ELSE disabled_by END, \
                 disabled_at = CASE WHEN NOT $11 THEN NULL ELSE disabled_at END, \
                 fail_since = CASE WHEN NOT $11 THEN NULL ELSE fail_since END, \
                 (enabled_version, enabled_at) = (SELECT \
                     CASE WHEN renewed THEN version + 1 ELSE enabled_version END, \
                     CASE WHEN renewed THEN $15 ELSE enabled_at END \
                     FROM (SELECT COALESCE((disabled AND NOT $11) OR url <> $5, false) \
                         AS renewed) AS change), \
                 throttle_rate = CASE WHEN $12 THEN $13 ELSE throttle_rate END, \
                 metadata = COALESCE($14, metadata), \
                 fifo = COALESCE($16, fifo), \
                 sealed_credentials = CASE WHEN $17 THEN $18 ELSE sealed_credentials END, \
                 version = version + 1, updated_at = $15 \
             WHERE application_id = $1 AND id = $2 AND NOT deleted RETURNING {COLUMNS}"
        );
        let uid = change.uid.as_ref();
        let event_types = change.event_types.as_ref();
        let channels = change.channels.as_ref();
        let credentials = change.sealed_credentials.as_ref();
        let mut client = self.client().await?;
        let result = client
            .query_opt(
                &sql,
                &[
                    &application.as_str(),
                    &id.as_str(),
                    &uid.is_some(),
                    &uid.and_then(Option::as_ref).map(Uid::as_str),
                    &change.url,
                    &change.description,
                    &event_types.is_some(),
                    &event_types.and_then(|list| texts(list.as_deref(), EventType::as_str)),
                    &channels.is_some(),
                    &channels.and_then(|list| texts(list.as_deref(), Channel::as_str)),
                    &change.disabled,
                    &change.throttle_rate.is_some(),
                    &change.throttle_rate.flatten().map(i32::from),
                    &change.metadata.as_ref().map(Json),
                    &at.to_date_time(),
                    &change.fifo,
                    &credentials.is_some(),
                    &credentials.and_then(Option::as_ref),
                ],
            )
            .await;
        saved(result, read)
    }

    /// Replaces a live endpoint's headers, if its version is still the one that the caller saw.
    /// Nobody is told of it, so a change that was told stays so.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn replace_endpoint_headers(
        &self,
        endpoint: &EndpointRow,
        sealed: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let changed = client
            .execute(
                "UPDATE endpoints \
                 SET sealed_headers = $4, version = version + 1, updated_at = $5, \
                     announced_version = announced_version \
                         + CASE WHEN announced_version = version THEN 1 ELSE 0 END \
                 WHERE application_id = $1 AND id = $2 AND version = $3 AND NOT deleted",
                &[
                    &endpoint.application.as_str(),
                    &endpoint.id.as_str(),
                    &endpoint.version,
                    &sealed,
                    &at.to_date_time(),
                ],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Marks an endpoint as deleted and forgets its credentials and headers; returns it, if it was live.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn delete_endpoint(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
        at: Timestamp,
    ) -> Result<Option<EndpointRow>, StoreError> {
        let sql = format!(
            "WITH gone AS ( \
                 UPDATE endpoints SET deleted = true, uid = NULL, sealed_headers = NULL, \
                     sealed_credentials = NULL, version = version + 1, updated_at = $3 \
                 WHERE application_id = $1 AND id = $2 AND NOT deleted RETURNING {COLUMNS}), \
             forgotten AS ( \
                 DELETE FROM endpoint_secrets USING gone WHERE endpoint_id = gone.id), \
             access AS ( \
                 DELETE FROM endpoint_access USING gone WHERE endpoint_id = gone.id) \
             SELECT {COLUMNS} FROM gone"
        );
        let mut client = self.client().await?;
        let gone = client
            .query_opt(
                &sql,
                &[&application.as_str(), &id.as_str(), &at.to_date_time()],
            )
            .await?;
        gone.as_ref().map(read).transpose()
    }
}

async fn insert(
    transaction: &mut Transaction<'_>,
    new: &NewEndpoint,
) -> Result<Option<Row>, StoreError> {
    let sql = format!(
        "INSERT INTO endpoints (id, application_id, organization_id, uid, url, description, \
             event_types, channels, disabled, throttle_rate, metadata, sealed_headers, \
             created_at, updated_at, fifo, sealed_credentials) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15) \
         ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
    );
    let settings = &new.settings;
    let row = transaction
        .query_opt(
            &sql,
            &[
                &new.id.as_str(),
                &new.application.as_str(),
                &new.organization.as_str(),
                &settings.uid.as_ref().map(Uid::as_str),
                &settings.url,
                &settings.description,
                &texts(settings.event_types.as_deref(), EventType::as_str),
                &texts(settings.channels.as_deref(), Channel::as_str),
                &settings.disabled,
                &settings.throttle_rate.map(i32::from),
                &Json(&settings.metadata),
                &new.sealed_headers,
                &new.at.to_date_time(),
                &settings.fifo,
                &new.sealed_credentials,
            ],
        )
        .await?;
    Ok(row)
}

/// What stood in the way of a new row: itself, or another that has its uid.
async fn made_before(
    transaction: &mut Transaction<'_>,
    new: &NewEndpoint,
) -> Result<Saved<EndpointRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM endpoints WHERE application_id = $1 AND id = $2 AND NOT deleted"
    );
    let row = transaction
        .query_opt(&sql, &[&new.application.as_str(), &new.id.as_str()])
        .await?;
    let row = row.as_ref().map(read).transpose()?;
    Ok(row.map_or(Saved::Taken, Saved::Row))
}

fn texts<T>(list: Option<&[T]>, text: impl Fn(&T) -> &str) -> Option<Vec<&str>> {
    list.map(|list| list.iter().map(text).collect())
}

pub(crate) fn read(row: &Row) -> Result<EndpointRow, StoreError> {
    Ok(EndpointRow {
        id: column::parsed(row, "id", EndpointId::parse)?,
        application: column::parsed(row, "application_id", ApplicationId::parse)?,
        organization: column::parsed(row, "organization_id", OrganizationId::parse)?,
        settings: EndpointSettings {
            uid: column::parsed_option(row, "uid", Uid::parse)?,
            url: row.try_get("url")?,
            description: row.try_get("description")?,
            event_types: column::parsed_list(row, "event_types", EventType::parse)?,
            channels: column::parsed_list(row, "channels", Channel::parse)?,
            disabled: row.try_get("disabled")?,
            throttle_rate: column::rate(row, "throttle_rate")?,
            fifo: row.try_get("fifo")?,
            metadata: row.try_get::<_, Json<Metadata>>("metadata")?.0,
        },
        sealed_headers: row.try_get("sealed_headers")?,
        sealed_credentials: row.try_get("sealed_credentials")?,
        cancelled_before: column::moment_option(row, "cancelled_before")?,
        released_at: column::moment_option(row, "released_at")?,
        retry_waits_ms: row.try_get("retry_waits_ms")?,
        auto_disabled: read_auto_disabled(row)?,
        version: row.try_get("version")?,
        created_at: column::moment(row, "created_at")?,
        updated_at: column::moment(row, "updated_at")?,
        deleted: row.try_get("deleted")?,
    })
}
