//! fanout: decides who receives an event, and enqueues one job per endpoint.
//!
//! - [`matching`]: the decision, pure.
//! - [`callback`]: what an event asks for itself, pure.
//! - [`enqueue`]: from decision to jobs and verdicts, pure.
//! - [`rosters`]: which of them history has, pure.
//! - [`handle`]: one message of EVENTS, with one or several events, to its ack.
//! - `decide`: what follows from its events, and storing it.
//!
//! *Guarantee*: an event is acked only once a job for each matching endpoint is stored in JOBS and
//! the verdict in OUTCOMES; until then it stays in hand, and only what failed is repeated. Doing it twice
//! changes nothing: message ids are derived from the events, which JetStream recognises within the stream's
//! duplicate window, and jobs that shared a message with those of other events are recognised by their sender,
//! for [`REPEATED_WITHIN`](posthorn_bus::events::REPEATED_WITHIN); shown by
//! `while_no_verdict_can_be_stored_no_job_is_published_again` and
//! `killing_each_service_under_load_loses_nothing`, which counts duplicates.
//!
//! Its configuration is the watched snapshot; PostgreSQL is not needed.

pub mod callback;
pub mod config;
mod decide;
pub mod enqueue;
pub mod handle;
pub mod matching;
pub mod rosters;
mod service;

pub use config::FanoutConfig;
pub use service::Fanout;
