//! What endpoints ask of whoever sends to them: client certificates, roots and OAuth clients.
//!
//! Each has a part that may be shown and a part that is sealed. A table of its own, because lists of
//! endpoints need none of it.

use posthorn_event_schema::{ApplicationId, EndpointId, Timestamp};
use tokio_postgres::Row;

use crate::{Store, StoreError};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKind {
    /// A client certificate; sealed is its private key.
    Mtls,
    /// Roots that the server's certificate is signed by; nothing is sealed.
    Ca,
    /// Tokens of an OAuth client; sealed is its secret.
    OAuth,
}

impl AccessKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Mtls => "mtls",
            Self::Ca => "ca",
            Self::OAuth => "oauth",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Mtls, Self::Ca, Self::OAuth]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// What an endpoint asks, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What may be shown.
    pub shown: String,
    /// The secret that goes with it, sealed.
    pub sealed: Option<Vec<u8>>,
}

impl Store {
    /// What an endpoint asks, of one kind.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn endpoint_access(
        &self,
        endpoint: &EndpointId,
        kind: AccessKind,
    ) -> Result<Option<Access>, StoreError> {
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                "SELECT shown, sealed FROM endpoint_access WHERE endpoint_id = $1 AND kind = $2",
                &[&endpoint.as_str(), &kind.as_str()],
            )
            .await?;
        let read = |row: Row| {
            Ok(Access {
                shown: row.try_get("shown")?,
                sealed: row.try_get("sealed")?,
            })
        };
        row.map(read).transpose()
    }

    /// Replaces what a live endpoint asks, of one kind; `None` takes it away. Tells whether the
    /// endpoint is live. Nobody is told of it, so a change that was told stays so.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn replace_endpoint_access(
        &self,
        application: &ApplicationId,
        endpoint: &EndpointId,
        kind: AccessKind,
        access: Option<&Access>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await?;
        let (id, kind, at) = (endpoint.as_str(), kind.as_str(), at.to_date_time());
        // The row's lock makes changes of one endpoint wait for each other.
        let changed = transaction
            .execute(
                "UPDATE endpoints \
                 SET version = version + 1, updated_at = $3, \
                     announced_version = announced_version \
                         + CASE WHEN announced_version = version THEN 1 ELSE 0 END \
                 WHERE application_id = $1 AND id = $2 AND NOT deleted",
                &[&application.as_str(), &id, &at],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        match access {
            None => {
                transaction
                    .execute(
                        "DELETE FROM endpoint_access WHERE endpoint_id = $1 AND kind = $2",
                        &[&id, &kind],
                    )
                    .await?
            }
            Some(access) => transaction
                .execute(
                    "INSERT INTO endpoint_access (endpoint_id, kind, shown, sealed, updated_at) \
                         VALUES ($1, $2, $3, $4, $5) \
                         ON CONFLICT (endpoint_id, kind) DO UPDATE \
                         SET shown = excluded.shown, sealed = excluded.sealed, \
                             updated_at = excluded.updated_at",
                    &[&id, &kind, &access.shown, &access.sealed, &at],
                )
                .await?,
        };
        transaction.commit().await?;
        Ok(true)
    }
}

/// Columns of everything that an endpoint asks, for a query of `endpoints`.
pub(crate) fn columns() -> String {
    let column = |name: &str| {
        format!(
            "ARRAY(SELECT {name} FROM endpoint_access WHERE endpoint_id = endpoints.id \
                   ORDER BY kind) AS access_{name}"
        )
    };
    ["kind", "shown", "sealed"].map(column).join(", ")
}

/// Reads [`columns`].
pub(crate) fn read(row: &Row) -> Result<Vec<(AccessKind, Access)>, StoreError> {
    let kinds: Vec<&str> = row.try_get("access_kind")?;
    let shown: Vec<String> = row.try_get("access_shown")?;
    let sealed: Vec<Option<Vec<u8>>> = row.try_get("access_sealed")?;
    let access = kinds.into_iter().zip(shown.into_iter().zip(sealed));
    access
        .map(|(kind, (shown, sealed))| {
            let column = "access_kind";
            let kind = AccessKind::parse(kind).ok_or(StoreError::Corrupt { column })?;
            Ok((kind, Access { shown, sealed }))
        })
        .collect()
}
