//! The jobs that ended last: they may come again.
//!
//! An ack is sent without waiting for an answer. One that was on its way when the connection broke, or
//! that came before a restarted nats-server knew its consumer again, is lost, and the job is handed out
//! once more; shown by `a_job_whose_ack_was_lost_is_not_attempted_again`. And an event that shared its
//! message with others may be stored twice, if ingest died before it acked INBOX or marked a key, or if NATS was
//! away while it published: JetStream does not recognise these, and their jobs come twice. So do jobs that had shared
//! a message with those of other events, if fanout died before it acked theirs, or heard nothing of their message.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use posthorn_bus::events::REPEATED_WITHIN;
use tokio::time::Instant;

/// How long a job is remembered: what is handed out again comes after
/// [`ACK_WAIT`](posthorn_bus::topology::ACK_WAIT), and an event that is stored again within this.
const MEMORY: Duration = REPEATED_WITHIN;
/// Jobs of a partition that are remembered at most, in some 5 MiB: beyond 1,667 a second and partition,
/// what comes again late may repeat a request.
const MOST: usize = 100_000;

/// The message ids of the jobs that ended last, as digests that differ from process to process: two ids
/// share one with a chance of 1 in 2^128. Pure.
#[derive(Default)]
pub(super) struct LastEnded {
    keys: [RandomState; 2],
    digests: HashSet<u128>,
    /// With the moment at which each is forgotten, the oldest first.
    order: VecDeque<(Instant, u128)>,
}

impl LastEnded {
    /// Remembers a job, and forgets those that ended too long ago.
    pub(super) fn remember(&mut self, dedup_id: &str, now: Instant) {
        self.forget(now);
        let digest = self.digest(dedup_id);
        if self.digests.insert(digest) {
            self.order.push_back((now + MEMORY, digest));
        }
    }

    pub(super) fn contains(&self, dedup_id: &str) -> bool {
        self.digests.contains(&self.digest(dedup_id))
    }

    /// Forgets what ended too long ago.
    pub(super) fn forget(&mut self, now: Instant) {
        while let Some((until, digest)) = self.order.front()
            && (*until <= now || self.order.len() >= MOST)
        {
            self.digests.remove(digest);
            self.order.pop_front();
        }
        if self.order.is_empty() {
            // An idle partition holds nothing.
            self.order.shrink_to_fit();
            self.digests.shrink_to_fit();
        }
    }

    fn digest(&self, dedup_id: &str) -> u128 {
        let [high, low] = self.keys.each_ref().map(|key| key.hash_one(dedup_id));
        u128::from(high) << 64 | u128::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered_and_no_more() {
        let (mut ended, now) = (LastEnded::default(), Instant::now());
        for number in 0..=MOST {
            ended.remember(&number.to_string(), now);
            ended.remember(&number.to_string(), now);
        }
        assert!(!ended.contains("0"));
        assert!(ended.contains("2"));
        assert!(ended.contains(&MOST.to_string()));
        assert!(ended.digests.len() <= MOST && ended.digests.len() == ended.order.len());
    }

    #[test]
    fn what_ended_long_ago_is_forgotten_and_holds_no_memory() {
        let (mut ended, now) = (LastEnded::default(), Instant::now());
        ended.remember("early", now);
        ended.remember("late", now + MEMORY / 2);
        ended.forget(now + MEMORY);
        assert!(!ended.contains("early") && ended.contains("late"));
        ended.forget(now + MEMORY * 2);
        assert!(!ended.contains("late"));
        assert_eq!((ended.digests.capacity(), ended.order.capacity()), (0, 0));
    }
}
