//! Deliveries that go out in order, one at a time: all of an endpoint that asks for it, and those of an
//! endpoint whose events have the same ordering key.
//!
//! The order is that of EVENTS. Several fan-outs work at a time, senders die and hand over, and jobs
//! are handed out again after a while: so the order in which jobs come says nothing. Instead, the
//! owner of the partition moves the jobs of such a [`Line`] from JOBS to a lane of its own, and only
//! those of events up to which fan-out is complete ([`plan`]): none can come later that belongs before
//! them. The lane is a FIFO on disk, and its owner attempts its head alone ([`crate::lanes`]).
//!
//! *Guarantee*: after any crash deliveries go on in order; at most the one in flight is repeated.
//! Shown by `an_order_is_kept_over_failures_and_crashes` and `an_order_is_kept_when_events_come_at_once`.

mod mover;
mod plan;

use std::collections::HashMap;
use std::time::Duration;

use posthorn_bus::consumer::Receipt;
use posthorn_event_schema::subject::{self, Lane};
use posthorn_event_schema::{EndpointId, OrderingLine, Partition};

pub(crate) use mover::{Moved, move_jobs};

/// First pause before jobs are looked at again whose turn has not come: fan-out is behind by
/// milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause before that, also when NATS does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Deliveries of an endpoint that go out one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) endpoint: EndpointId,
    /// Those of an ordering key; `None` = all of the endpoint's.
    pub(crate) key: Option<OrderingLine>,
}

impl Line {
    /// Where its deliveries wait for their first attempt.
    pub(crate) fn lane(&self) -> Lane {
        match self.key {
            None => Lane::Next,
            Some(line) => Lane::InLine { line, retry: None },
        }
    }

    /// The partition that it is of.
    fn partition(&self) -> Partition {
        Partition::of(&self.endpoint)
    }

    /// Where its jobs are in JOBS.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let own = subject::job(&self.endpoint, self.key);
        match self.key {
            None => vec![own, subject::jobs_in_lines(&self.endpoint)],
            Some(_) => vec![own],
        }
    }
}

/// What a partition has to do with deliveries that keep an order.
#[derive(Default)]
pub(crate) struct Ordered(HashMap<Line, State>);

#[derive(Default)]
struct State {
    /// Jobs that were handed out to us, by their place in JOBS; the consumer's `max_ack_pending`
    /// bounds them.
    receipts: HashMap<u64, Receipt>,
    /// Those of them that came while jobs were being moved.
    late: HashMap<u64, Receipt>,
    /// Lanes that were found at the beginning. They are read only once what a dead owner left half
    /// moved has been moved again: the stream still knows it then for a repetition.
    found: Vec<(Lane, u64)>,
    moving: bool,
    /// Tries in a row that moved nothing.
    idle: u32,
}

impl Ordered {
    /// A job came; whether its line's jobs are to be moved now.
    pub(crate) fn came(&mut self, line: &Line, receipt: Receipt) -> bool {
        let state = self.0.entry(line.clone()).or_default();
        let known = if state.moving {
            &mut state.late
        } else {
            &mut state.receipts
        };
        known.insert(receipt.stream_sequence(), receipt);
        state.begin()
    }

    /// A lane was found at the beginning; whether its line's jobs are to be moved now.
    pub(crate) fn found(&mut self, line: &Line, lane: Lane, count: u64) -> bool {
        let state = self.0.entry(line.clone()).or_default();
        state.found.push((lane, count));
        state.begin()
    }

    /// Moving ended. Returns the receipts of what was moved, the lanes that may be read now, and, if
    /// jobs are to be moved again, after which pause.
    pub(crate) fn moved(
        &mut self,
        line: &Line,
        moved: &Moved,
    ) -> (Vec<Receipt>, Vec<(Lane, u64)>, Option<Duration>) {
        let Some(state) = self.0.get_mut(line) else {
            return (Vec::new(), Vec::new(), None);
        };
        let receipts = state.settle(moved);
        let found = if moved.complete {
            std::mem::take(&mut state.found)
        } else {
            Vec::new()
        };
        let more = !state.late.is_empty() || !moved.left.is_empty() || !moved.complete;
        state.receipts.extend(state.late.drain());
        if !more {
            self.0.remove(line);
            return (receipts, found, None);
        }
        let is_idle = moved.places.is_empty();
        state.idle = if is_idle { state.idle + 1 } else { 0 };
        (receipts, found, Some(pause(state.idle)))
    }
}

/// Longer with each try that moved nothing: fan-out may be stuck at an event.
fn pause(idle: u32) -> Duration {
    (FIRST_PAUSE * 2_u32.saturating_pow(idle.min(10))).min(LONGEST_PAUSE)
}

impl State {
    /// Whether moving is to begin.
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.moving, true)
    }

    /// The receipts of jobs that are not in JOBS any more: they were moved now, or before they were
    /// handed out to us.
    fn settle(&mut self, moved: &Moved) -> Vec<Receipt> {
        let is_settled = |place: &u64| {
            moved.places.contains(place) || moved.complete && !moved.left.contains(place)
        };
        let settled = self.receipts.extract_if(|place, _| is_settled(place));
        settled.map(|(_, receipt)| receipt).collect()
    }
}
