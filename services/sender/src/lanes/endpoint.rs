//! What goes on at one endpoint. Pure.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use posthorn_event_schema::subject::{Lane, Rank};
use posthorn_event_schema::{OrderingLine, Timestamp};

use super::blocked::Lacks;
use super::health::Health;
use super::throttle::Throttle;

#[derive(Debug)]
pub(super) struct Endpoint<J> {
    pub(super) in_flight: usize,
    /// Of these, those that were attempted before.
    pub(super) retrying: usize,
    pub(super) queue: VecDeque<J>,
    pub(super) parking: usize,
    pub(super) lanes: BTreeMap<Lane, LaneState>,
    /// The receiver, or a failure of ours, asks for a pause until then.
    pub(super) hold_until: Timestamp,
    pub(super) health: Health,
    pub(super) throttle: Throttle,
    /// Everything that waited then is due.
    released_at: Timestamp,
    /// It stands in the queue for a turn.
    pub(super) is_ready: bool,
    /// Its application's rate let nothing of it start when it was asked the last time.
    pub(super) lacks_slot: bool,
    /// For which lanes it waits for room.
    pub(super) lacks: Lacks,
    /// When its next timer fires, if that is still to come.
    pub(super) alarm: Timestamp,
}

/// What an endpoint may start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The first job that waits in memory.
    Job,
    /// The head of this lane.
    Head(Lane),
}

impl<J> Default for Endpoint<J> {
    fn default() -> Self {
        Self {
            in_flight: 0,
            retrying: 0,
            queue: VecDeque::new(),
            parking: 0,
            lanes: BTreeMap::new(),
            hold_until: Timestamp::default(),
            health: Health::default(),
            throttle: Throttle::default(),
            released_at: Timestamp::default(),
            is_ready: false,
            lacks_slot: false,
            lacks: Lacks::default(),
            alarm: Timestamp::default(),
        }
    }
}

impl<J> Endpoint<J> {
    /// Until when nothing of it goes out: held back, or its breaker is open.
    pub(super) fn held_until(&self) -> Timestamp {
        self.hold_until.max(self.health.open_until())
    }

    /// Whether a job that comes now is to be parked behind `queue_limit` others in memory.
    pub(super) fn parks_newcomers(&self, queue_limit: usize, now: Timestamp) -> bool {
        let parked = self
            .lanes
            .get(&Lane::Next)
            .is_some_and(|lane| lane.stored > 0);
        let throttled = self.throttle.opens_at() > now || self.lacks_slot;
        let throttled = throttled && !self.queue.is_empty();
        let held = self.held_until() > now;
        held || throttled || parked || self.parking > 0 || self.queue.len() >= queue_limit
    }

    /// What may start now, as far as a cap of requests in flight allows. In order, that is one at a
    /// time, and what failed is attempted again before anything that came later. `has_room` is asked
    /// before a lane is chosen; the lane for which it says yes is chosen.
    pub(super) fn next(
        &self,
        (cap, fifo): (usize, bool),
        now: Timestamp,
        mut has_room: impl FnMut(Rank) -> bool,
    ) -> Option<Next> {
        let allowed = self.health.allowed(if fifo { 1 } else { cap });
        if self.in_flight >= allowed || self.held_until() > now || self.throttle.opens_at() > now {
            return None;
        }
        let due = |rank| self.due_lane(now, rank).map(|lane| (rank, lane));
        let mut head = |due: Option<(Rank, Lane)>| {
            let (_, lane) = due.filter(|(rank, _)| has_room(*rank))?;
            Some(Next::Head(lane))
        };
        if fifo && self.has_retries() {
            return head(due(Rank::Retry));
        }
        let parked = due(Rank::First);
        let has_first = !self.queue.is_empty() || parked.is_some();
        // Retries get a quarter of the slots while first attempts wait, and all of them otherwise.
        let retry_fits = !has_first || self.retrying < (allowed / 4).max(1);
        let retry = if retry_fits { due(Rank::Retry) } else { None };
        if let Some(retry) = head(retry) {
            return Some(retry);
        }
        // What waits in memory came before what is parked, and replays go behind everything.
        if !self.queue.is_empty() {
            return Some(Next::Job);
        }
        head(parked).or_else(|| head(due(Rank::Replay)))
    }

    fn has_retries(&self) -> bool {
        let mut lanes = self.lanes.iter();
        lanes.any(|(lane, state)| lane.rank() == Rank::Retry && !state.is_idle())
    }

    /// The lane whose head is due for longest: while little gets through, no lane starves another.
    fn due_lane(&self, now: Timestamp, rank: Rank) -> Option<Lane> {
        let held = self.held_lines(rank);
        let lanes = self.lanes.iter();
        lanes
            .filter(|(lane, _)| lane.rank() == rank && !is_held(&held, **lane))
            .filter(|(_, state)| state.is_due(now))
            .min_by_key(|(_, state)| state.due)
            .map(|(lane, _)| *lane)
    }

    /// The lines whose next delivery may not start: one is in flight, or waits for its next attempt.
    fn held_lines(&self, rank: Rank) -> HashSet<OrderingLine> {
        let holds = |(lane, state): (&Lane, &LaneState)| {
            let waits = lane.rank() == Rank::Retry && !state.is_idle();
            lane.line().filter(|_| waits || state.is_busy())
        };
        if rank == Rank::First {
            self.lanes.iter().filter_map(holds).collect()
        } else {
            HashSet::new()
        }
    }

    /// Whatever waits is wanted now; the answer to a wish of `at`, given once.
    pub(super) fn release(&mut self, at: Timestamp, now: Timestamp) {
        if self.released_at >= at {
            return;
        }
        self.released_at = at;
        self.hold_until = Timestamp::default();
        self.health.ask_for_probe(Duration::ZERO, now);
        self.lanes.values_mut().for_each(LaneState::release);
    }

    /// A slot and a share of the rate are taken.
    pub(super) fn start(&mut self, lane: Option<Lane>, now: Timestamp) {
        self.in_flight += 1;
        self.retrying += usize::from(is_retry(lane));
        self.throttle.take(now);
    }

    /// The slot is free again.
    pub(super) fn free_slot(&mut self, lane: Option<Lane>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let retries = usize::from(is_retry(lane));
        self.retrying = self.retrying.saturating_sub(retries);
    }

    /// A lane of which nothing is left is forgotten.
    pub(super) fn tidy_lane(&mut self, lane: Lane) {
        if self.lanes.get(&lane).is_some_and(LaneState::is_idle) {
            self.lanes.remove(&lane);
        }
    }

    pub(super) fn has_work(&self) -> bool {
        let lanes = &mut self.lanes.values();
        self.in_flight > 0
            || self.parking > 0
            || !self.queue.is_empty()
            || !lanes.all(LaneState::is_idle)
    }

    /// Until when it has to be remembered though nothing goes on.
    pub(super) fn remembered_until(&self) -> Timestamp {
        let known = self.health.remembered_until();
        let known = known.max(self.throttle.remembered_until());
        known.max(self.hold_until)
    }

    /// When it may go on, if something waits that time alone holds back.
    pub(super) fn next_alarm(&self, fifo: bool, now: Timestamp) -> Option<Timestamp> {
        let retries_only = fifo && self.has_retries();
        let held = self.held_lines(Rank::First);
        let heads = self.lanes.iter();
        let heads = heads.filter(|(lane, _)| lane.rank() == Rank::Retry || !is_held(&held, **lane));
        let heads = heads.filter(|(lane, state)| {
            state.stored > 0 && (lane.rank() == Rank::Retry || !retries_only)
        });
        let first = heads.map(|(_, state)| state.due).min();
        let first = if self.queue.is_empty() || retries_only {
            first?
        } else {
            Timestamp::default()
        };
        let opens = self.held_until().max(self.throttle.opens_at());
        Some(first.max(opens)).filter(|at| *at > now)
    }
}

fn is_held(held: &HashSet<OrderingLine>, lane: Lane) -> bool {
    lane.line().is_some_and(|line| held.contains(&line))
}

fn is_retry(lane: Option<Lane>) -> bool {
    lane.is_some_and(|lane| lane.rank() == Rank::Retry)
}

/// What is known of a lane on disk.
#[derive(Debug, Default)]
pub(super) struct LaneState {
    /// Deliveries that wait.
    pub(super) stored: u64,
    /// Where the next one is looked for.
    from: u64,
    /// When the next one is due, or a moment before that.
    pub(super) due: Timestamp,
    pub(super) reading: bool,
    /// It was released while its head was read: what that tells of its time is not true any more.
    released: bool,
    /// Deliveries in flight: they are in the stream until they end, and `from` keeps them from being
    /// read again.
    visiting: usize,
    /// The first of those that were not attempted for a reason of ours, and are still stored.
    kept: Option<u64>,
}

impl LaneState {
    fn is_idle(&self) -> bool {
        self.stored == 0 && !self.reading && self.visiting == 0
    }

    /// Whether anything of it is in flight, or may be in a moment.
    fn is_busy(&self) -> bool {
        self.reading || self.visiting > 0
    }

    /// Whether its head may be read. What was kept is read again once nothing of the lane is in
    /// flight: going back earlier would find what is being attempted.
    fn is_due(&self, now: Timestamp) -> bool {
        let can_go_back = self.kept.is_none() || self.visiting == 0;
        self.stored > 0 && !self.reading && self.due <= now && can_go_back
    }

    pub(super) fn start_reading(&mut self) -> u64 {
        self.reading = true;
        self.released = false;
        self.from = self.kept.take().unwrap_or(self.from);
        self.from
    }

    /// Its head was found there, and runs now.
    ///
    /// Whatever stands behind it is due no earlier; unless it was released, and they with it.
    pub(super) fn runs(&mut self, sequence: u64, due: Timestamp, now: Timestamp) {
        self.reading = false;
        self.stored = self.stored.saturating_sub(1);
        self.visiting += 1;
        self.from = sequence + 1;
        self.due = Some(due).filter(|due| *due <= now).unwrap_or_default();
    }

    /// Its head was found there, and is due later.
    pub(super) fn waits(&mut self, sequence: u64, due: Timestamp) {
        self.reading = false;
        self.from = sequence;
        self.due = if std::mem::take(&mut self.released) {
            Timestamp::default()
        } else {
            due
        };
    }

    /// Its head is to be read again: it may be due earlier than it was.
    fn release(&mut self) {
        self.due = Timestamp::default();
        self.released = self.reading;
    }

    /// There is nothing.
    pub(super) fn found_nothing(&mut self) {
        self.reading = false;
        self.stored = 0;
    }

    /// NATS did not answer.
    pub(super) fn was_not_read(&mut self, again: Timestamp) {
        self.reading = false;
        self.due = again;
    }

    /// A delivery in flight ended.
    pub(super) fn ended(&mut self) {
        self.visiting = self.visiting.saturating_sub(1);
    }

    /// It was not attempted, and must be read again.
    pub(super) fn keep(&mut self, sequence: u64) {
        self.stored += 1;
        self.kept = Some(self.kept.map_or(sequence, |kept| kept.min(sequence)));
    }

    /// Deliveries in flight, which the stream still counts.
    pub(super) fn in_stream_only(&self, count: u64) -> u64 {
        count.saturating_sub(u64::try_from(self.visiting).unwrap_or(u64::MAX))
    }
}
