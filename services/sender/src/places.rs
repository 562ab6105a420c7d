//! Places in flight: how many requests this process makes at a time.
//!
//! There are some for each kind of work, so that none of them can take the others' places: a
//! thousand retries that come due together hold up no first attempt.

use posthorn_chassis::metric;
use posthorn_event_schema::subject::{Lane, Rank};
use tokio::sync::{Semaphore, SemaphorePermit};

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A job from JOBS.
    Fresh,
    /// A first attempt that was parked.
    Parked,
    /// An attempt after the first.
    Retry,
    /// One of many that a person asked for.
    Replay,
}

impl Kind {
    /// What a delivery of this lane needs.
    pub(crate) fn of(lane: Lane) -> Self {
        match lane.rank() {
            Rank::First => Self::Parked,
            Rank::Retry => Self::Retry,
            Rank::Replay => Self::Replay,
        }
    }

    fn limit(self) -> &'static str {
        match self {
            Self::Fresh => "sender_fresh_in_flight",
            Self::Parked => "sender_parked_in_flight",
            Self::Retry => "sender_retry_in_flight",
            Self::Replay => "sender_replay_in_flight",
        }
    }
}

/// The places of a process.
#[derive(Debug)]
pub(crate) struct Places {
    fresh: Semaphore,
    parked: Semaphore,
    retry: Semaphore,
    replay: Semaphore,
    count: usize,
}

impl Places {
    /// So many places for each kind.
    pub(crate) fn new([fresh, parked, retry, replay]: [usize; 4]) -> Self {
        Self {
            fresh: Semaphore::new(fresh),
            parked: Semaphore::new(parked),
            retry: Semaphore::new(retry),
            replay: Semaphore::new(replay),
            count: fresh + parked + retry + replay,
        }
    }

    /// Waits for a place; who comes first is served first.
    pub(crate) async fn take(&self, kind: Kind) -> SemaphorePermit<'_> {
        let pool = self.of(kind);
        if let Ok(place) = pool.try_acquire() {
            return place;
        }
        metric::Counter::LimitReached.add(1, &[("limit", kind.limit())]);
        pool.acquire().await.expect("it is never closed")
    }

    /// Requests in flight now.
    pub(crate) fn taken(&self) -> usize {
        let pools = [&self.fresh, &self.parked, &self.retry, &self.replay];
        let free: usize = pools.map(Semaphore::available_permits).iter().sum();
        self.count.saturating_sub(free)
    }

    fn of(&self, kind: Kind) -> &Semaphore {
        match kind {
            Kind::Fresh => &self.fresh,
            Kind::Parked => &self.parked,
            Kind::Retry => &self.retry,
            Kind::Replay => &self.replay,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_kind_without_a_free_place_holds_up_no_other() {
        let places = Places::new([1; 4]);
        let retry = places.take(Kind::Retry).await;
        let another = timeout(Duration::from_millis(20), places.take(Kind::Retry));
        assert!(another.await.is_err());
        let _others = (
            places.take(Kind::Fresh).await,
            places.take(Kind::Parked).await,
        );
        assert_eq!(places.taken(), 3);
        drop(retry);
        let _again = places.take(Kind::Retry).await;
    }
}
