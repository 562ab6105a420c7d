//! The bus against a real nats-server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod backlog;
mod batches;
mod config;
mod ensure;
mod idempotency;
mod jobs;
mod last_ack;
mod live;
mod members;
mod rejection;
mod replicated;
mod samples;
mod streams;
mod together;
mod waiting;

use posthorn_bus::{Bus, BusConfig, Role};
use posthorn_harness::TestNats;

/// How long something that happens at once may take on a busy machine.
const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// A server of the test's own with everything in it.
async fn start() -> (TestNats, Bus) {
    let nats = TestNats::start().await;
    let bus = connect(&nats).await;
    bus.ensure(&Role::ALL).await.unwrap();
    (nats, bus)
}

async fn connect(nats: &TestNats) -> Bus {
    Bus::connect(&BusConfig::for_url(&nats.url()), "test")
        .await
        .unwrap()
}
