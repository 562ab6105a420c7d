//! Shares of an application's rate: how senders agree on who may deliver when.
//!
//! The endpoints of an application belong to several senders, and its rate holds for all of them
//! together. So one sender, the owner of the application's partition, hands out moments at that rate,
//! and the others ask it. These are the two messages; they travel as core NATS requests, not in a
//! stream: a share that is lost is a moment in which nothing is sent.

use serde::{Deserialize, Serialize};

use crate::ApplicationId;

/// Asks for moments at which an application's deliveries may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotsWanted {
    /// Whose.
    pub application: ApplicationId,
    /// Deliveries per second that the application may get, as the asker knows it; at least 1.
    pub rate: u16,
    /// How many; at least 1.
    pub count: u16,
}

/// The moments: `count` of them, the first `wait_micros` from now, then one each `1 / rate` second.
///
/// A wait and no time of day, so that the clocks of two machines need not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotsGiven {
    /// How long until the first, in microseconds.
    pub wait_micros: u64,
    /// How many; no more than were wanted.
    pub count: u16,
}
