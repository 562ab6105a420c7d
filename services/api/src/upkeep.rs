//! Deletes what has no meaning any more: old idempotency keys, codes, ends of tokens, API keys,
//! sessions and inboxes that have ended.
//!
//! *Not needed* for anything to be right, only for the tables to stay small.

use std::time::Duration;

use posthorn_chassis::{Shutdown, error_chain};
use posthorn_store::{Store, StoreError};

/// Pause between two passes.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// Keys deleted in one statement.
const BATCH: u32 = 5_000;

/// Deletes now and from time to time, until shutdown.
pub(crate) async fn run(store: Store, shutdown: Shutdown) {
    let work = async {
        loop {
            if let Err(error) = pass(&store).await {
                let reason = error_chain::chain(&error);
                tracing::warn!(reason, "upkeep not done, trying later");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = shutdown.requested() => {}
    }
}

async fn pass(store: &Store) -> Result<(), StoreError> {
    while store.delete_expired_idempotency_keys(BATCH).await? == u64::from(BATCH) {}
    store.delete_expired_tokens().await?;
    store.delete_ended_access().await?;
    store.delete_ended_inboxes().await?;
    Ok(())
}
