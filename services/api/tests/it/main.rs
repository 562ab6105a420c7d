//! The API over HTTP, against a real PostgreSQL and a real nats-server.
//!
//! The rest of the fleet does not run: what recorder would write is written here by hand.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod activity;
mod bad_input;
mod client;
mod configuration;
mod disabling;
mod errors;
mod event_types;
mod figures;
mod fleet;
mod history;
mod idempotency;
mod import;
mod inbox;
mod live;
mod operational;
mod outage;
mod overview;
mod portal;
mod replay;
mod resend;
mod sample;
mod tenants;
mod trace;
mod world;
