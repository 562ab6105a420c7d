//! recorder: writes history. It reads EVENTS and OUTCOMES and keeps them in PostgreSQL.
//!
//! - [`config`]: what it can be told.
//! - `record`: the two kinds of message, and how each is read and written.
//! - `pump`: one reader's loop, from batch to ack.
//! - `refuse`: what can never be written goes to REJECTED.
//! - `upkeep`: partitions ahead of time, retention.
//! - `figures`: what overviews show, added up.
//!
//! *Guarantee*: a message is acked only once its rows are committed, or its refusal is stored in
//! REJECTED. A message that comes again changes nothing. PostgreSQL may be away for any length of
//! time: messages stay in their streams meanwhile, and the process is unready and says why. Shown
//! by `history_is_complete_after_postgresql_was_away` and
//! `one_poisonous_row_does_not_stop_the_rest`.

pub mod config;
mod figures;
mod held;
mod pump;
mod record;
mod refuse;
mod service;
mod upkeep;

pub use config::RecorderConfig;
pub use service::Recorder;
