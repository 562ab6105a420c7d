//! Tokens that have ended before their time, and codes that are exchanged for one.
//!
//! Every process asks here before it serves a portal, so an end is in force everywhere at once.

use std::time::Duration;

use posthorn_event_schema::{ApplicationId, OrganizationId, Timestamp};
use tokio_postgres::types::ToSql;

use crate::{Store, StoreError, column};

/// A digest of a token, or of a code.
pub type Digest = [u8; 32];

/// A token of an application, as far as its end is concerned.
#[derive(Debug, Clone, Copy)]
pub struct TokenLook<'a> {
    /// Whose it is.
    pub application: &'a ApplicationId,
    /// What it was made for.
    pub session: Option<&'a str>,
    /// When it was made; a token that does not say so is older than every end.
    pub issued_at: Option<Timestamp>,
    /// Itself.
    pub digest: &'a Digest,
}

impl Store {
    /// The database's clock, which all of a fleet's processes share.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn moment(&self) -> Result<Timestamp, StoreError> {
        let mut client = self.client().await?;
        let row = client
            .query_opt("SELECT clock_timestamp() AS now", &[])
            .await?;
        let row = row.ok_or(StoreError::Corrupt { column: "now" })?;
        column::moment(&row, "now")
    }

    /// Whether a token has ended before its time.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn is_token_revoked(&self, token: &TokenLook<'_>) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                "SELECT EXISTS (SELECT FROM token_revocations \
                         WHERE application_id = $1 AND effective_at <= clock_timestamp() \
                           AND issued_until >= COALESCE($3, '-infinity'::timestamptz) \
                           AND (session_id IS NULL OR session_id = $2)) \
                     OR EXISTS (SELECT FROM revoked_tokens WHERE digest = $4) AS revoked",
                &[
                    &token.application.as_str(),
                    &token.session,
                    &token.issued_at.map(|at| at.to_date_time()),
                    &token.digest.as_slice(),
                ],
            )
            .await?;
        row.map_or(Ok(true), |row| column::get(&row, "revoked"))
    }

    /// Ends an application's tokens of these sessions, or all of them, in `delay`; tokens that are
    /// made from now on are not concerned.
    ///
    /// *Guarantee*: after `Ok` every process refuses them once the delay is over.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn revoke_tokens(
        &self,
        application: &ApplicationId,
        sessions: Option<&[String]>,
        delay: Duration,
    ) -> Result<(), StoreError> {
        let delay = delay.as_secs_f64();
        let mut client = self.client().await?;
        // Without sessions there is one row whose session is NULL.
        let every = [None::<&str>];
        let named: Vec<Option<&str>> = sessions.map_or_else(
            || every.to_vec(),
            |list| list.iter().map(|session| Some(&**session)).collect(),
        );
        let parameters: [&(dyn ToSql + Sync); 3] = [&application.as_str(), &named, &delay];
        client
            .execute(
                "WITH ended AS ( \
                     INSERT INTO token_revocations \
                         (application_id, session_id, issued_until, effective_at) \
                     SELECT $1, session, clock_timestamp(), \
                         clock_timestamp() + $3 * interval '1 s' \
                     FROM unnest($2::text[]) AS session \
                     RETURNING session_id, effective_at) \
                 DELETE FROM token_revocations AS old USING ended \
                 WHERE old.application_id = $1 AND old.effective_at >= ended.effective_at \
                   AND (ended.session_id IS NULL OR ended.session_id = old.session_id)",
                &parameters,
            )
            .await?;
        Ok(())
    }

    /// Ends one token, at once.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn revoke_token(
        &self,
        digest: &Digest,
        expires_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "INSERT INTO revoked_tokens (digest, expires_at) VALUES ($1, $2) \
                 ON CONFLICT DO NOTHING",
                &[&digest.as_slice(), &expires_at.map(|at| at.to_date_time())],
            )
            .await?;
        Ok(())
    }

    /// Keeps a sealed token for whoever has the code.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn keep_one_time_code(
        &self,
        code: &Digest,
        organization: &OrganizationId,
        sealed_token: &[u8],
        kept: Duration,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "INSERT INTO one_time_codes \
                     (code_digest, organization_id, sealed_token, expires_at) \
                 VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 s')",
                &[
                    &code.as_slice(),
                    &organization.as_str(),
                    &sealed_token,
                    &kept.as_secs_f64(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Takes what was kept for a code.
    ///
    /// *Guarantee*: of any number of callers with one code at most one gets it.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; the code may be used up then.
    pub async fn take_one_time_code(
        &self,
        code: &Digest,
    ) -> Result<Option<(OrganizationId, Vec<u8>)>, StoreError> {
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                "DELETE FROM one_time_codes \
                 WHERE code_digest = $1 AND expires_at > clock_timestamp() \
                 RETURNING organization_id, sealed_token",
                &[&code.as_slice()],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let organization = column::parsed(&row, "organization_id", OrganizationId::parse)?;
        Ok(Some((organization, row.try_get("sealed_token")?)))
    }

    /// Deletes codes and ends of single tokens that have no meaning any more.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn delete_expired_tokens(&self) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        let codes = client
            .execute(
                "DELETE FROM one_time_codes WHERE expires_at <= clock_timestamp()",
                &[],
            )
            .await?;
        // Clocks may differ by so much that a token counts as valid for a while longer.
        let tokens = client
            .execute(
                "DELETE FROM revoked_tokens \
                 WHERE expires_at <= clock_timestamp() - interval '1 day'",
                &[],
            )
            .await?;
        Ok(codes + tokens)
    }
}
