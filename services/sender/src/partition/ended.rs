//! The jobs that ended last: their acks may have been lost.
//!
//! An ack is sent without waiting for an answer. One that was on its way when the connection broke, or
//! that came before a restarted nats-server knew its consumer again, is lost, and the job is handed out
//! once more; shown by `a_job_whose_ack_was_lost_is_not_attempted_again`.

use std::collections::{HashSet, VecDeque};

/// Jobs of a partition that are remembered, in some 100 KiB. A restarted server hands out again within
/// seconds, one that lives on after [`ACK_WAIT`](posthorn_bus::topology::ACK_WAIT): up to 68 deliveries a
/// second and partition are remembered as long as that; above it a lost ack may repeat a request.
const MOST: usize = 1024;

/// The message ids of the jobs that ended last. Pure.
#[derive(Default)]
pub(super) struct LastEnded {
    ids: HashSet<String>,
    /// The oldest first.
    order: VecDeque<String>,
}

impl LastEnded {
    /// Remembers a job, and forgets the one that ended longest ago if there are too many.
    pub(super) fn remember(&mut self, dedup_id: String) {
        if !self.ids.insert(dedup_id.clone()) {
            return;
        }
        self.order.push_back(dedup_id);
        if self.order.len() > MOST {
            let oldest = self.order.pop_front();
            oldest.and_then(|id| self.ids.take(&id));
        }
    }

    pub(super) fn contains(&self, dedup_id: &str) -> bool {
        self.ids.contains(dedup_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered_and_no_more() {
        let mut ended = LastEnded::default();
        for number in 0..=MOST {
            ended.remember(number.to_string());
            ended.remember(number.to_string());
        }
        assert!(!ended.contains("0"));
        assert!(ended.contains("1"));
        assert!(ended.contains(&MOST.to_string()));
        assert_eq!((ended.ids.len(), ended.order.len()), (MOST, MOST));
    }
}
