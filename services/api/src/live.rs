//! New messages and attempts, told to whoever watches, the moment they are recorded.
//!
//! One task per process listens to all outcomes while anybody watches, and for [`LINGER`] longer, so that
//! a watcher who comes back finds what it missed. It hands them to all watchers at once through one
//! bounded buffer: a watcher that is slow loses its place in it, is told so, and holds up nobody.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `item` | what is told, made once for all watchers |
//! | `position` | places in the stream as callers see them |
//! | `history` | the last items, for those who come back |
//! | `watcher` | one watcher's stream of events |

mod history;
mod item;
mod position;
mod watcher;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use posthorn_bus::live::LiveOutcomes;
use posthorn_bus::{Bus, BusError};
use posthorn_chassis::{Shutdown, metric};
use posthorn_event_schema::OrganizationId;
use posthorn_signing::KeyRing;
use tokio::sync::{Mutex as AsyncMutex, broadcast};
use tokio::time::{Instant, sleep};

use history::History;
pub(crate) use item::{Item, Kind};
pub(crate) use position::{Position, read as read_position};
pub(crate) use watcher::{Filter, Watcher};

/// Watchers of one process.
const MAX_WATCHERS: usize = 256;
/// Watchers of one organisation at one process.
const MAX_WATCHERS_OF_ORGANIZATION: usize = 32;
/// Items that a watcher may be behind.
const BUFFER: usize = 1_024;
/// A watcher that does not read is never told that its stream has ended: its place is free all the same
/// so long after it was taken.
const PLACE_ENDS: Duration = Duration::from_secs(3_600 + 60);
/// How long the task goes on without a watcher.
const LINGER: Duration = Duration::from_secs(60);

/// Why nobody more can watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// The limit, as metrics name it.
    pub(crate) limit: &'static str,
    /// How many watch already.
    pub(crate) most: usize,
}

/// The watching of one process.
#[derive(Clone)]
pub(crate) struct Live(Arc<Shared>);

struct Shared {
    bus: Bus,
    keys: KeyRing,
    shutdown: Shutdown,
    /// Held while the task is started, so that it is started once.
    starting: AsyncMutex<()>,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    /// What the task feeds; `None` while it does not run.
    feed: Option<Feed>,
    /// The places that are taken, by number, and since when.
    by_organization: HashMap<OrganizationId, BTreeMap<u64, Instant>>,
    /// The number of the next place.
    next_place: u64,
}

struct Feed {
    sender: broadcast::Sender<Arc<Item>>,
    history: History,
}

/// What a watcher begins with.
pub(crate) struct Beginning {
    receiver: broadcast::Receiver<Arc<Item>>,
    /// What came after its position.
    missed: Vec<Arc<Item>>,
    /// It asked to go on after a position, and everything after it is here.
    resumed: bool,
}

/// A watcher's place, given back when it is dropped.
pub(crate) struct Place {
    live: Live,
    organization: OrganizationId,
    number: u64,
}

impl Live {
    pub(crate) fn new(bus: Bus, keys: KeyRing, shutdown: Shutdown) -> Self {
        Self(Arc::new(Shared {
            bus,
            keys,
            shutdown,
            starting: AsyncMutex::default(),
            watched: Mutex::default(),
        }))
    }

    /// What ends all streams.
    pub(crate) fn shutdown(&self) -> Shutdown {
        self.0.shutdown.clone()
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        let watched = self.0.watched.lock();
        watched.unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one more watcher.
    ///
    /// # Errors
    /// [`TooMany`] when the process or the organisation has none left.
    pub(crate) fn take_place(&self, organization: &OrganizationId) -> Result<Place, TooMany> {
        let mut watched = self.watched();
        watched.free_old(Instant::now());
        let own = watched.by_organization.get(organization);
        let full = if own.map_or(0, BTreeMap::len) >= MAX_WATCHERS_OF_ORGANIZATION {
            let limit = "live_streams_of_organization";
            Some((limit, MAX_WATCHERS_OF_ORGANIZATION))
        } else if watched.count() >= MAX_WATCHERS {
            Some(("live_streams", MAX_WATCHERS))
        } else {
            None
        };
        if let Some((limit, most)) = full {
            metric::Counter::LimitReached.add(1, &[("limit", limit)]);
            return Err(TooMany { limit, most });
        }
        let number = watched.next_place;
        watched.next_place += 1;
        let own = watched.by_organization.entry(organization.clone());
        own.or_default().insert(number, Instant::now());
        watched.report();
        Ok(Place {
            live: self.clone(),
            organization: organization.clone(),
            number,
        })
    }

    /// Begins to watch, after a position or from now on.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub(crate) async fn watch(&self, after: Option<Position>) -> Result<Beginning, BusError> {
        let _one_starts = self.0.starting.lock().await;
        if let Some(beginning) = self.join(after) {
            return Ok(beginning);
        }
        let (outcomes, last) = self.0.bus.live_outcomes().await?;
        let (sender, receiver) = broadcast::channel(BUFFER);
        let history = History::after(last);
        let (missed, resumed) = history.since(after);
        self.watched().feed = Some(Feed { sender, history });
        let task = self.clone().listen(outcomes);
        self.0.shutdown.spawn("live outcomes", task);
        Ok(Beginning {
            receiver,
            missed,
            resumed,
        })
    }

    fn join(&self, after: Option<Position>) -> Option<Beginning> {
        let watched = self.watched();
        let feed = watched.feed.as_ref()?;
        let (missed, resumed) = feed.history.since(after);
        Some(Beginning {
            receiver: feed.sender.subscribe(),
            missed,
            resumed,
        })
    }

    /// Feeds the watchers until nobody has watched for a while.
    async fn listen(self, mut outcomes: LiveOutcomes) {
        let feeding = async {
            while let Some(live) = outcomes.next().await {
                let told = live.outcomes.iter().flatten().filter_map(item::of);
                self.feed(live.sequence, told.collect());
            }
        };
        tokio::select! {
            () = feeding => {}
            () = self.idle() => {}
            () = self.0.shutdown.requested() => {}
        }
        // Watchers that are left see the end of the feed, and come back.
        self.watched().feed = None;
    }

    fn feed(&self, sequence: u64, told: Vec<item::Told>) {
        let places = Position::of_items(sequence, told.len());
        let items = told.into_iter().zip(places).map(|(told, place)| {
            let position = position::text(&self.0.keys, place);
            Arc::new(told.at(place, position))
        });
        let items: Vec<_> = items.collect();
        let mut watched = self.watched();
        let Some(feed) = &mut watched.feed else {
            return;
        };
        if !feed.history.follows(sequence) {
            metric::Counter::LimitReached.add(1, &[("limit", "live_source")]);
            // Without a receiver there is nobody to tell.
            feed.sender.send(Arc::new(Item::gap(sequence - 1))).ok();
        }
        feed.history.push(sequence, &items);
        for item in items {
            feed.sender.send(item).ok();
        }
    }

    async fn idle(&self) {
        let mut idle = Duration::ZERO;
        let look = Duration::from_secs(1);
        while idle < LINGER {
            sleep(look).await;
            let nobody = self.watched().by_organization.is_empty();
            idle = if nobody { idle + look } else { Duration::ZERO };
        }
    }
}

impl Watched {
    fn count(&self) -> usize {
        self.by_organization.values().map(BTreeMap::len).sum()
    }

    fn free_old(&mut self, now: Instant) {
        self.by_organization.retain(|_, places| {
            places.retain(|_, since| now.duration_since(*since) < PLACE_ENDS);
            !places.is_empty()
        });
    }

    fn report(&self) {
        let count = u64::try_from(self.count()).unwrap_or_default();
        metric::Gauge::LiveStreams.set(count, &[]);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut watched = self.live.watched();
        if let Some(own) = watched.by_organization.get_mut(&self.organization) {
            own.remove(&self.number);
            if own.is_empty() {
                watched.by_organization.remove(&self.organization);
            }
        }
        watched.report();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_nobody_gives_back_is_free_after_a_while() {
        let mut watched = Watched::default();
        let start = Instant::now();
        let organization = OrganizationId::parse("org_1").unwrap();
        let places = BTreeMap::from([(0, start), (1, start + PLACE_ENDS / 2)]);
        watched.by_organization.insert(organization, places);
        watched.free_old(start + PLACE_ENDS / 2);
        assert_eq!(watched.count(), 2);
        watched.free_old(start + PLACE_ENDS);
        assert_eq!(watched.count(), 1);
        watched.free_old(start + PLACE_ENDS * 2);
        assert!(watched.by_organization.is_empty());
    }
}
