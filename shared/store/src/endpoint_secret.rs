//! The signing secrets of endpoints: rotation, and an endpoint together with its secrets.

use posthorn_event_schema::{ApplicationId, EndpointId, Timestamp};
use time::OffsetDateTime;

use crate::endpoint::{COLUMNS, EndpointRow, read};
use crate::endpoint_access::{self, Access, AccessKind};
use crate::{Store, StoreError};

/// Most rotated secrets of an endpoint that may still sign. *Source*: Svix's API.
///
/// Each one makes every delivery's signature header longer.
pub const MAX_OLD_SECRETS: i64 = 10;

/// A secret as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// The sealed text.
    pub sealed: Vec<u8>,
    /// When it stops signing; `None` for the current one.
    pub expires_at: Option<Timestamp>,
}

/// Everything that the configuration snapshot of an endpoint holds, from one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    /// The endpoint, possibly deleted.
    pub endpoint: EndpointRow,
    /// Its secrets that still sign, the current one first, then the newest; none once deleted.
    pub secrets: Vec<StoredSecret>,
    /// What it asks of whoever sends to it; nothing once deleted.
    pub access: Vec<(AccessKind, Access)>,
}

/// How a rotation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The new secret is the current one; here is the endpoint's version.
    Done(i64),
    /// An earlier run of the same request stored its own secret, this one.
    DoneBefore(Vec<u8>),
    /// [`MAX_OLD_SECRETS`] rotated secrets still sign.
    TooMany,
    /// There is no such live endpoint.
    Missing,
}

/// A new secret for an endpoint.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// The sealed text.
    pub sealed: Vec<u8>,
    /// When it was asked for; two rotations of one moment are runs of one request.
    pub at: Timestamp,
    /// When the secret that it replaces stops signing.
    pub old_until: Timestamp,
}

impl Store {
    /// Reads an endpoint with its secrets, deleted or not, as of one moment.
    ///
    /// The snapshot is always built from this read after the commit, never from what a change
    /// returned: so an entry's content is never older than its version says.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoint_state(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
        now: Timestamp,
    ) -> Result<Option<EndpointState>, StoreError> {
        let signing = "FROM endpoint_secrets \
                       WHERE endpoint_id = endpoints.id \
                         AND (expires_at IS NULL OR expires_at > $3)";
        let access = endpoint_access::columns();
        let newest = "ORDER BY expires_at IS NOT NULL, endpoint_secrets.id DESC";
        let sql = format!(
            "SELECT {COLUMNS}, \
                 ARRAY(SELECT sealed {signing} {newest}) AS sealed, \
                 ARRAY(SELECT expires_at {signing} {newest}) AS expires_at, {access} \
             FROM endpoints WHERE application_id = $1 AND id = $2"
        );
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                &sql,
                &[&application.as_str(), &id.as_str(), &now.to_date_time()],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let sealed: Vec<Vec<u8>> = row.try_get("sealed")?;
        let ends: Vec<Option<OffsetDateTime>> = row.try_get("expires_at")?;
        let secrets = sealed.into_iter().zip(ends);
        Ok(Some(EndpointState {
            endpoint: read(&row)?,
            access: endpoint_access::read(&row)?,
            secrets: secrets
                .map(|(sealed, end)| StoredSecret {
                    sealed,
                    expires_at: end.map(Timestamp::from),
                })
                .collect(),
        }))
    }

    /// Makes a new secret the current one; the one before signs on until its end.
    ///
    /// *Guarantee*: rotations of one endpoint run one after the other, so there is always exactly
    /// one current secret.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn rotate_secret(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
        new: &NewSecret,
    ) -> Result<Rotation, StoreError> {
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        let (endpoint, now) = (id.as_str(), new.at.to_date_time());
        let changed = transaction
            .query_opt(
                "UPDATE endpoints SET version = version + 1, updated_at = $3 \
                 WHERE application_id = $1 AND id = $2 AND NOT deleted RETURNING version",
                &[&application.as_str(), &endpoint, &now],
            )
            .await?;
        let Some(changed) = changed else {
            return Ok(Rotation::Missing);
        };
        let before = transaction
            .query_opt(
                "SELECT sealed FROM endpoint_secrets WHERE endpoint_id = $1 AND created_at = $2",
                &[&endpoint, &now],
            )
            .await?;
        if let Some(before) = before {
            return Ok(Rotation::DoneBefore(before.try_get("sealed")?));
        }
        transaction
            .execute(
                "DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at <= $2",
                &[&endpoint, &now],
            )
            .await?;
        let old = transaction
            .query(
                "SELECT count(*) FROM endpoint_secrets \
                 WHERE endpoint_id = $1 AND expires_at IS NOT NULL",
                &[&endpoint],
            )
            .await?;
        let old: i64 = old.first().map_or(Ok(0), |row| row.try_get(0))?;
        if old >= MAX_OLD_SECRETS {
            return Ok(Rotation::TooMany);
        }
        transaction
            .execute(
                "UPDATE endpoint_secrets SET expires_at = $2 \
                 WHERE endpoint_id = $1 AND expires_at IS NULL",
                &[&endpoint, &new.old_until.to_date_time()],
            )
            .await?;
        transaction
            .execute(
                "INSERT INTO endpoint_secrets (endpoint_id, sealed, created_at) \
                 VALUES ($1, $2, $3)",
                &[&endpoint, &new.sealed, &now],
            )
            .await?;
        transaction.commit().await?;
        Ok(Rotation::Done(changed.try_get("version")?))
    }
}
