//! The configuration in memory, kept current by a watch on the bucket `config`.
//!
//! A process is ready once the first reading is complete; from then on changes arrive within
//! milliseconds. While NATS is away the last known configuration stays in force.

mod index;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use async_nats::jetstream::kv::{Entry, Operation, Store};
use futures::StreamExt;
use posthorn_chassis::shutdown::Shutdown;
use posthorn_event_schema::{
    ApplicationId, ApplicationRef, ApplicationSnapshot, EndpointId, EndpointSnapshot, EventType,
    OrganizationId, Timestamp,
};
use tokio::sync::watch;

use index::Index;

use crate::topology::Bucket;
use crate::{Bus, BusError};

/// Pause before a broken watch is made anew.
const REWATCH_PAUSE: Duration = Duration::from_millis(500);

/// The configuration in memory. Clones share it.
#[derive(Clone)]
pub struct Snapshot {
    index: Arc<RwLock<Index>>,
    store: Arc<Store>,
    /// The newest revision that the index contains.
    seen: watch::Receiver<u64>,
}

impl Bus {
    /// Reads the whole configuration, then keeps it current until shutdown.
    ///
    /// # Errors
    /// [`BusError`] when the bucket cannot be read.
    pub async fn snapshot(&self, shutdown: &Shutdown) -> Result<Snapshot, BusError> {
        let store = self.jetstream.get_key_value(Bucket::Config.name()).await;
        let store = store.map_err(|error| BusError::setup("bucket config")(error.into()))?;
        let (seen_writer, seen) = watch::channel(0);
        let snapshot = Snapshot {
            index: Arc::default(),
            store: Arc::new(store),
            seen,
        };
        let follower = Follower {
            index: Arc::clone(&snapshot.index),
            store: Arc::clone(&snapshot.store),
            seen: seen_writer,
        };
        let stop = shutdown.clone();
        shutdown.spawn("configuration watch", async move {
            tokio::select! {
                () = follower.follow() => {}
                // What was read stays in force for the work still in flight.
                () = stop.requested() => {}
            }
        });
        snapshot.catch_up(self.config.connect_timeout).await?;
        Ok(snapshot)
    }
}

impl Snapshot {
    /// The application that a caller names, unless it is unknown or deleted. A uid is looked up
    /// within the organisation; an id must belong to it.
    #[must_use]
    pub fn application(
        &self,
        organization: &OrganizationId,
        name: &ApplicationRef,
    ) -> Option<Arc<ApplicationSnapshot>> {
        let index = self.read();
        let id = match name {
            ApplicationRef::Id(id) => id,
            ApplicationRef::Uid(uid) => index.uids.get(&(organization.clone(), uid.clone()))?,
        };
        let application = index.applications.get(id)?;
        (application.organization == *organization).then(|| Arc::clone(application))
    }

    /// An endpoint, unless it is unknown or deleted.
    #[must_use]
    pub fn endpoint(
        &self,
        application: &ApplicationId,
        endpoint: &EndpointId,
    ) -> Option<Arc<EndpointSnapshot>> {
        self.read()
            .endpoints
            .get(application)?
            .get(endpoint)
            .cloned()
    }

    /// When somebody wanted the waiting deliveries of an endpoint at once, the last time.
    #[must_use]
    pub fn released_at(&self, endpoint: &EndpointId) -> Option<Timestamp> {
        self.special(endpoint)?.released_at
    }

    /// Whether an endpoint gets its deliveries in order.
    #[must_use]
    pub fn is_fifo(&self, endpoint: &EndpointId) -> bool {
        self.special(endpoint).is_some_and(|special| special.fifo)
    }

    /// The application that an endpoint belongs to and its rate, if it has one.
    #[must_use]
    pub fn throttled(&self, endpoint: &EndpointId) -> Option<(ApplicationId, u16)> {
        let index = self.read();
        // Most deployments have none, and this is asked for each start of a delivery.
        if index.throttled.is_empty() {
            return None;
        }
        let application = index.throttled.get(endpoint)?;
        Some((application.id.clone(), application.throttle_rate?))
    }

    fn special(&self, endpoint: &EndpointId) -> Option<Arc<EndpointSnapshot>> {
        self.read().special.get(endpoint).cloned()
    }

    /// Visits each endpoint of an application that is not deleted, in no order.
    pub fn for_each_endpoint(
        &self,
        application: &ApplicationId,
        mut visit: impl FnMut(&Arc<EndpointSnapshot>),
    ) {
        if let Some(endpoints) = self.read().endpoints.get(application) {
            endpoints.values().for_each(&mut visit);
        }
    }

    /// An event type's own waits between attempts, in milliseconds.
    #[must_use]
    pub fn retry_waits(
        &self,
        organization: &OrganizationId,
        event_type: &EventType,
    ) -> Option<Vec<u64>> {
        let index = self.read();
        // Most deployments have none, and then nothing is copied for the look-up.
        if index.event_types.is_empty() {
            return None;
        }
        let key = (organization.clone(), event_type.clone());
        index.event_types.get(&key)?.retry_waits_ms.clone()
    }

    /// How long after its acceptance an event of this type is of interest; `None` = for ever.
    #[must_use]
    pub fn time_to_live(
        &self,
        organization: &OrganizationId,
        event_type: &EventType,
    ) -> Option<Duration> {
        let index = self.read();
        if index.event_types.is_empty() {
            return None;
        }
        let key = (organization.clone(), event_type.clone());
        let seconds = index.event_types.get(&key)?.time_to_live?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// The newest revision of the bucket that the index contains: what was decided by this snapshot
    /// was decided with no older configuration.
    #[must_use]
    pub fn revision(&self) -> u64 {
        *self.seen.borrow()
    }

    /// Waits until the index contains everything that the bucket held when this was called.
    ///
    /// For a caller who knows that an object was just created elsewhere.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer or the index does not catch up within
    /// `patience`.
    pub async fn catch_up(&self, patience: Duration) -> Result<(), BusError> {
        let asked = tokio::time::timeout(patience, async {
            let info = self.store.stream.get_info().await;
            let newest = info
                .map_err(BusError::request("read the bucket config"))?
                .state;
            let newest = if newest.messages == 0 {
                0
            } else {
                newest.last_sequence
            };
            let mut seen = self.seen.clone();
            let caught_up = seen.wait_for(|&seen| seen >= newest).await.map(drop);
            caught_up.map_err(BusError::request("follow the bucket config"))
        });
        asked
            .await
            .map_err(BusError::request("follow the bucket config"))?
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task behind a [`Snapshot`].
struct Follower {
    index: Arc<RwLock<Index>>,
    store: Arc<Store>,
    seen: watch::Sender<u64>,
}

impl Follower {
    /// Watches for ever, making the watch anew when it breaks; entries read twice change nothing.
    async fn follow(&self) {
        loop {
            match self.store.watch_with_history(">").await {
                Ok(mut entries) => {
                    while let Some(Ok(entry)) = entries.next().await {
                        self.apply(&entry);
                    }
                }
                Err(error) => tracing::warn!(error = %error, "cannot watch the configuration"),
            }
            tokio::time::sleep(REWATCH_PAUSE).await;
        }
    }

    fn apply(&self, entry: &Entry) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        match entry.operation {
            Operation::Put => {
                if let Err(error) = index.apply(&entry.key, &entry.value) {
                    tracing::error!(key = entry.key, error = %error, "configuration entry is unreadable");
                }
            }
            Operation::Delete | Operation::Purge => index.remove(&entry.key),
        }
        drop(index);
        self.seen.send_if_modified(|seen| {
            let newer = entry.revision > *seen;
            *seen = entry.revision.max(*seen);
            newer
        });
    }
}
