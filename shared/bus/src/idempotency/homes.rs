//! Which bucket a key is in.
//!
//! With `sync_interval: always` nats-server syncs the claims of a bucket one after the other, 0.33 ms each. Those
//! of several are synced side by side.
//!
//! Builds before this one had only the first bucket. What they claimed is found there for as long as it counts.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::kv::Store;
use futures::future::try_join_all;
use posthorn_event_schema::{Shard, Timestamp};

use crate::topology::Bucket;
use crate::{Bus, BusError};

/// Buckets of one installation are mostly made within so long of each other. If not, keys are looked up in two
/// places for as long as they are remembered, which costs a round trip.
const TOGETHER: Duration = Duration::from_secs(2);

/// All buckets with keys, by shard. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Homes(Arc<[Home]>);

#[derive(Debug)]
struct Home {
    bucket: Arc<Store>,
    /// Until then, claims of builds that had only the first bucket may be in that one.
    moved_until: Option<Timestamp>,
}

impl Homes {
    /// Opens the buckets.
    ///
    /// # Errors
    /// [`BusError::Setup`] when one does not exist or cannot be reached.
    pub(super) async fn open(bus: &Bus) -> Result<Self, BusError> {
        let buckets = Shard::ALL.map(|shard| async move {
            let name = Bucket::Idempotency(shard).name();
            let bucket = bus.jetstream.get_key_value(name).await;
            bucket.map_err(|error| BusError::setup(format!("bucket {name}"))(error.into()))
        });
        let buckets = try_join_all(buckets).await?;
        let made = |bucket: &Store| Timestamp::from(bucket.stream.cached_info().created);
        let first_made = made(&buckets[0]);
        let window = bus.config.idempotency_window;
        let home = |bucket: Store| Home {
            moved_until: moved_until(first_made, made(&bucket), window),
            bucket: Arc::new(bucket),
        };
        Ok(Self(buckets.into_iter().map(home).collect()))
    }

    /// Where a key is claimed.
    pub(super) fn of(&self, key: &str) -> &Arc<Store> {
        &self.home(key).bucket
    }

    /// The bucket with the pages of all.
    pub(super) fn first(&self) -> &Arc<Store> {
        &self.0[0].bucket
    }

    /// Where an earlier build may have claimed a key.
    pub(super) fn earlier_of(&self, key: &str, now: Timestamp) -> Option<&Arc<Store>> {
        let until = self.home(key).moved_until?;
        (now < until).then(|| self.first())
    }

    fn home(&self, key: &str) -> &Home {
        &self.0[Shard::of_digest(key).index()]
    }
}

/// Until when the first bucket may have claims of a shard whose own bucket was made later; `None` if it never
/// had any. Pure.
fn moved_until(first_made: Timestamp, made: Timestamp, window: Duration) -> Option<Timestamp> {
    (made > first_made.plus(TOGETHER)).then(|| made.plus(window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_buckets_that_were_made_later_have_claims_in_the_first() {
        let at = |seconds: i64| Timestamp::from_unix_micros(seconds * 1_000_000);
        let window = Duration::from_secs(100);
        assert_eq!(moved_until(at(1_000), at(1_000), window), None);
        assert_eq!(moved_until(at(1_000), at(1_002), window), None);
        assert_eq!(moved_until(at(1_000), at(1_003), window), Some(at(1_103)));
    }
}
