//! sender: delivers. The heart of the fleet.
//!
//! Each partition of the endpoints is owned by one sender at a time ([`ownership`]), so that
//! everything known of an endpoint lives in one task (`partition`) and needs no coordination.
//! That task takes jobs and decides, through the pure [`lanes`], what starts now, what waits in
//! memory and what is parked in the waiting room; [`attempt`] makes one HTTP request and stores
//! what follows from it.
//!
//! Pure: [`lanes`], [`retry`], [`follow_up`], [`classify`], [`wish`], [`request`], [`posthorn_egress`]'s verdicts.
//!
//! *Guarantees*, each with its test in `tests/e2e`:
//! - A job is acked, and a waiting delivery deleted, only after what follows from its attempt is
//!   stored: first the next attempt in WAITING, then the record in OUTCOMES.
//! - A failure of ours (NATS away, an unreadable secret) never counts as an attempt.
//! - An endpoint has at most its cap of requests in flight; what is more is parked on disk.

pub mod answer;
pub mod attempt;
mod authorized;
mod capped;
pub mod classify;
pub mod client;
pub mod clients;
pub mod config;
mod connector;
pub mod dns;
pub mod egress_proxy;
pub mod endpoint;
pub mod follow_up;
mod grants;
mod heart;
mod intake;
mod job;
pub mod lanes;
mod lease;
mod memory;
mod ordered;
mod own_tls;
pub mod ownership;
mod pace;
mod parking;
mod partition;
mod places;
mod receiver;
mod recent;
mod record;
mod report;
pub mod request;
pub mod resolver;
pub mod retry;
mod room;
mod service;
mod share;
mod slots;
mod store;
mod token;
mod tokens;
mod tunnel;
mod unreadable;
mod visit;
pub mod wish;
pub mod withdrawn;

pub use config::SenderConfig;
pub use service::Sender;
