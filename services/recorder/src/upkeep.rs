//! Partitions made ahead of time, old ones dropped, expired bodies removed.
//!
//! It only saves the writers a moment and keeps the disk from filling up: writers make a missing
//! partition themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use posthorn_chassis::Shutdown;
use posthorn_chassis::error_chain::chain;
use posthorn_chassis::readiness::Gate;
use posthorn_store::{Store, StoreError};
use time::{Date, OffsetDateTime};

/// Pause between two rounds.
const ROUND: Duration = Duration::from_secs(600);
/// Pause after a round that failed, and between the first looks at PostgreSQL.
const RETRY: Duration = Duration::from_secs(2);
/// Bodies removed in one statement.
const EXPUNGE_ROWS: u16 = 500;

/// Looks after the partitions until the shutdown is requested.
pub(crate) async fn run(store: Store, gate: Arc<Gate>, retention_days: u16, shutdown: Shutdown) {
    loop {
        let today = OffsetDateTime::now_utc().date();
        let pause = match round(&store, today, retention_days).await {
            Ok(()) => {
                gate.ready();
                ROUND
            }
            Err(error) => {
                gate.unready(chain(&error));
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.requested() => return,
        }
    }
}

async fn round(store: &Store, today: Date, retention_days: u16) -> Result<(), StoreError> {
    let days = [Some(today), today.next_day()];
    let days: BTreeSet<Date> = days.into_iter().flatten().collect();
    store.ensure_days(&days).await?;
    let oldest = today - time::Duration::days(i64::from(retention_days));
    let dropped = store.drop_before(oldest).await?;
    if dropped.days > 0 {
        tracing::info!(days = dropped.days, "old history dropped");
    }
    while store.expunge_expired(EXPUNGE_ROWS).await? == u64::from(EXPUNGE_ROWS) {}
    Ok(())
}
