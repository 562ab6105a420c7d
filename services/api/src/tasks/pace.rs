//! How many jobs per second a process may publish for replays: they share senders and streams with
//! fresh traffic.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Hands out moments at an even distance.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn per_second(rate: u32) -> Self {
        Self {
            gap: Duration::from_secs(1) / rate.max(1),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for the next moment. Moments that nobody asked for in time are lost: there is no burst
    /// after a pause.
    ///
    /// # Cancel safety
    /// A moment that was given up is lost, and nothing else.
    pub(super) async fn turn(&self) {
        tokio::time::sleep_until(self.take(Instant::now())).await;
    }

    fn take(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = (*next).max(now);
        *next = mine + self.gap;
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_have_a_distance_and_a_pause_earns_no_burst() {
        let pace = Pace::per_second(4);
        let start = Instant::now();
        let first = pace.take(start);
        assert_eq!(pace.take(start) - first, Duration::from_millis(250));
        let later = start + Duration::from_secs(60);
        assert_eq!(pace.take(later), later);
        assert_eq!(pace.take(later) - later, Duration::from_millis(250));
    }
}
