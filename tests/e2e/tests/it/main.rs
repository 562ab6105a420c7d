//! The whole fleet, from a producer's publish to a customer's endpoint and into history.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod acceptance;
mod application_rate;
mod authorization;
mod basic_auth;
mod callback;
mod cluster;
mod connect_proxy;
mod crash;
mod dashboard;
mod delivery;
mod dev;
mod disabling;
mod doors;
mod egress;
mod egress_proxy;
mod expiry;
mod fan_out;
mod fifo;
mod hand_over;
mod hostile;
mod hostile_answers;
mod http2;
mod http2_server;
mod idempotency;
mod import;
mod lost_ack;
mod message;
mod nats_doors;
mod oauth;
mod official;
mod openapi;
mod ordering_key;
mod outage;
mod own_tls;
mod release;
mod replay;
mod retry;
mod rights;
mod shutdown;
mod subscription;
mod tls_front;
mod together;
mod trace;

use std::time::Duration;

/// Held by tests that load the whole machine, so that each of them has it to itself.
static WHOLE_MACHINE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How long something that happens at once may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);
