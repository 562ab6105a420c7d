//! The harness itself: what tests rely on, with real servers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod collector;
mod http_client;
mod nats_server;
mod parallel;
mod postgres;
mod process;
mod receiver;
mod receiver_faults;

use std::time::Duration;

/// Long enough for two busy cores.
const SOON: Duration = Duration::from_secs(20);
