//! Look-ups in flight: those who want the same at the same time share one.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// Why a name leads nowhere, for all who asked.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    kind: io::ErrorKind,
    words: Arc<str>,
}

impl Failure {
    pub(super) fn new(kind: io::ErrorKind, words: String) -> Self {
        let words = words.into();
        Self { kind, words }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind, failure.words.as_ref())
    }
}

type Result = std::result::Result<Vec<IpAddr>, Failure>;
type Flight = Arc<OnceCell<Result>>;

/// The look-ups in flight, by name.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<String, Flight>>);

/// Somebody who waits for a look-up; the last one takes it out of the list.
struct Passenger<'a> {
    flights: &'a Flights,
    name: &'a str,
    flight: Flight,
}

impl Flights {
    /// The result of the look-up of this name that is in flight, or else of a new one.
    ///
    /// # Cancel safety
    /// When whoever began the look-up goes, another of those who wait begins it anew.
    pub(super) async fn share<L>(&self, name: &str, look_up: impl FnOnce() -> L) -> Result
    where
        L: Future<Output = Result>,
    {
        let passenger = self.board(name);
        passenger.flight.get_or_init(look_up).await.clone()
    }

    fn board<'a>(&'a self, name: &'a str) -> Passenger<'a> {
        let mut flights = self.lock();
        let flight = flights.entry(name.to_owned()).or_default();
        Passenger {
            flights: self,
            name,
            flight: Arc::clone(flight),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Passenger<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let is_listed = flights
            .get(self.name)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        // Nobody boards while the list is locked: besides ours there is only the list's.
        let is_last = Arc::strong_count(&self.flight) == 2;
        if is_listed && (is_last || self.flight.initialized()) {
            flights.remove(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test(start_paused = true)]
    async fn one_name_is_looked_up_once_at_a_time_and_anew_afterwards() {
        let flights = Flights::default();
        let begun = AtomicUsize::new(0);
        let look_up = || {
            flights.share("a.test", || async {
                begun.fetch_add(1, Ordering::Relaxed);
                sleep(SOON).await;
                Ok(Vec::new())
            })
        };
        let (one, two, three) = tokio::join!(look_up(), look_up(), look_up());
        assert!(one.is_ok() && two.is_ok() && three.is_ok());
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        look_up().await.unwrap();
        assert_eq!(begun.load(Ordering::Relaxed), 2);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_leaves_the_look_up_to_the_others() {
        let flights = Flights::default();
        let look_up = || {
            flights.share("a.test", || async {
                sleep(SOON).await;
                Ok(Vec::new())
            })
        };
        let (gone, stayed) = tokio::join!(timeout(SOON / 2, look_up()), look_up());
        assert!(gone.is_err() && stayed.is_ok());
        assert!(timeout(SOON / 2, look_up()).await.is_err());
        assert!(flights.lock().is_empty());
    }
}
