//! Claims of idempotency keys: who runs a request, under which seed, and what it answered.
//!
//! The key is a digest of everything that makes two requests the same but their body; rows say
//! nothing about callers, and replies are sealed before they come here.

use std::time::Duration;

use posthorn_event_schema::Timestamp;
use tokio_postgres::Row;

use crate::{Store, StoreError, column};

/// Bytes of keys and digests.
pub const DIGEST_LEN: usize = 32;
/// Random bytes of a seed.
pub const RANDOM_LEN: usize = 32;
/// Bytes that tell one run of a request from another.
pub const HOLDER_LEN: usize = 16;

/// What names the objects that a request creates, however often it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// When the request came for the first time.
    pub at: Timestamp,
    /// Drawn then.
    pub random: [u8; RANDOM_LEN],
}

/// A wish to run a request.
#[derive(Debug, Clone, Copy)]
pub struct NewClaim<'a> {
    /// What makes two requests the same, except for the body.
    pub key: &'a [u8; DIGEST_LEN],
    /// Of the body.
    pub request: &'a [u8; DIGEST_LEN],
    /// This run.
    pub holder: &'a [u8; HOLDER_LEN],
    /// The seed, should this be the first run.
    pub seed: Seed,
    /// How long others leave the request to this run, unless it is renewed.
    pub lease: Duration,
    /// How long the key is remembered.
    pub kept: Duration,
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// This run is the one; here is the seed, possibly that of a run before it.
    Ours(Seed),
    /// Another run is under way.
    Running,
    /// It was answered; here is the sealed reply.
    Answered(Vec<u8>),
    /// The key belongs to a request with another body.
    OtherRequest,
}

impl Store {
    /// Claims a key, unless it is held, answered, or another request's.
    ///
    /// *Guarantee*: at most one holder has an unexpired lease, and all runs of one request have
    /// the same seed until the key is forgotten.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn claim_idempotency_key(&self, claim: &NewClaim<'_>) -> Result<Claimed, StoreError> {
        let mut client = self.client().await?;
        let ours = client
            .query_opt(
                "INSERT INTO idempotency_claims AS old \
                     (key, request_digest, minted_at, random, holder, leased_until, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 ms', \
                         clock_timestamp() + $7 * interval '1 ms') \
                 ON CONFLICT (key) DO UPDATE SET \
                     request_digest = excluded.request_digest, holder = excluded.holder, \
                     leased_until = excluded.leased_until, sealed_reply = NULL, \
                     minted_at = CASE WHEN old.expires_at <= clock_timestamp() \
                         THEN excluded.minted_at ELSE old.minted_at END, \
                     random = CASE WHEN old.expires_at <= clock_timestamp() \
                         THEN excluded.random ELSE old.random END, \
                     expires_at = CASE WHEN old.expires_at <= clock_timestamp() \
                         THEN excluded.expires_at ELSE old.expires_at END \
                 WHERE old.expires_at <= clock_timestamp() \
                    OR (old.sealed_reply IS NULL AND old.leased_until <= clock_timestamp() \
                        AND old.request_digest = excluded.request_digest) \
                 RETURNING minted_at, random",
                &[
                    &claim.key.as_slice(),
                    &claim.request.as_slice(),
                    &claim.seed.at.to_date_time(),
                    &claim.seed.random.as_slice(),
                    &claim.holder.as_slice(),
                    &millis(claim.lease),
                    &millis(claim.kept),
                ],
            )
            .await?;
        if let Some(row) = ours {
            return seed(&row).map(Claimed::Ours);
        }
        let found = client
            .query_opt(
                "SELECT request_digest, sealed_reply FROM idempotency_claims WHERE key = $1",
                &[&claim.key.as_slice()],
            )
            .await?;
        // A row that went away in between is claimed at the next look.
        let Some(row) = found else {
            return Ok(Claimed::Running);
        };
        if column::get::<&[u8]>(&row, "request_digest")? != claim.request {
            return Ok(Claimed::OtherRequest);
        }
        let reply: Option<Vec<u8>> = row.try_get("sealed_reply")?;
        Ok(reply.map_or(Claimed::Running, Claimed::Answered))
    }

    /// Keeps the lease of a run that is still under way.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn renew_idempotency_lease(
        &self,
        key: &[u8; DIGEST_LEN],
        holder: &[u8; HOLDER_LEN],
        lease: Duration,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "UPDATE idempotency_claims \
                 SET leased_until = clock_timestamp() + $3 * interval '1 ms' \
                 WHERE key = $1 AND holder = $2 AND sealed_reply IS NULL",
                &[&key.as_slice(), &holder.as_slice(), &millis(lease)],
            )
            .await?;
        Ok(())
    }

    /// Stores what the request answered, unless another run has done so; returns what is stored,
    /// or `None` when the key was forgotten.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn answer_idempotency_key(
        &self,
        key: &[u8; DIGEST_LEN],
        request: &[u8; DIGEST_LEN],
        sealed_reply: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut client = self.client().await?;
        let row = client
            .query_opt(
                "UPDATE idempotency_claims \
                 SET sealed_reply = COALESCE(sealed_reply, $3) \
                 WHERE key = $1 AND request_digest = $2 RETURNING sealed_reply",
                &[&key.as_slice(), &request.as_slice(), &sealed_reply],
            )
            .await?;
        row.map(|row| Ok(row.try_get("sealed_reply")?)).transpose()
    }

    /// Forgets a key whose request was refused, so that the caller may mend it and use the key
    /// again.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn forget_idempotency_key(
        &self,
        key: &[u8; DIGEST_LEN],
        holder: &[u8; HOLDER_LEN],
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "DELETE FROM idempotency_claims \
                 WHERE key = $1 AND holder = $2 AND sealed_reply IS NULL",
                &[&key.as_slice(), &holder.as_slice()],
            )
            .await?;
        Ok(())
    }

    /// Ends the lease of a run that failed with unknown effect: the next run has the same seed.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn release_idempotency_key(
        &self,
        key: &[u8; DIGEST_LEN],
        holder: &[u8; HOLDER_LEN],
    ) -> Result<(), StoreError> {
        self.renew_idempotency_lease(key, holder, Duration::ZERO)
            .await
    }

    /// Deletes keys whose time is over, at most `limit`; returns how many there were.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn delete_expired_idempotency_keys(&self, limit: u32) -> Result<u64, StoreError> {
        let mut client = self.client().await?;
        client
            .execute(
                "DELETE FROM idempotency_claims WHERE key IN ( \
                     SELECT key FROM idempotency_claims WHERE expires_at <= clock_timestamp() \
                     ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
                &[&i64::from(limit)],
            )
            .await
    }
}

fn seed(row: &Row) -> Result<Seed, StoreError> {
    let random = column::get::<&[u8]>(row, "random")?;
    let random = random
        .try_into()
        .map_err(|_length| StoreError::Corrupt { column: "random" })?;
    Ok(Seed {
        at: column::moment(row, "minted_at")?,
        random,
    })
}

/// As PostgreSQL multiplies intervals.
fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
