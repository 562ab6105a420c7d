//! Finding the application that a producer names, also when it was created a moment ago.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::snapshot::Snapshot;
use posthorn_event_schema::{ApplicationRef, ApplicationSnapshot, OrganizationId};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a look-up waits for the snapshot to catch up with an application just created.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two catchings up at least: a flood of unknown names must not become a flood of requests
/// to NATS. Those who ask in between wait for the next one.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(50);

/// The snapshot does not know the application, and whether it is the current one cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the configuration could not be read, try again later")]
pub struct Behind;

/// The applications of the snapshot.
#[derive(Clone)]
pub struct Applications {
    snapshot: Snapshot,
    last: Arc<Mutex<Option<CatchUp>>>,
}

/// A catching up that has ended.
#[derive(Clone, Copy)]
struct CatchUp {
    begun: Instant,
    ended: Instant,
    result: Result<(), Behind>,
}

impl CatchUp {
    /// Whether it answers a question asked at that time: a success must have begun since, a failure
    /// is shared by all who waited for it.
    fn answers(&self, asked: Instant) -> bool {
        match self.result {
            Ok(()) => self.begun >= asked,
            Err(Behind) => self.ended >= asked,
        }
    }
}

impl Applications {
    /// Wraps a snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            last: Arc::default(),
        }
    }

    /// The application that a caller names; `None` when there was none at the time of the call.
    ///
    /// # Errors
    /// [`Behind`] when it is unknown, and NATS does not tell in time whether that is final.
    pub async fn find(
        &self,
        organization: &OrganizationId,
        name: &ApplicationRef,
    ) -> Result<Option<Arc<ApplicationSnapshot>>, Behind> {
        let asked = Instant::now();
        if let Some(found) = self.snapshot.application(organization, name) {
            return Ok(Some(found));
        }
        self.catch_up(asked).await?;
        Ok(self.snapshot.application(organization, name))
    }

    /// The newest configuration that a look-up may have used: what follows from it must be decided
    /// with none older.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.snapshot.revision()
    }

    /// Makes sure that the snapshot is no older than `asked`. Callers who come together share one
    /// catching up, and its failure.
    async fn catch_up(&self, asked: Instant) -> Result<(), Behind> {
        let mut last = self.last.lock().await;
        if let Some(last) = last.filter(|last| last.answers(asked)) {
            return last.result;
        }
        if let Some(last) = *last {
            tokio::time::sleep_until(last.begun + CATCH_UP_INTERVAL).await;
        }
        let begun = Instant::now();
        let result = self.snapshot.catch_up(PATIENCE).await.map_err(|error| {
            tracing::warn!(error = %error, "snapshot did not catch up");
            Behind
        });
        *last = Some(CatchUp {
            begun,
            ended: Instant::now(),
            result,
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_answers_who_asked_before_it_began_and_a_failure_who_waited_for_it() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let ended = at(10);
        let success = CatchUp {
            begun,
            ended,
            result: Ok(()),
        };
        assert!(success.answers(begun) && !success.answers(at(1)));
        let failure = CatchUp {
            result: Err(Behind),
            ..success
        };
        assert!(failure.answers(at(5)) && !failure.answers(at(11)));
    }
}
