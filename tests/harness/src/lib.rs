//! What the tests of every crate share: real servers, a scripted receiver, a trace collector.
//!
//! | For | Use |
//! | --- | --- |
//! | a NATS server of the test's own, which it may crash and restart | [`TestNats`] |
//! | three NATS servers as one cluster | [`TestNatsCluster`] |
//! | an empty or migrated database of the test's own | [`TestDatabase`] |
//! | a PostgreSQL server that the test may stop | [`DedicatedPostgres`] |
//! | an endpoint that answers by script and remembers every request | [`Receiver`], [`Behaviour`] |
//! | a listener that nobody may reach | [`Canary`] |
//! | a name server that answers by script | [`DnsServer`], [`DnsAnswer`] |
//! | the spans that a process exports | [`Collector`] |
//! | a real binary, with its log and its signals | [`Process`] |
//! | waiting for a state, and hearing what it was when it does not come | [`eventually()`] |
//!
//! Everything listens on a port of its own, cleans up after itself, also when the test process is
//! killed, and *panics* when it fails, with the server's log: there is nothing a test could do.
//! Nothing here depends on a crate of ours but the one that starts servers, so that every crate can
//! use it for its tests.

mod canary;
mod collector;
mod dns;
mod eventually;
mod failure;
mod nats_cluster;
mod nats_server;
mod postgres;
mod process;
mod receiver;
mod temp;

pub use canary::Canary;
pub use collector::{Collector, Span, SpanKind, SpanLink, SpanStatus};
pub use dns::{DnsAnswer, DnsServer};
pub use eventually::eventually;
pub use nats_cluster::TestNatsCluster;
pub use nats_server::TestNats;
pub use postgres::{DedicatedPostgres, TestDatabase};
pub use posthorn_local_servers::{NatsOptions, PostgresOptions, Signal, SyncInterval};
pub use process::{Memory, Process, ProcessBuilder};
pub use receiver::{Behaviour, Received, Receiver};

/// The servers' programs, as found or fetched for this workspace.
fn tools() -> posthorn_local_servers::Tools {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2);
    let root = root.expect("this crate lies two folders below the workspace's root");
    posthorn_local_servers::Tools::of_workspace(root)
}
