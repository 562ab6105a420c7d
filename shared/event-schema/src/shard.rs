//! Shards: the streams that JOBS is made of, and the buckets with idempotency keys.

use std::fmt;

use crate::Partition;

/// One of the streams that JOBS is made of, which has the jobs of its share of all partitions; or one of the
/// buckets with idempotency keys.
///
/// *Why*: with each ack nats-server looks at all consumers of a stream, and whoever reads one passes over
/// what others have yet to ack. With `sync_interval: always` it syncs the messages of a stream one after the
/// other, and those of several side by side. In a cluster each stream has a leader of its own, so that these
/// share the work. See "What a delivery costs" in `ARCHITECTURE.md` for what it brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(u8);

impl Shard {
    /// All shards. Sixteen consumers to a stream cost little; more streams would each be another Raft group in
    /// a cluster, and another file to be synced. Changing their number needs an empty JOBS.
    pub const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// The shard of a partition: every fourth one is in the same.
    #[must_use]
    pub fn of(partition: Partition) -> Self {
        Self::ALL[usize::from(partition.number()) % Self::ALL.len()]
    }

    /// The shard of an idempotency key, which is a digest in hexadecimal.
    #[must_use]
    pub fn of_digest(key: &str) -> Self {
        let last = key.chars().next_back().and_then(|digit| digit.to_digit(16));
        Self::ALL[last.unwrap_or_default() as usize % Self::ALL.len()]
    }

    /// Its place in [`Shard::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_by_their_last_digit() {
        let shards = (0..16).map(|digit| Shard::of_digest(&format!("ab{digit:x}")).index());
        let shards: Vec<_> = shards.collect();
        assert_eq!(shards, [0, 1, 2, 3].repeat(4));
        assert_eq!(Shard::of_digest("").index(), 0);
    }

    #[test]
    fn all_shards_have_the_same_number_of_partitions() {
        for shard in Shard::ALL {
            let own = Partition::all().filter(|partition| Shard::of(*partition) == shard);
            let share = usize::from(Partition::COUNT) / Shard::ALL.len();
            assert_eq!(own.count(), share, "{shard}");
            assert_eq!(Shard::ALL[shard.index()], shard);
        }
    }
}
