//! Keys with which an organisation calls the API, and sessions of browsers.
//!
//! Only digests are stored. Every process asks here, so an end is in force everywhere at once.

use std::time::Duration;

use posthorn_event_schema::{ApiKeyId, OrganizationId, Timestamp};
use tokio_postgres::Row;

use crate::listing::{Listing, Order};
use crate::token::Digest;
use crate::{Page, Slice, Store, StoreError, column};

/// A key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// Whom it speaks for.
    pub organization: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Its beginning, by which people recognise it.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to a minute.
    pub last_used_at: Option<Timestamp>,
}

/// A key to create.
#[derive(Debug, Clone)]
pub struct NewApiKey<'a> {
    /// Its id.
    pub id: &'a ApiKeyId,
    /// Whom it speaks for.
    pub organization: &'a OrganizationId,
    /// What people call it.
    pub name: &'a str,
    /// Its beginning.
    pub prefix: &'a str,
    /// What is stored of it.
    pub digest: &'a Digest,
    /// When it ends; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// When it is made.
    pub at: Timestamp,
}

/// A session that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// Whom it speaks for.
    pub organization: OrganizationId,
    /// It began with a key, and not with a token.
    pub with_key: bool,
    /// When it ends.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "id, organization_id, name, prefix, created_at, expires_at, last_used_at";
const LIVE: &str = "(expires_at IS NULL OR expires_at > clock_timestamp())";

impl Store {
    /// Creates a key, if the organisation has fewer than `most` that are in force.
    ///
    /// Made once more with the same id, it replaces the former one, whose text nobody was shown.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn create_api_key(
        &self,
        key: &NewApiKey<'_>,
        most: u16,
    ) -> Result<Option<ApiKeyRow>, StoreError> {
        let sql = format!(
            "INSERT INTO api_keys AS k (id, organization_id, name, prefix, digest, expires_at, \
                 created_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7 \
             WHERE (SELECT count(*) FROM api_keys WHERE organization_id = $2 AND {LIVE} \
                    AND id <> $1) < $8::bigint \
             ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, prefix = excluded.prefix \
                 WHERE k.organization_id = excluded.organization_id \
             RETURNING {COLUMNS}"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                &sql,
                &[
                    &key.id.as_str(),
                    &key.organization.as_str(),
                    &key.name,
                    &key.prefix,
                    &key.digest.as_slice(),
                    &key.expires_at.map(Timestamp::to_date_time),
                    &key.at.to_date_time(),
                    &i64::from(most),
                ],
            )
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Lists an organisation's keys that are in force, newest first.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn list_api_keys(
        &self,
        organization: &OrganizationId,
        page: &Page<ApiKeyId>,
    ) -> Result<Slice<ApiKeyRow>, StoreError> {
        let select =
            format!("SELECT {COLUMNS} FROM api_keys WHERE organization_id = $1 AND {LIVE}");
        let listing = Listing {
            select: &select,
            key: "id",
            scope: organization.as_str(),
            filters: &[],
        };
        let mut client = self.client().await?;
        listing
            .fetch(&mut client, Order::Descending, page, ApiKeyId::as_str, read)
            .await
    }

    /// Ends a key and the sessions that began with it; says whether there was one.
    ///
    /// *Guarantee*: after `Ok` every process refuses them.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn revoke_api_key(
        &self,
        organization: &OrganizationId,
        id: &ApiKeyId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM api_keys WHERE organization_id = $1 AND id = $2";
        let mut client = self.client().await?;
        let params: crate::pool::Params<'_> = &[&organization.as_str(), &id.as_str()];
        Ok(client.execute(sql, params).await? > 0)
    }

    /// Finds the key that is in force and has this digest, and notes its use once a minute.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn use_api_key(&self, digest: &Digest) -> Result<Option<ApiKeyRow>, StoreError> {
        let sql = format!(
            "WITH used AS ( \
                 UPDATE api_keys SET last_used_at = clock_timestamp() WHERE digest = $1 \
                 AND COALESCE(last_used_at, '-infinity') < clock_timestamp() - interval '1 min') \
             SELECT {COLUMNS} FROM api_keys WHERE digest = $1 AND {LIVE}"
        );
        let mut client = self.client().await?;
        let row = client.query_opt(&sql, &[&digest.as_slice()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Begins a session that lasts for so long, and no longer than `until`; returns when it ends.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn begin_session(
        &self,
        digest: &Digest,
        organization: &OrganizationId,
        key: Option<&ApiKeyId>,
        lasts: Duration,
        until: Option<Timestamp>,
    ) -> Result<Timestamp, StoreError> {
        let sql = "INSERT INTO browser_sessions (digest, organization_id, api_key_id, expires_at) \
                   VALUES ($1, $2, $3, LEAST(clock_timestamp() + $4 * interval '1 s', $5)) \
                   RETURNING expires_at";
        let params: crate::pool::Params<'_> = &[
            &digest.as_slice(),
            &organization.as_str(),
            &key.map(ApiKeyId::as_str),
            &lasts.as_secs_f64(),
            &until.map(Timestamp::to_date_time),
        ];
        let mut client = self.client().await?;
        let row = client.query_opt(sql, params).await?;
        let row = row.ok_or(StoreError::Corrupt {
            column: "expires_at",
        })?;
        column::moment(&row, "expires_at")
    }

    /// Finds the session that is in force and has this digest.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn session(&self, digest: &Digest) -> Result<Option<BrowserSession>, StoreError> {
        let sql = "SELECT s.organization_id, s.api_key_id IS NOT NULL AS with_key, \
                       LEAST(s.expires_at, k.expires_at) AS expires_at \
                   FROM browser_sessions s LEFT JOIN api_keys k ON k.id = s.api_key_id \
                   WHERE s.digest = $1 \
                     AND LEAST(s.expires_at, k.expires_at) > clock_timestamp()";
        let mut client = self.client().await?;
        let Some(row) = client.query_opt(sql, &[&digest.as_slice()]).await? else {
            return Ok(None);
        };
        Ok(Some(BrowserSession {
            organization: column::parsed(&row, "organization_id", OrganizationId::parse)?,
            with_key: column::get(&row, "with_key")?,
            expires_at: column::moment(&row, "expires_at")?,
        }))
    }

    /// Ends a session, at once.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn end_session(&self, digest: &Digest) -> Result<(), StoreError> {
        let sql = "DELETE FROM browser_sessions WHERE digest = $1";
        self.client()
            .await?
            .execute(sql, &[&digest.as_slice()])
            .await?;
        Ok(())
    }

    /// Deletes keys and sessions that have ended by themselves.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn delete_ended_access(&self) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        for table in ["browser_sessions", "api_keys"] {
            let sql = format!("DELETE FROM {table} WHERE expires_at <= clock_timestamp()");
            client.execute(&sql, &[]).await?;
        }
        Ok(())
    }
}

fn read(row: &Row) -> Result<ApiKeyRow, StoreError> {
    Ok(ApiKeyRow {
        id: column::parsed(row, "id", ApiKeyId::parse)?,
        organization: column::parsed(row, "organization_id", OrganizationId::parse)?,
        name: column::get(row, "name")?,
        prefix: column::get(row, "prefix")?,
        created_at: column::moment(row, "created_at")?,
        expires_at: column::moment_option(row, "expires_at")?,
        last_used_at: column::moment_option(row, "last_used_at")?,
    })
}
