//! Places in flight: how many requests this process makes at a time, and whose turn it is.
//!
//! There is a pool per kind of work, so that none of them can take the others' places. Within a
//! pool the partitions take turns, because each of them waits for one place at a time; within a
//! partition its [`Lanes`](crate::lanes::Lanes) decide who gets it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

use crate::lanes::Pool;

/// The places of a process.
#[derive(Debug)]
pub(crate) struct Places {
    pools: [Arc<Semaphore>; Pool::COUNT],
    count: usize,
}

impl Places {
    /// So many places per pool, by its index.
    pub(crate) fn new(counts: [usize; Pool::COUNT]) -> Self {
        Self {
            pools: counts.map(|count| Arc::new(Semaphore::new(count))),
            count: counts.iter().sum(),
        }
    }

    /// Requests in flight now.
    pub(crate) fn taken(&self) -> usize {
        let free: usize = self.pools.iter().map(|pool| pool.available_permits()).sum();
        self.count.saturating_sub(free)
    }

    /// One partition's standing in the pools.
    pub(crate) fn turns(&self) -> Turns {
        let pools = self.pools.each_ref();
        Turns {
            waits: pools.map(|pool| PollSemaphore::new(Arc::clone(pool))),
            first: 0,
        }
    }
}

/// One partition's standing in the pools: where it waits, and which pool it asks first.
pub(crate) struct Turns {
    waits: [PollSemaphore; Pool::COUNT],
    first: usize,
}

impl Turns {
    /// Waits for a place in any of the wanted pools. The pools take turns in being asked first, so
    /// that an endpoint with one slot gives it to each kind of its work in turn.
    ///
    /// # Cancel safety
    /// Dropping the future neither loses a place nor the standing in a queue for one.
    pub(crate) async fn next(
        &mut self,
        wanted: [bool; Pool::COUNT],
    ) -> (Pool, OwnedSemaphorePermit) {
        poll_fn(|context| self.poll(wanted, context)).await
    }

    fn poll(
        &mut self,
        wanted: [bool; Pool::COUNT],
        context: &mut Context<'_>,
    ) -> Poll<(Pool, OwnedSemaphorePermit)> {
        for offset in 0..Pool::COUNT {
            let pool = Pool::ALL[(self.first + offset) % Pool::COUNT];
            if !wanted[pool.index()] {
                self.give_up(pool);
            } else if let Poll::Ready(Some(place)) = self.waits[pool.index()].poll_acquire(context)
            {
                self.first = pool.index() + 1;
                return Poll::Ready((pool, place));
            }
        }
        Poll::Pending
    }

    /// Leaves a pool's queue; else a place could be given to us that nobody would use.
    fn give_up(&mut self, pool: Pool) {
        let wait = &mut self.waits[pool.index()];
        *wait = PollSemaphore::new(wait.clone_inner());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const ALL: [bool; Pool::COUNT] = [true; Pool::COUNT];
    const RETRIES: [bool; Pool::COUNT] = [false, false, true];
    const A_MOMENT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn the_pools_take_turns() {
        let places = Places::new([3, 3, 3]);
        let mut turns = places.turns();
        let mut order = Vec::new();
        let mut held = Vec::new();
        for _ in 0..6 {
            let (pool, place) = turns.next(ALL).await;
            order.push(pool);
            held.push(place);
        }
        assert_eq!(order, [Pool::ALL, Pool::ALL].concat());
        assert_eq!(places.taken(), 6);
    }

    #[tokio::test]
    async fn a_full_pool_holds_up_no_other_and_partitions_take_turns_at_it() {
        let places = Places::new([1, 1, 1]);
        let (mut one, mut two) = (places.turns(), places.turns());
        let (_, place) = one.next(RETRIES).await;
        // Both wait, the first of them for longer; each is interrupted meanwhile.
        assert!(timeout(A_MOMENT, one.next(RETRIES)).await.is_err());
        assert!(timeout(A_MOMENT, two.next(RETRIES)).await.is_err());
        assert_eq!(two.next(ALL).await.0, Pool::Fresh);
        drop(place);
        assert!(
            timeout(A_MOMENT, two.next(RETRIES)).await.is_err(),
            "it is the other one's turn"
        );
        let (pool, place) = one.next(RETRIES).await;
        assert_eq!(pool, Pool::Retry);
        drop(place);
        assert_eq!(two.next(RETRIES).await.0, Pool::Retry);
    }

    #[tokio::test]
    async fn a_place_that_is_no_longer_wanted_goes_to_the_others() {
        let places = Places::new([1, 1, 1]);
        let (mut one, mut two) = (places.turns(), places.turns());
        let (_, place) = one.next(RETRIES).await;
        assert!(timeout(A_MOMENT, one.next(RETRIES)).await.is_err());
        assert!(timeout(A_MOMENT, one.next([false; 3])).await.is_err());
        drop(place);
        assert_eq!(two.next(RETRIES).await.0, Pool::Retry);
    }
}
