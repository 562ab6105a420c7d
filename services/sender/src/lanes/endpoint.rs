//! What goes on at one endpoint. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use posthorn_event_schema::Timestamp;
use posthorn_event_schema::subject::Lane;

use super::Pool;
use super::health::Health;

/// How often a lane that should hold something is read again after it was found empty.
const DOUBTS: u32 = 5;
/// Pause before the first of these reads; it doubles each time.
const FIRST_DOUBT: Duration = Duration::from_millis(100);
/// Doubts that are older than this begin anew.
const DOUBTS_LAST: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Endpoint<J> {
    pub(super) in_flight: usize,
    /// Of these, those from the lanes of retries.
    pub(super) retrying: usize,
    pub(super) queue: VecDeque<J>,
    pub(super) parking: usize,
    pub(super) lanes: BTreeMap<Lane, LaneState>,
    pub(super) hold_until: Timestamp,
    pub(super) health: Health,
    /// In which of the queues for a turn it stands.
    pub(super) is_ready: [bool; Pool::COUNT],
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
            is_ready: [false; Pool::COUNT],
        }
    }
}

impl<J> Endpoint<J> {
    pub(super) fn parks_newcomers(&self, queue_limit: usize, now: Timestamp) -> bool {
        let parked = self
            .lanes
            .get(&Lane::Next)
            .is_some_and(|lane| lane.stored > 0);
        let held = self.hold_until > now;
        held || parked || self.parking > 0 || self.queue.len() >= queue_limit
    }

    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.in_flight == 0
            && self.queue.is_empty()
            && self.parking == 0
            && self.hold_until <= now
            && self
                .lanes
                .values()
                .all(|lane| lane.stored == 0 && !lane.reading)
    }

    /// Whether something of this kind may start now, if there is a place for it.
    pub(super) fn can_start(&self, pool: Pool, cap: usize, now: Timestamp) -> bool {
        let allowed = self.health.allowed(cap);
        if self.in_flight >= allowed || self.hold_until > now {
            return false;
        }
        match pool {
            Pool::Fresh => !self.queue.is_empty() && self.first_fits(allowed, now),
            Pool::Parked => {
                // What waits in memory came before what is parked.
                self.queue.is_empty() && self.has_parked(now) && self.first_fits(allowed, now)
            }
            Pool::Retry => self.due_retry(now).is_some() && self.retry_fits(allowed, now),
        }
    }

    /// First attempts leave a quarter of the slots while retries wait.
    fn first_fits(&self, allowed: usize, now: Timestamp) -> bool {
        let first = self.in_flight.saturating_sub(self.retrying);
        self.due_retry(now).is_none() || first < allowed - allowed / 4
    }

    /// Retries get a quarter of the slots while first attempts wait, and all of them otherwise.
    fn retry_fits(&self, allowed: usize, now: Timestamp) -> bool {
        let has_first = !self.queue.is_empty() || self.has_parked(now);
        !has_first || self.retrying < (allowed / 4).max(1)
    }

    fn has_parked(&self, now: Timestamp) -> bool {
        self.lanes
            .get(&Lane::Next)
            .is_some_and(|lane| lane.is_due(now))
    }

    pub(super) fn due_retry(&self, now: Timestamp) -> Option<Lane> {
        let is_retry = |lane: &Lane| matches!(lane, Lane::Attempt(_));
        self.lanes
            .iter()
            .find(|(lane, state)| is_retry(lane) && state.is_due(now))
            .map(|(lane, _)| *lane)
    }

    pub(super) fn take_slot(&mut self, lane: Option<Lane>) {
        self.in_flight += 1;
        self.retrying += usize::from(is_retry(lane));
    }

    pub(super) fn free_slot(&mut self, lane: Option<Lane>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.retrying = self.retrying.saturating_sub(usize::from(is_retry(lane)));
    }
}

fn is_retry(lane: Option<Lane>) -> bool {
    matches!(lane, Some(Lane::Attempt(_)))
}

/// What is known of a lane on disk.
#[derive(Debug, Default)]
pub(super) struct LaneState {
    pub(super) stored: u64,
    pub(super) from: u64,
    pub(super) due: Timestamp,
    pub(super) reading: bool,
    /// Deliveries in flight from this lane, which are still stored.
    pub(super) visiting: usize,
    /// The first of those that were attempted in vain and are still stored.
    kept: Option<u64>,
    /// How often it was found empty although it should not be, and when that counts again.
    doubts: u32,
    next_doubt: Timestamp,
}

impl LaneState {
    /// Whether its head may be read. What was kept is read again once nothing of the lane is in
    /// flight: going back earlier would find what is being attempted.
    fn is_due(&self, now: Timestamp) -> bool {
        let can_go_back = self.kept.is_none() || self.visiting == 0;
        self.stored > 0 && !self.reading && self.due <= now && can_go_back
    }

    pub(super) fn start_reading(&mut self) -> u64 {
        self.reading = true;
        self.from = self.kept.take().unwrap_or(self.from);
        self.from
    }

    pub(super) fn found(&mut self, from: u64, due: Timestamp) {
        self.from = from;
        self.due = due;
        if self.stored == 0 {
            self.doubts = 0;
        }
    }

    /// Nothing was found. A replica that lags behind answers so for a delivery which was stored a
    /// moment ago, so a lane that should hold something is read again before that is believed.
    /// What comes meanwhile is found in between, and neither ends the doubts nor hastens them.
    pub(super) fn found_nothing(&mut self, now: Timestamp) {
        if now > self.next_doubt.plus(DOUBTS_LAST) {
            self.doubts = 0;
        }
        if self.doubts == 0 || now >= self.next_doubt {
            if self.doubts == DOUBTS {
                self.stored = 0;
                self.doubts = 0;
                return;
            }
            self.next_doubt = now.plus(FIRST_DOUBT * (1 << self.doubts));
            self.doubts += 1;
        }
        self.due = self.next_doubt;
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.doubts > 0
    }

    pub(super) fn keep(&mut self, sequence: u64) {
        self.stored += 1;
        self.kept = Some(self.kept.map_or(sequence, |kept| kept.min(sequence)));
    }
}
