//! What the partition's task asks of its lanes, and what it tells them.

use std::time::Duration;

use posthorn_event_schema::Timestamp;
use posthorn_event_schema::subject::{Lane, WaitingSubject};

use super::Lesson;

/// The bounds of one partition.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests in flight to one endpoint.
    pub endpoint_in_flight: usize,
    /// Jobs of one endpoint that wait in memory.
    pub endpoint_queue: usize,
    /// How long a circuit breaker is open at first; zero = there is none.
    pub breaker_open: Duration,
}

/// What to do with a job that just came.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer<J> {
    /// It waits in memory, or starts with the next [`Lanes::next_start`](super::Lanes::next_start).
    Taken,
    /// It must be parked on disk; tell [`Lanes::parked`](super::Lanes::parked) how that went.
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
    Lane {
        /// Which lane.
        lane: Lane,
        /// Its place in the stream.
        sequence: u64,
    },
}

/// How a started delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Finish {
    /// What its attempt says about the endpoint.
    pub lesson: Lesson,
    /// Holds back all of the endpoint's deliveries until then.
    pub hold_until: Option<Timestamp>,
    /// It was not attempted, for a reason of ours, and is still stored where it was.
    pub kept: bool,
}

/// What reading a lane's head found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// A delivery that is due: it runs now.
    Due {
        /// Its place in the stream.
        sequence: u64,
        /// When it was due.
        due: Timestamp,
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
