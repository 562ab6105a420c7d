//! The schema's migrations: embedded, forward-only, safe to run from several processes at once.
//!
//! An advisory lock lets one caller migrate and makes the others wait; whoever comes later finds
//! nothing to do. A database that is newer than this build is left as it is, so that an older
//! release still starts during a roll-back.

use std::time::Duration;

use tokio::time::timeout;

use crate::error::Cause;
use crate::tls::{self, TlsError};
use crate::{StoreConfig, StoreError};

mod embedded {
    //! The migration files, compiled in.
    refinery::embed_migrations!("migrations");
}

/// How long to wait for another process that is migrating.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Held while migrating; the number means nothing, it only has to be ours.
const LOCK: i64 = 0x706f_7374_686f_726e;

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// PostgreSQL cannot be reached, or refuses the session.
    #[error("the database cannot be opened")]
    Open(#[source] StoreError),
    /// TLS cannot be set up.
    #[error("TLS to PostgreSQL cannot be set up")]
    Tls(#[from] TlsError),
    /// Another process is migrating and does not finish.
    #[error("another process has been migrating for more than {LOCK_TIMEOUT:?}")]
    Locked,
    /// A migration failed; it left nothing behind, but earlier ones stay.
    #[error("a migration failed")]
    Migration(#[source] Cause),
}

/// Brings the schema up to date and says how many migrations were needed.
///
/// *Guarantee*: once it returns `Ok`, the schema is at least at this build's version. Each
/// migration is a transaction; if we die in the middle, the next call goes on where this one
/// stopped. Shown by `two_processes_may_migrate_at_once`.
///
/// # Errors
/// [`MigrateError`] says which step failed.
pub async fn migrate(config: &StoreConfig) -> Result<usize, MigrateError> {
    let tls = tls::connector(config.ssl_mode(), config.authorities.as_deref())?;
    let mut postgres = config.postgres.clone();
    postgres.application_name("posthorn-migrate");
    let open = timeout(config.acquire_timeout, postgres.connect(tls));
    let (mut client, connection) = open
        .await
        .map_err(|_elapsed| MigrateError::Open(StoreError::TimedOut))?
        .map_err(|error| MigrateError::Open(StoreError::Unavailable(error.into())))?;
    let work = async move {
        lock(&client).await?;
        let report = embedded::migrations::runner()
            .set_abort_missing(false)
            .run_async(&mut client)
            .await
            .map_err(|error| MigrateError::Migration(error.into()))?;
        Ok(report.applied_migrations().len())
    };
    // The lock goes with the connection, which ends with `client` at the end of the work.
    tokio::pin!(work);
    tokio::pin!(connection);
    tokio::select! {
        result = &mut work => result,
        ended = &mut connection => {
            let error = ended.err().map_or(StoreError::TimedOut, StoreError::from);
            Err(MigrateError::Open(error))
        }
    }
}

async fn lock(client: &tokio_postgres::Client) -> Result<(), MigrateError> {
    let wait = LOCK_TIMEOUT.as_millis();
    let sql = format!("SET lock_timeout = {wait}; SELECT pg_advisory_lock({LOCK})");
    client.batch_execute(&sql).await.map_err(|error| {
        let timed_out = error.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE);
        if timed_out {
            MigrateError::Locked
        } else {
            MigrateError::Open(error.into())
        }
    })
}
