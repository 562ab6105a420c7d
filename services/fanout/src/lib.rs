//! fanout: decides who receives an event, and enqueues one job per endpoint.
//!
//! - [`matching`]: the decision, pure.
//! - [`enqueue`]: from decision to jobs and verdicts, pure.
//! - [`handle`]: one event from EVENTS to its ack.
//!
//! *Guarantee*: an event is acked only once a job for each matching endpoint is stored in JOBS and
//! the verdict in OUTCOMES; until then it stays in hand, and only what failed is repeated. All their
//! message ids are derived from the event, so doing it twice changes nothing; shown by `an_event_fanned_out_twice_is_delivered_once`.
//!
//! Its configuration is the watched snapshot; PostgreSQL is not needed.

pub mod config;
pub mod enqueue;
pub mod handle;
pub mod matching;
mod service;

pub use config::FanoutConfig;
pub use service::Fanout;
