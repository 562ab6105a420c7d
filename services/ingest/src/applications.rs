//! Finding the application that a producer names, also when it was created a moment ago.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::snapshot::Snapshot;
use posthorn_event_schema::{ApplicationRef, ApplicationSnapshot, OrganizationId};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a look-up waits for the snapshot to catch up with an application just created.
const PATIENCE: Duration = Duration::from_secs(1);
/// Misses within this time of the last catching up are final: a flood of unknown names must not
/// become a flood of requests to NATS.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(50);

/// The applications of the snapshot.
#[derive(Clone)]
pub struct Applications {
    snapshot: Snapshot,
    caught_up: Arc<Mutex<Option<Instant>>>,
}

impl Applications {
    /// Wraps a snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            caught_up: Arc::default(),
        }
    }

    /// The application that a caller names; `None` when there is none.
    pub async fn find(
        &self,
        organization: &OrganizationId,
        name: &ApplicationRef,
    ) -> Option<Arc<ApplicationSnapshot>> {
        let asked = Instant::now();
        if let Some(found) = self.snapshot.application(organization, name) {
            return Some(found);
        }
        self.catch_up(asked).await;
        self.snapshot.application(organization, name)
    }

    /// Makes sure that the snapshot is no older than `asked`, give or take the interval. Callers
    /// who come together share one catching up.
    async fn catch_up(&self, asked: Instant) {
        let mut last = self.caught_up.lock().await;
        if last.is_some_and(|last| last + CATCH_UP_INTERVAL > asked) {
            return;
        }
        let begun = Instant::now();
        if let Err(error) = self.snapshot.catch_up(PATIENCE).await {
            tracing::debug!(error = %error, "snapshot did not catch up");
        }
        *last = Some(begun);
    }
}
