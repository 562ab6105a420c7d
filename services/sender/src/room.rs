//! Room for visits to the waiting room: how many a process makes at a time, those included that wait
//! for a place in flight or for their turn.
//!
//! It bounds memory: when a hundred thousand deliveries of as many endpoints come due in one moment,
//! all but a few are a count and a time in [`lanes`](crate::lanes), and no task.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use posthorn_chassis::metric;
use posthorn_event_schema::subject::Rank;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Visits for each place in flight: one that has it, and one that takes over.
const VISITS_PER_PLACE: usize = 2;

type Waiting = Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send + Sync>>;

/// The room of a process, for each rank of lanes.
#[derive(Debug, Clone)]
pub(crate) struct Rooms([Arc<Semaphore>; 3]);

impl Rooms {
    /// For so many places in flight of each rank, as [`Rank::ALL`] lists them.
    pub(crate) fn new(places: [usize; 3]) -> Self {
        Self(places.map(|count| Arc::new(Semaphore::new(count * VISITS_PER_PLACE))))
    }

    /// What one partition asks and waits with.
    pub(crate) fn queue(&self) -> Queue {
        let desk = |number: usize| Desk {
            rank: Rank::ALL[number],
            room: Arc::clone(&self.0[number]),
            got: None,
            waiting: None,
        };
        Queue([desk(0), desk(1), desk(2)])
    }
}

/// A partition's place in the queues for room, one for each rank.
pub(crate) struct Queue([Desk; 3]);

struct Desk {
    rank: Rank,
    room: Arc<Semaphore>,
    got: Option<OwnedSemaphorePermit>,
    waiting: Option<Waiting>,
}

impl Queue {
    /// Whether there is room for a visit now, to be had with [`Queue::take`]; if not, the partition
    /// waits for it from here on.
    pub(crate) fn ask(&mut self, rank: Rank) -> bool {
        self.desk(rank).ask()
    }

    /// The room that [`Queue::ask`] found.
    pub(crate) fn take(&mut self, rank: Rank) -> Option<OwnedSemaphorePermit> {
        self.desk(rank).got.take()
    }

    /// Waits for room no more, and gives back what was not taken.
    pub(crate) fn leave(&mut self, rank: Rank) {
        let desk = self.desk(rank);
        (desk.got, desk.waiting) = (None, None);
    }

    /// Waits until room is found that was asked for; for ever if none was.
    pub(crate) async fn found(&mut self) {
        poll_fn(|context| {
            let mut found = Poll::Pending;
            for desk in &mut self.0 {
                if let Some(waiting) = &mut desk.waiting
                    && let Poll::Ready(room) = waiting.as_mut().poll(context)
                {
                    (desk.got, desk.waiting) = (Some(room), None);
                    found = Poll::Ready(());
                }
            }
            found
        })
        .await;
    }

    fn desk(&mut self, rank: Rank) -> &mut Desk {
        let number = Rank::ALL.iter().position(|known| *known == rank);
        &mut self.0[number.unwrap_or_default()]
    }
}

impl Desk {
    fn ask(&mut self) -> bool {
        if self.got.is_some() {
            return true;
        }
        if self.waiting.is_some() {
            return false;
        }
        self.got = Arc::clone(&self.room).try_acquire_owned().ok();
        if self.got.is_some() {
            return true;
        }
        metric::Counter::LimitReached.add(1, &[("limit", limit(self.rank))]);
        let room = Arc::clone(&self.room);
        self.waiting = Some(Box::pin(async move {
            let room = room.acquire_owned().await;
            room.expect("it is never closed")
        }));
        false
    }
}

fn limit(rank: Rank) -> &'static str {
    match rank {
        Rank::First => "sender_parked_visits",
        Rank::Retry => "sender_retry_visits",
        Rank::Replay => "sender_replay_visits",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it_and_is_told() {
        let rooms = Rooms::new([1, 1, 1]);
        let (mut one, mut other) = (rooms.queue(), rooms.queue());
        let taken = [(); VISITS_PER_PLACE].map(|()| {
            assert!(one.ask(Rank::Retry));
            one.take(Rank::Retry)
        });
        assert!(!other.ask(Rank::Retry));
        assert!(other.ask(Rank::First), "another rank has room of its own");
        assert!(timeout(SOON, other.found()).await.is_err());
        drop(taken);
        timeout(SOON, other.found()).await.unwrap();
        assert!(other.ask(Rank::Retry));
    }

    #[tokio::test]
    async fn who_leaves_holds_up_nobody() {
        let rooms = Rooms::new([1, 1, 1]);
        let (mut one, mut other) = (rooms.queue(), rooms.queue());
        let taken = [(); VISITS_PER_PLACE].map(|()| {
            assert!(one.ask(Rank::Retry));
            one.take(Rank::Retry)
        });
        assert!(!one.ask(Rank::Retry));
        one.leave(Rank::Retry);
        assert!(!other.ask(Rank::Retry));
        drop(taken);
        timeout(SOON, other.found()).await.unwrap();
        assert!(other.ask(Rank::Retry) && other.take(Rank::Retry).is_some());
    }
}
