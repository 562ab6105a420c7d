//! Who of a partition's endpoints may start what now. Pure: the partition's task tells what
//! happened, and asks what to do.
//!
//! Per endpoint there are at most `cap` requests in flight, fewer while its attempts say that it
//! cannot take them ([`Lesson`]), and none while its circuit breaker is open, its rate is used up, or
//! it asked for a pause. A job for a free endpoint starts at once; a few more wait in memory; any
//! further one is parked on disk, at the end of the endpoint's `next` lane. While something is parked,
//! newer jobs join the end of that lane. Deliveries waiting for a retry stand in lanes of their own.
//! Lanes are read head by head: nothing of them is in memory but a count, a place and a time.
//!
//! Endpoints with work take turns, one start each, so a busy one cannot hold up the others. So do those
//! whose lanes cannot be read because the process has as many visits to lanes as it may.

mod blocked;
mod endpoint;
mod health;
mod step;
mod throttle;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use posthorn_event_schema::subject::{Lane, Rank, WaitingSubject};
use posthorn_event_schema::{EndpointId, Timestamp};

pub use health::{Lesson, Sign};
pub use step::{Finish, Head, Limits, Offer, Origin, Start};

use blocked::Blocked;
use endpoint::{Endpoint, Next};

/// The state of all endpoints of a partition that have anything going on.
#[derive(Debug)]
pub struct Lanes<J> {
    limits: Limits,
    endpoints: HashMap<EndpointId, Endpoint<J>>,
    /// Those that get one delivery at a time, in order; not forgotten when nothing goes on there.
    fifo: HashSet<EndpointId>,
    ready: VecDeque<EndpointId>,
    blocked: Blocked,
    timers: BinaryHeap<Reverse<(Timestamp, EndpointId)>>,
    queued: usize,
    breakers_opened: u64,
}

impl<J> Lanes<J> {
    /// Nothing is going on.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            endpoints: HashMap::new(),
            fifo: HashSet::new(),
            ready: VecDeque::new(),
            blocked: Blocked::default(),
            timers: BinaryHeap::new(),
            queued: 0,
            breakers_opened: 0,
        }
    }

    /// Jobs that wait in memory.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// How many breakers opened since this was asked before.
    pub fn take_breakers_opened(&mut self) -> u64 {
        std::mem::take(&mut self.breakers_opened)
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

    /// Takes the jobs of an endpoint that is held back out of memory, to park them: tell
    /// [`Lanes::parked`] about each.
    pub fn held_jobs(&mut self, id: &EndpointId, now: Timestamp) -> Vec<J> {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return Vec::new();
        };
        if endpoint.held_until() <= now {
            return Vec::new();
        }
        let jobs: Vec<J> = endpoint.queue.drain(..).collect();
        endpoint.parking += jobs.len();
        self.queued -= jobs.len();
        jobs
    }

    /// How many deliveries a second an endpoint may get; `None` = as many as there are.
    pub fn set_rate(&mut self, id: &EndpointId, rate: Option<u16>) {
        if rate.is_some() || self.endpoints.contains_key(id) {
            self.endpoints
                .entry(id.clone())
                .or_default()
                .throttle
                .set(rate);
        }
    }

    /// Whether an endpoint gets its deliveries one at a time, in order.
    pub fn set_fifo(&mut self, id: &EndpointId, fifo: bool) {
        if !fifo {
            self.fifo.remove(id);
        } else if !self.fifo.contains(id) {
            self.fifo.insert(id.clone());
        }
    }

    /// The same for all endpoints that have anything going on.
    pub fn set_all_fifo(&mut self, is_fifo: impl Fn(&EndpointId) -> bool) {
        self.fifo.retain(|id| is_fifo(id));
        let more = self.endpoints.keys().filter(|id| is_fifo(id));
        self.fifo.extend(more.cloned());
    }

    /// A person asked for a delivery to an endpoint: its breaker may let a probe through.
    pub fn ask_for_probe(&mut self, id: &EndpointId, now: Timestamp) {
        let pause = self.limits.breaker_open;
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.health.ask_for_probe(pause, now);
            self.wake(id);
        }
    }

    /// Whatever waits for an endpoint is wanted now, if `released_at` says so and did not before.
    pub fn release(
        &mut self,
        released_at: impl Fn(&EndpointId) -> Option<Timestamp>,
        now: Timestamp,
    ) {
        let mut woken = Vec::new();
        for (id, endpoint) in &mut self.endpoints {
            if let Some(at) = released_at(id) {
                endpoint.release(at, now);
                woken.push(id.clone());
            }
        }
        for id in woken {
            self.wake(&id);
        }
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

    /// Parking a job ended; `stored` tells whether the lane has one delivery more. Only those in the
    /// `next` lane were told of before, by [`Offer::Park`] or [`Lanes::held_jobs`].
    pub fn parked(&mut self, id: &EndpointId, lane: Lane, stored: bool, now: Timestamp) {
        if let Some(endpoint) = self.endpoints.get_mut(id)
            && lane == Lane::Next
        {
            endpoint.parking = endpoint.parking.saturating_sub(1);
        }
        if stored {
            self.placed(id, lane, 1, Timestamp::default());
        }
        self.tidy(id, now);
    }

    /// Deliveries were put at the end of a lane, or found there; the first of them is due at `due`.
    pub fn placed(&mut self, id: &EndpointId, lane: Lane, count: u64, due: Timestamp) {
        let endpoint = self.endpoints.entry(id.clone()).or_default();
        let state = endpoint.lanes.entry(lane).or_default();
        if state.stored == 0 {
            state.due = due;
        }
        state.stored += count;
        self.wake(id);
    }

    /// The stream was seen to hold `count` deliveries of a lane, those in flight included. Only a
    /// lane that is empty as far as we know learns from that: the others know more recent things.
    /// What ended meanwhile may lead to a read that finds nothing, and never to a repeated one.
    pub fn seen(&mut self, id: &EndpointId, lane: Lane, count: u64) {
        let known = self
            .endpoints
            .get(id)
            .and_then(|endpoint| endpoint.lanes.get(&lane));
        let waiting = known.map_or(count, |state| state.in_stream_only(count));
        if waiting > 0 && known.is_none_or(|state| state.stored == 0 && !state.reading) {
            self.placed(id, lane, waiting, Timestamp::default());
        }
    }

    /// A started delivery ended.
    pub fn finished(&mut self, id: &EndpointId, origin: Origin, finish: Finish, now: Timestamp) {
        let limits = self.limits;
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let lane = match origin {
            Origin::Memory => None,
            Origin::Lane { lane, sequence } => {
                if let Some(state) = endpoint.lanes.get_mut(&lane) {
                    state.ended();
                    if finish.kept {
                        state.keep(sequence);
                    }
                }
                Some(lane)
            }
        };
        endpoint.free_slot(lane);
        if let Some(lane) = lane {
            endpoint.tidy_lane(lane);
        }
        let bounds = (limits.endpoint_in_flight, limits.breaker_open);
        let opened = endpoint.health.learn(id, finish.lesson, bounds, now);
        endpoint.hold_until = endpoint
            .hold_until
            .max(finish.hold_until.unwrap_or_default());
        self.breakers_opened += u64::from(opened);
        self.wake(id);
        self.tidy(id, now);
    }

    /// Reading a lane's head ended. Only after [`Head::Due`] the delivery is still in flight.
    pub fn head_read(&mut self, id: &EndpointId, lane: Lane, head: Head, now: Timestamp) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        if let Some(state) = endpoint.lanes.get_mut(&lane) {
            match head {
                Head::Due { sequence, due } => state.runs(sequence, due, now),
                Head::NotYet { sequence, due } => state.waits(sequence, due),
                Head::Empty => state.found_nothing(),
                Head::Unknown { again } => state.was_not_read(again),
            }
        }
        if !matches!(head, Head::Due { .. }) {
            endpoint.free_slot(Some(lane));
            endpoint.throttle.give_back();
            endpoint.tidy_lane(lane);
        }
        self.wake(id);
        self.tidy(id, now);
    }

    /// The next thing that may start; endpoints take turns. `room` tells whether the process has room
    /// for one more visit to a lane of that rank: if so, that is what starts. Who got none is asked
    /// again after [`Lanes::has_room`]. `slot` tells whether the endpoint's application may get one
    /// more delivery now: if so, that is what starts. Who may not is asked again after
    /// [`Lanes::wake`].
    pub fn next_start(
        &mut self,
        now: Timestamp,
        mut room: impl FnMut(Rank) -> bool,
        mut slot: impl FnMut(&EndpointId) -> bool,
    ) -> Option<Start<J>> {
        self.fire_timers(now);
        while let Some(id) = self.ready.pop_front() {
            let Some(endpoint) = self.endpoints.get_mut(&id) else {
                continue;
            };
            endpoint.is_ready = false;
            let bounds = (self.limits.endpoint_in_flight, self.fifo.contains(&id));
            let mut lacking = Vec::new();
            let mut has_room = |rank| {
                let has = room(rank);
                lacking.extend((!has).then_some(rank));
                has
            };
            let next = endpoint.next(bounds, now, &mut has_room);
            let next = next.filter(|_| {
                endpoint.lacks_slot = !slot(&id);
                !endpoint.lacks_slot
            });
            let start = next.and_then(|next| Self::start(&id, endpoint, next, now));
            for rank in lacking {
                if !std::mem::replace(endpoint.lacks.of(rank), true) {
                    self.blocked.of(rank).push_back(id.clone());
                }
            }
            if let Some(start) = start {
                self.queued -= usize::from(matches!(start, Start::Job(_)));
                self.wake(&id);
                return Some(start);
            }
            self.tidy(&id, now);
        }
        None
    }

    /// There is room for a visit to a lane of that rank: who waits for it longest may ask again. False
    /// if nobody does.
    pub fn has_room(&mut self, rank: Rank) -> bool {
        while let Some(id) = self.blocked.of(rank).pop_front() {
            if let Some(endpoint) = self.endpoints.get_mut(&id)
                && std::mem::take(endpoint.lacks.of(rank))
            {
                self.wake(&id);
                return true;
            }
        }
        false
    }

    /// Whether anybody waits for room for a visit to a lane of that rank.
    pub fn lacks_room(&mut self, rank: Rank) -> bool {
        !self.blocked.of(rank).is_empty()
    }

    /// When to ask [`Lanes::next_start`] again if nothing happens before.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    fn start(
        id: &EndpointId,
        endpoint: &mut Endpoint<J>,
        next: Next,
        now: Timestamp,
    ) -> Option<Start<J>> {
        match next {
            Next::Job => {
                let job = endpoint.queue.pop_front()?;
                endpoint.start(None, now);
                Some(Start::Job(job))
            }
            Next::Head(lane) => {
                let from = endpoint.lanes.get_mut(&lane)?.start_reading();
                endpoint.start(Some(lane), now);
                let endpoint = id.clone();
                let lane = WaitingSubject { lane, endpoint };
                Some(Start::Head { lane, from })
            }
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

    /// Something of an endpoint may be able to start now: it gets a turn.
    pub fn wake(&mut self, id: &EndpointId) {
        if let Some(endpoint) = self.endpoints.get_mut(id)
            && !endpoint.is_ready
        {
            endpoint.is_ready = true;
            self.ready.push_back(id.clone());
        }
    }

    /// Forgets an endpoint that has nothing going on, so that memory follows activity; for one that
    /// only time holds back, a timer is set.
    fn tidy(&mut self, id: &EndpointId, now: Timestamp) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let alarm = if endpoint.has_work() {
            endpoint.next_alarm(self.fifo.contains(id), now)
        } else {
            Some(endpoint.remembered_until()).filter(|until| *until > now)
        };
        match alarm {
            None if !endpoint.has_work() => {
                self.endpoints.remove(id);
            }
            None => {}
            // One timer at a time: the earliest that is of use.
            Some(at) => {
                let has_earlier = now < endpoint.alarm && endpoint.alarm <= at;
                if !has_earlier {
                    endpoint.alarm = at;
                    self.timers.push(Reverse((at, id.clone())));
                }
            }
        }
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
