//! Who of a partition's endpoints may start what now. Pure: the partition's task tells what
//! happened, and asks what to do.
//!
//! Per endpoint there are at most `cap` requests in flight. A job for a free endpoint starts at
//! once; a few more wait in memory; any further one is parked on disk, at the end of the
//! endpoint's `next` lane. While something is parked, newer jobs join the end of that lane, so
//! order is kept. Deliveries waiting for a retry stand in a lane per attempt number. Lanes are
//! read head by head: nothing of them is in memory but a count, a place and a time.
//!
//! A start needs a place of the process, of which there are three pools. Nothing leaves here before
//! its place is there, and for each pool the endpoints with work take turns, one start each: so a
//! busy one cannot hold up the others, not even where places are scarce.

mod endpoint;
mod health;
mod step;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{EndpointId, Timestamp};

pub use health::Lesson;
pub use step::{Head, Limits, Offer, Origin, Pool, Start};

use endpoint::Endpoint;

/// The state of all endpoints of a partition that have anything going on.
#[derive(Debug)]
pub struct Lanes<J> {
    limits: Limits,
    endpoints: HashMap<EndpointId, Endpoint<J>>,
    /// Whose turn it is, per pool.
    ready: [VecDeque<EndpointId>; Pool::COUNT],
    timers: BinaryHeap<Reverse<(Timestamp, EndpointId)>>,
    queued: usize,
}

impl<J> Lanes<J> {
    /// Nothing is going on.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            endpoints: HashMap::new(),
            ready: Default::default(),
            timers: BinaryHeap::new(),
            queued: 0,
        }
    }

    /// Jobs that wait in memory.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// The jobs that wait in memory, for those who must be told that we still have them.
    pub fn queued_jobs(&self) -> impl Iterator<Item = &J> {
        self.endpoints
            .values()
            .flat_map(|endpoint| endpoint.queue.iter())
    }

    /// Takes all jobs that wait in memory, to give them back.
    pub fn drain_queues(&mut self) -> Vec<J> {
        self.queued = 0;
        self.endpoints
            .values_mut()
            .flat_map(|endpoint| endpoint.queue.drain(..))
            .collect()
    }

    /// A job came. `room` tells whether the process has room for one more in memory.
    pub fn offer(&mut self, id: &EndpointId, job: J, room: bool, now: Timestamp) -> Offer<J> {
        let limits = self.limits;
        let endpoint = self.endpoints.entry(id.clone()).or_default();
        let allowed = endpoint.health.allowed(limits.endpoint_in_flight);
        let starts_at_once = endpoint.in_flight < allowed && endpoint.queue.is_empty();
        let queue_limit = if room || starts_at_once {
            limits.endpoint_queue.max(1)
        } else {
            0
        };
        if endpoint.parks_newcomers(queue_limit, now) {
            endpoint.parking += 1;
            return Offer::Park(job);
        }
        endpoint.queue.push_back(job);
        self.queued += 1;
        self.wake(id);
        Offer::Taken
    }

    /// Parking a job ended; `stored` tells whether the lane has one delivery more.
    pub fn parked(&mut self, id: &EndpointId, stored: bool, now: Timestamp) {
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.parking = endpoint.parking.saturating_sub(1);
        }
        if stored {
            self.placed(id, Lane::Next, 1, Timestamp::default());
        }
        self.tidy(id, now);
    }

    /// Deliveries were put at the end of a lane, or found there; the first of them is due at `due`.
    pub fn placed(&mut self, id: &EndpointId, lane: Lane, count: u64, due: Timestamp) {
        let endpoint = self.endpoints.entry(id.clone()).or_default();
        let state = endpoint.lanes.entry(lane).or_default();
        // What is new does not wait for doubts about what is older.
        if state.stored == 0 || state.is_doubted() {
            state.due = due;
            self.timers.push(Reverse((due, id.clone())));
        }
        state.stored += count;
    }

    /// The stream was seen to hold `count` deliveries of a lane, those in flight included. Only a
    /// lane that is empty as far as we know learns from that: the others know more recent things.
    /// What ended meanwhile may lead to a read that finds nothing, and never to a repeated one.
    pub fn seen(&mut self, id: &EndpointId, lane: Lane, count: u64) {
        let known = self
            .endpoints
            .get(id)
            .and_then(|endpoint| endpoint.lanes.get(&lane));
        let visiting = known.map_or(0, |state| state.visiting);
        let waiting = count.saturating_sub(u64::try_from(visiting).unwrap_or(u64::MAX));
        if waiting > 0 && known.is_none_or(|state| state.stored == 0 && !state.reading) {
            self.placed(id, lane, waiting, Timestamp::default());
        }
    }

    /// A started delivery ended. `hold_until` holds back all of the endpoint's deliveries.
    pub fn finished(
        &mut self,
        id: &EndpointId,
        origin: Origin,
        lesson: Lesson,
        hold_until: Option<Timestamp>,
        now: Timestamp,
    ) {
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            if let Origin::Lane { lane, .. } = origin
                && let Some(state) = endpoint.lanes.get_mut(&lane)
            {
                state.visiting = state.visiting.saturating_sub(1);
            }
            endpoint.free_slot(origin.lane());
            let cap = self.limits.endpoint_in_flight;
            endpoint.health.learn(lesson, cap);
        }
        self.hold(id, hold_until);
        self.wake(id);
        self.tidy(id, now);
    }

    /// A started delivery could not be attempted, for a reason of ours, and is still stored. All
    /// of the endpoint's deliveries are held back until then; those from lanes are read again.
    pub fn kept(&mut self, id: &EndpointId, origin: Origin, until: Timestamp, now: Timestamp) {
        if let Origin::Lane { lane, sequence } = origin {
            let endpoint = self.endpoints.get_mut(id);
            if let Some(state) = endpoint.and_then(|endpoint| endpoint.lanes.get_mut(&lane)) {
                state.keep(sequence);
            }
        }
        // As after a time-out, so that the next try is one delivery and not all of them.
        self.finished(id, origin, Lesson::TimedOut, Some(until), now);
    }

    /// Takes the jobs of an endpoint that is held back out of memory, to park them.
    pub fn held_jobs(&mut self, id: &EndpointId, now: Timestamp) -> Vec<J> {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return Vec::new();
        };
        if endpoint.hold_until <= now {
            return Vec::new();
        }
        let jobs: Vec<J> = endpoint.queue.drain(..).collect();
        endpoint.parking += jobs.len();
        self.queued -= jobs.len();
        jobs
    }

    fn hold(&mut self, id: &EndpointId, until: Option<Timestamp>) {
        if let Some(endpoint) = self.endpoints.get_mut(id)
            && let Some(until) = until.filter(|until| *until > endpoint.hold_until)
        {
            endpoint.hold_until = until;
            self.timers.push(Reverse((until, id.clone())));
        }
    }

    /// Reading a lane's head ended. Only after [`Head::Due`] the delivery is still in flight.
    pub fn head_read(&mut self, id: &EndpointId, lane: Lane, head: Head, now: Timestamp) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let Some(state) = endpoint.lanes.get_mut(&lane) else {
            return;
        };
        state.reading = false;
        match head {
            Head::Due { sequence } => {
                state.stored = state.stored.saturating_sub(1);
                state.visiting += 1;
                state.found(sequence + 1, Timestamp::default());
                return self.wake(id);
            }
            Head::NotYet { sequence, due } => state.found(sequence, due),
            Head::Empty => state.found_nothing(now),
            Head::Unknown { again } => state.due = again,
        }
        if state.stored > 0 {
            self.timers.push(Reverse((state.due, id.clone())));
        }
        endpoint.free_slot(Some(lane));
        self.wake(id);
        self.tidy(id, now);
    }

    /// Whether something waits for a place of this pool, and for nothing else.
    pub fn wants(&mut self, pool: Pool, now: Timestamp) -> bool {
        self.fire_timers(now);
        let cap = self.limits.endpoint_in_flight;
        while let Some(id) = self.ready[pool.index()].front() {
            let endpoint = self.endpoints.get(id);
            if endpoint.is_some_and(|endpoint| endpoint.can_start(pool, cap, now)) {
                return true;
            }
            self.pass_turn(pool, now);
        }
        false
    }

    /// The next thing that may start in a place of this pool; endpoints take turns.
    pub fn next_start(&mut self, pool: Pool, now: Timestamp) -> Option<Start<J>> {
        if !self.wants(pool, now) {
            return None;
        }
        let id = self.ready[pool.index()].pop_front()?;
        let endpoint = self.endpoints.get_mut(&id)?;
        endpoint.is_ready[pool.index()] = false;
        let lane = match pool {
            Pool::Fresh => None,
            Pool::Parked => Some(Lane::Next),
            Pool::Retry => Some(endpoint.due_retry(now)?),
        };
        endpoint.take_slot(lane);
        let start = match lane {
            None => {
                self.queued -= 1;
                Start::Job(endpoint.queue.pop_front()?)
            }
            Some(lane) => Start::Head {
                from: endpoint.lanes.get_mut(&lane)?.start_reading(),
                lane: WaitingSubject {
                    lane,
                    endpoint: id.clone(),
                },
            },
        };
        self.wake(&id);
        Some(start)
    }

    /// When to ask [`Lanes::next_start`] again if nothing happens before.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    fn pass_turn(&mut self, pool: Pool, now: Timestamp) {
        if let Some(id) = self.ready[pool.index()].pop_front() {
            if let Some(endpoint) = self.endpoints.get_mut(&id) {
                endpoint.is_ready[pool.index()] = false;
            }
            self.tidy(&id, now);
        }
    }

    fn fire_timers(&mut self, now: Timestamp) {
        while self
            .timers
            .peek()
            .is_some_and(|Reverse((due, _))| *due <= now)
        {
            if let Some(Reverse((_, id))) = self.timers.pop() {
                self.wake(&id);
            }
        }
    }

    /// Something of an endpoint may be able to start now: it gets a turn in each pool.
    fn wake(&mut self, id: &EndpointId) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        for (is_ready, ready) in endpoint.is_ready.iter_mut().zip(&mut self.ready) {
            if !*is_ready {
                *is_ready = true;
                ready.push_back(id.clone());
            }
        }
    }

    /// Forgets an endpoint that has nothing going on, so that memory follows activity.
    fn tidy(&mut self, id: &EndpointId, now: Timestamp) {
        if self
            .endpoints
            .get(id)
            .is_some_and(|endpoint| endpoint.is_idle(now))
        {
            self.endpoints.remove(id);
        }
    }
}

#[cfg(test)]
mod tests;
