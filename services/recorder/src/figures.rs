//! Adds what the pumps noted to the roll-ups, and removes figures that are too old.
//!
//! Any number of recorders may run it: one at a time does the work. That PostgreSQL is away is said by
//! the upkeep's gate, and not each second here.

use std::time::Duration;

use posthorn_chassis::error_chain::chain;
use posthorn_chassis::{Shutdown, clock};
use posthorn_event_schema::Timestamp;
use posthorn_store::{Store, StoreError};
use tokio::time::Instant;

/// Pause between two rounds: how far figures are behind history.
const ROUND: Duration = Duration::from_secs(1);
/// Pause between two removals.
const PRUNE: Duration = Duration::from_secs(10 * 60);

/// Keeps the figures up to date until the shutdown is requested.
pub(crate) async fn run(store: Store, shutdown: Shutdown) {
    let mut pruned: Option<Instant> = None;
    loop {
        let now = Timestamp::from_unix_micros(clock::unix_micros());
        if let Err(error) = fold(&store, now).await {
            say(&error, "figures not added up, trying later");
        } else if pruned.is_none_or(|last| last.elapsed() >= PRUNE) {
            match store.prune_figures(now).await {
                Ok(()) => pruned = Some(Instant::now()),
                Err(error) => say(&error, "old figures not removed"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            () = shutdown.requested() => return,
        }
    }
}

async fn fold(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    while store.fold_figures(now).await? {}
    Ok(())
}

fn say(error: &StoreError, what: &'static str) {
    let reason = chain(error);
    match error {
        StoreError::Unavailable(_) | StoreError::TimedOut => tracing::debug!(reason, "{what}"),
        _ => tracing::error!(reason, "{what}"),
    }
}
