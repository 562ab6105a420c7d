//! Who of a partition's endpoints may start what now. Pure: the partition's task tells what
//! happened, and asks what to do.
//!
//! Per endpoint there are at most `cap` requests in flight. A job for a free endpoint starts at
//! once; a few more wait in memory; any further one is parked on disk, at the end of the
//! endpoint's `next` lane. While something is parked, newer jobs join the end of that lane, so
//! order is kept. Deliveries waiting for a retry stand in a lane per attempt number. Lanes are
//! read head by head: nothing of them is in memory but a count, a place and a time.
//!
//! Endpoints with work take turns, one start each, so a busy one cannot hold up the others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{EndpointId, Timestamp};

/// The bounds of one partition.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests in flight to one endpoint.
    pub endpoint_in_flight: usize,
    /// Jobs of one endpoint that wait in memory.
    pub endpoint_queue: usize,
}

/// What to do with a job that just came.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer<J> {
    /// It waits in memory, or starts with the next [`Lanes::next_start`].
    Taken,
    /// It must be parked on disk; tell [`Lanes::parked`] how that went.
    Park(J),
}

/// Something that may start now; it counts as in flight from here on.
#[derive(Debug, PartialEq, Eq)]
pub enum Start<J> {
    /// A job that waited in memory.
    Job(J),
    /// The head of a lane, to be read at or after a place in the stream.
    Head {
        /// Which lane.
        lane: WaitingSubject,
        /// From where on.
        from: u64,
    },
}

/// Where a started delivery came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From JOBS.
    Memory,
    /// From a lane of the waiting room.
    Lane(Lane),
}

/// What reading a lane's head found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// A delivery that is due: it runs now.
    Due {
        /// Its place in the stream.
        sequence: u64,
    },
    /// A delivery that is not due yet.
    NotYet {
        /// Its place in the stream.
        sequence: u64,
        /// When it is due.
        due: Timestamp,
    },
    /// The lane is empty.
    Empty,
    /// NATS did not answer; try again then.
    Unknown {
        /// When to try again.
        again: Timestamp,
    },
}

/// The state of all endpoints of a partition that have anything going on.
#[derive(Debug)]
pub struct Lanes<J> {
    limits: Limits,
    endpoints: HashMap<EndpointId, Endpoint<J>>,
    ready: VecDeque<EndpointId>,
    timers: BinaryHeap<Reverse<(Timestamp, EndpointId)>>,
    queued: usize,
}

#[derive(Debug)]
struct Endpoint<J> {
    in_flight: usize,
    retrying: usize,
    queue: VecDeque<J>,
    parking: usize,
    lanes: BTreeMap<Lane, LaneState>,
    hold_until: Timestamp,
    is_ready: bool,
}

#[derive(Debug, Default)]
struct LaneState {
    stored: u64,
    from: u64,
    due: Timestamp,
    reading: bool,
    /// Deliveries of the lane that have started: they are in the stream until they end, and `from`
    /// keeps them from being read again.
    started: usize,
}

impl LaneState {
    fn is_idle(&self) -> bool {
        self.stored == 0 && self.started == 0
    }
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
            is_ready: false,
        }
    }
}

impl<J> Endpoint<J> {
    fn parks_newcomers(&self, queue_limit: usize) -> bool {
        let parked = self
            .lanes
            .get(&Lane::Next)
            .is_some_and(|lane| lane.stored > 0);
        parked || self.parking > 0 || self.queue.len() >= queue_limit
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        self.in_flight == 0
            && self.queue.is_empty()
            && self.parking == 0
            && self.hold_until <= now
            && self.lanes.values().all(LaneState::is_idle)
    }

    fn due_lane(&self, now: Timestamp, retries: bool) -> Option<Lane> {
        let fits = |lane: &Lane| lane.is_retry() == retries;
        let due = |state: &LaneState| state.stored > 0 && !state.reading && state.due <= now;
        self.lanes
            .iter()
            .find(|(lane, state)| fits(lane) && due(state))
            .map(|(lane, _)| *lane)
    }

    /// A delivery of a lane ended; a lane of which nothing is left is forgotten.
    fn leave(&mut self, origin: Origin) {
        let Origin::Lane(lane) = origin else { return };
        if let Some(state) = self.lanes.get_mut(&lane) {
            state.started = state.started.saturating_sub(1);
            if state.is_idle() {
                self.lanes.remove(&lane);
            }
        }
    }

    /// Retries get a quarter of the slots while first attempts wait, and all of them otherwise.
    fn retry_first(&self, cap: usize, has_fresh: bool) -> bool {
        !has_fresh || self.retrying < (cap / 4).max(1)
    }
}

impl<J> Lanes<J> {
    /// Nothing is going on.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            endpoints: HashMap::new(),
            ready: VecDeque::new(),
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
    pub fn offer(&mut self, id: &EndpointId, job: J, room: bool) -> Offer<J> {
        let limits = self.limits;
        let endpoint = self.endpoints.entry(id.clone()).or_default();
        let starts_at_once =
            endpoint.in_flight < limits.endpoint_in_flight && endpoint.queue.is_empty();
        let queue_limit = if room || starts_at_once {
            limits.endpoint_queue.max(1)
        } else {
            0
        };
        if endpoint.parks_newcomers(queue_limit) {
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
        if state.stored == 0 {
            state.due = due;
            self.timers.push(Reverse((due, id.clone())));
        }
        state.stored += count;
    }

    /// The stream was seen to hold `count` deliveries of a lane. Only a lane that is empty as far
    /// as we know learns from that: the others know more recent things. What is in flight is still
    /// in the stream, so this may lead to a read that finds nothing, and never to a repeated one.
    pub fn seen(&mut self, id: &EndpointId, lane: Lane, count: u64) {
        let known = self
            .endpoints
            .get(id)
            .and_then(|endpoint| endpoint.lanes.get(&lane));
        if known.is_none_or(|state| state.stored == 0 && !state.reading) {
            self.placed(id, lane, count, Timestamp::default());
        }
    }

    /// A started delivery ended. `hold_until` holds back all of the endpoint's deliveries.
    pub fn finished(
        &mut self,
        id: &EndpointId,
        origin: Origin,
        hold_until: Option<Timestamp>,
        now: Timestamp,
    ) {
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
            if matches!(origin, Origin::Lane(lane) if lane.is_retry()) {
                endpoint.retrying = endpoint.retrying.saturating_sub(1);
            }
            endpoint.leave(origin);
            if let Some(until) = hold_until.filter(|until| *until > endpoint.hold_until) {
                endpoint.hold_until = until;
                self.timers.push(Reverse((until, id.clone())));
            }
        }
        self.wake(id);
        self.tidy(id, now);
    }

    /// Reading a lane's head ended. Only after [`Head::Due`] the delivery is still in flight.
    pub fn head_read(&mut self, id: &EndpointId, lane: Lane, head: Head, now: Timestamp) {
        let Some(state) = self
            .endpoints
            .get_mut(id)
            .and_then(|e| e.lanes.get_mut(&lane))
        else {
            return;
        };
        state.reading = false;
        match head {
            Head::Due { sequence } => {
                state.stored = state.stored.saturating_sub(1);
                state.from = sequence + 1;
                state.due = Timestamp::default();
                return self.wake(id);
            }
            Head::NotYet { sequence, due } => {
                state.from = sequence;
                state.due = due;
                self.timers.push(Reverse((due, id.clone())));
            }
            Head::Empty => state.stored = 0,
            Head::Unknown { again } => {
                state.due = again;
                self.timers.push(Reverse((again, id.clone())));
            }
        }
        self.finished(id, Origin::Lane(lane), None, now);
    }

    /// The next thing that may start; endpoints take turns.
    pub fn next_start(&mut self, now: Timestamp) -> Option<Start<J>> {
        self.fire_timers(now);
        while let Some(id) = self.ready.pop_front() {
            let Some(endpoint) = self.endpoints.get_mut(&id) else {
                continue;
            };
            endpoint.is_ready = false;
            if let Some(start) = Self::start(&id, endpoint, self.limits, now) {
                if matches!(start, Start::Job(_)) {
                    self.queued -= 1;
                }
                self.wake(&id);
                return Some(start);
            }
            self.tidy(&id, now);
        }
        None
    }

    /// When to ask [`Lanes::next_start`] again if nothing happens before.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    fn start(
        id: &EndpointId,
        endpoint: &mut Endpoint<J>,
        limits: Limits,
        now: Timestamp,
    ) -> Option<Start<J>> {
        let cap = limits.endpoint_in_flight;
        if endpoint.in_flight >= cap || endpoint.hold_until > now {
            return None;
        }
        let fresh_lane = endpoint.due_lane(now, false);
        let has_fresh = !endpoint.queue.is_empty() || fresh_lane.is_some();
        let retry = endpoint
            .due_lane(now, true)
            .filter(|_| endpoint.retry_first(cap, has_fresh));
        if retry.is_none()
            && let Some(job) = endpoint.queue.pop_front()
        {
            endpoint.in_flight += 1;
            return Some(Start::Job(job));
        }
        let lane = retry.or(fresh_lane)?;
        let state = endpoint.lanes.get_mut(&lane)?;
        state.reading = true;
        state.started += 1;
        endpoint.in_flight += 1;
        endpoint.retrying += usize::from(retry.is_some());
        let from = state.from;
        Some(Start::Head {
            lane: WaitingSubject {
                lane,
                endpoint: id.clone(),
            },
            from,
        })
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

    fn wake(&mut self, id: &EndpointId) {
        if let Some(endpoint) = self.endpoints.get_mut(id)
            && !endpoint.is_ready
        {
            endpoint.is_ready = true;
            self.ready.push_back(id.clone());
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
