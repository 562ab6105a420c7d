//! What a partition does with jobs that came.

use std::sync::Arc;
use std::time::Duration;

use posthorn_event_schema::subject::Lane;
use posthorn_event_schema::{Shard, Trigger};

use super::{Owner, now};
use crate::lanes::Offer;
use crate::parking;
use crate::report::{Came, Taken};

impl Owner {
    /// A message came. Its jobs are all of one endpoint, and what keeps an order is moved as it stands in
    /// the stream.
    pub(super) fn came(&mut self, came: Came) {
        let Some((_, first)) = came.jobs.first() else {
            return;
        };
        if self.tenure.is_over() {
            return;
        }
        if !first.meta.bulk {
            self.shared.pace.fresh_came();
        }
        let (endpoint, key) = (first.meta.endpoint.clone(), first.meta.line);
        if let Some(line) = self.line(&endpoint, key) {
            if self.ordered.came(&line, came.message.into_receipt()) {
                self.move_jobs(&line, Duration::ZERO);
            }
            return;
        }
        let last_ack = &self.shared.last_acks[Shard::of(self.partition).index()];
        for taken in came.divide(last_ack) {
            self.offer(taken);
        }
    }

    fn offer(&mut self, mut taken: Box<Taken>) {
        let endpoint = taken.job.meta.endpoint.clone();
        let dedup_id = taken.job.meta.dedup_id();
        if self.last_ended.contains(&dedup_id) {
            return self.ack_again(taken);
        }
        if !self.in_hand.insert(dedup_id) {
            // The ack of our first copy covers it. If it came in another message, that comes again, when
            // this has ended.
            return;
        }
        if taken.job.meta.bulk {
            return self.park(taken, Lane::Replay);
        }
        taken.room = self.shared.memory.room_to_wait();
        let room = taken.room.is_some();
        if room {
            taken.hand = None;
        }
        let meta = &taken.job.meta;
        let rate = self.shared.attempts.rate(&meta.application, &endpoint);
        self.lanes.set_rate(&endpoint, rate);
        if meta.trigger == Trigger::Manual {
            self.lanes.ask_for_probe(&endpoint, now());
        }
        if let Offer::Park(taken) = self.lanes.offer(&endpoint, taken, room, now()) {
            self.park(taken, Lane::Next);
        }
    }

    /// Acks a job that ended already.
    fn ack_again(&mut self, taken: Box<Taken>) {
        let bus = self.shared.bus.clone();
        self.shared.shutdown.spawn("ack again", async move {
            if let Some(rest) = taken.share.ack().await {
                rest.store(&bus).await;
            }
        });
    }

    pub(super) fn park(&mut self, taken: Box<Taken>, lane: Lane) {
        self.running += 1;
        let parking = parking::park(Arc::clone(&self.shared), taken, lane, self.report.clone());
        self.shared.shutdown.spawn("park", parking);
    }
}
