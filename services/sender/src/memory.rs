//! Memory for deliveries, by number and by bytes.
//!
//! Half of the bytes are for jobs from JOBS, from their arrival to their end; the other half for
//! deliveries read from the waiting room. So neither can take what the other needs, and a process
//! never holds more, whatever the size of its events.

use std::sync::Arc;

use posthorn_chassis::metric;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are counted in units of this many, so that a permit's 32 bits suffice.
const UNIT: usize = 1024;

/// The memory for deliveries of a process.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Jobs that wait in memory for a slot or a place.
    room: Arc<Semaphore>,
    rooms: usize,
    /// Units for jobs from JOBS.
    taken: Arc<Semaphore>,
    /// Units for deliveries from the waiting room.
    visited: Arc<Semaphore>,
    /// Units in each half.
    half: u32,
}

impl Memory {
    /// Memory for so many jobs that wait, and for so many bytes altogether.
    pub(crate) fn new(rooms: usize, bytes: usize) -> Self {
        let half = u32::try_from(bytes / UNIT / 2).unwrap_or(u32::MAX).max(1);
        let semaphore = |units: u32| Arc::new(Semaphore::new(units as usize));
        Self {
            room: Arc::new(Semaphore::new(rooms)),
            rooms,
            taken: semaphore(half),
            visited: semaphore(half),
            half,
        }
    }

    /// Jobs that wait in memory now.
    pub(crate) fn waiting(&self) -> usize {
        self.rooms.saturating_sub(self.room.available_permits())
    }

    /// Waits until so many bytes are free for jobs, or a quarter of all: what is pulled should not
    /// have to wait for memory after it came.
    pub(crate) async fn free(&self, bytes: usize) {
        let units = self.units(bytes).min((self.half / 4).max(1));
        // Given back at once.
        let acquired = self.taken.acquire_many(units).await;
        drop(acquired.expect("the semaphore is never closed"));
    }

    /// Waits until there is memory for a job that came.
    pub(crate) async fn bytes_to_take(&self, bytes: usize) -> OwnedSemaphorePermit {
        let units = self.units(bytes);
        if let Ok(permit) = Arc::clone(&self.taken).try_acquire_many_owned(units) {
            return permit;
        }
        full("sender_bytes_taken");
        let acquired = Arc::clone(&self.taken).acquire_many_owned(units).await;
        acquired.expect("the semaphore is never closed")
    }

    /// Memory for a delivery from the waiting room, if there is any at the moment.
    pub(crate) fn bytes_to_visit(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = self.units(bytes);
        let permit = Arc::clone(&self.visited).try_acquire_many_owned(units).ok();
        if permit.is_none() {
            full("sender_bytes_visited");
        }
        permit
    }

    /// Room for one more job that waits. Waiting jobs leave half of their bytes to those that
    /// start at once or are on their way to the disk.
    pub(crate) fn room_to_wait(&self) -> Option<OwnedSemaphorePermit> {
        let has_bytes = self.taken.available_permits() >= self.half as usize / 2;
        let room = Arc::clone(&self.room).try_acquire_owned().ok();
        let room = room.filter(|_| has_bytes);
        if room.is_none() {
            full("sender_queue");
        }
        room
    }

    /// Units of a delivery; one that is larger than all memory takes all of it.
    fn units(&self, bytes: usize) -> u32 {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        units.clamp(1, self.half)
    }
}

fn full(limit: &'static str) {
    metric::Counter::LimitReached.add(1, &[("limit", limit)]);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const MIB: usize = 1024 * 1024;
    const A_MOMENT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn bytes_bound_what_is_taken_and_what_may_wait() {
        let memory = Memory::new(100, 8 * MIB);
        let first = memory.bytes_to_take(MIB).await;
        assert!(memory.room_to_wait().is_some());
        let _second = memory.bytes_to_take(2 * MIB).await;
        assert!(memory.room_to_wait().is_none(), "3 of 4 MiB are taken");
        assert!(
            timeout(A_MOMENT, memory.bytes_to_take(2 * MIB))
                .await
                .is_err()
        );
        assert!(
            memory.bytes_to_visit(4 * MIB).is_some(),
            "visits have bytes of their own"
        );
        drop(first);
        let _third = memory.bytes_to_take(2 * MIB).await;
    }

    #[tokio::test]
    async fn a_number_bounds_small_jobs() {
        let memory = Memory::new(1, 8 * MIB);
        let room = memory.room_to_wait();
        assert!(room.is_some() && memory.room_to_wait().is_none());
        assert_eq!(memory.waiting(), 1);
    }

    #[tokio::test]
    async fn a_delivery_larger_than_all_memory_still_passes() {
        let memory = Memory::new(1, MIB);
        let permit = memory.bytes_to_take(50 * MIB).await;
        assert!(memory.bytes_to_visit(50 * MIB).is_some());
        drop(permit);
    }
}
