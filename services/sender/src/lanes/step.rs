//! What the partition's task asks of its lanes, and what it tells them.

use posthorn_event_schema::Timestamp;
use posthorn_event_schema::subject::{Lane, WaitingSubject};

/// Which of the process' places a start needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// A job from JOBS.
    Fresh,
    /// A job that was parked.
    Parked,
    /// An attempt after the first.
    Retry,
}

impl Pool {
    /// How many there are.
    pub const COUNT: usize = 3;
    /// All of them, by their index.
    pub const ALL: [Self; Self::COUNT] = [Self::Fresh, Self::Parked, Self::Retry];

    /// Its place in an array with one entry per pool.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

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

impl Origin {
    pub(super) fn lane(self) -> Option<Lane> {
        match self {
            Self::Memory => None,
            Self::Lane { lane, .. } => Some(lane),
        }
    }
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
