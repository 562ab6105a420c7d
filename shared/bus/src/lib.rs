//! JetStream, and the only door to it: subjects, acks and trace headers are written once, here.
//!
//! - [`topology`]: streams, consumers and buckets as data; [`Role`]: who makes which of them, by
//!   [`Bus::ensure`].
//! - [`publisher`]: typed publishes that return once the message is stored.
//! - [`events`]: accepted events on their way to EVENTS.
//! - [`jobs`]: deliveries on their way to JOBS.
//! - [`rejection`]: refused input, kept with its reason; [`rejected`]: reading it.
//! - [`consumer`]: typed reading; an input is acked only after its results are stored.
//! - [`batches`]: the same, as much at a time as has come.
//! - [`LastAck`]: acks of a queue that does not run empty between two messages.
//! - [`waiting`]: the waiting room, read by the owner of a partition at its own pace.
//! - [`config_bucket`], [`snapshot`]: the configuration that the hot path reads.
//! - [`idempotency`]: which keys were used, for whom and with what result.
//! - [`fleet`]: how full the streams are, and how far behind their readers.
//! - [`live`]: outcomes seen the moment they are stored.
//! - [`members`]: which senders live, and which partitions each of them holds.
//! - [`backlog`]: how much work waits at each stage, and for how long.
//! - [`producer`]: publishing as any producer does.
//! - [`trace_context`]: one trace per event, carried in message headers.
//!
//! # Guarantee
//! Every publish returns `Ok` only after the server's publish ack: the message is then in the stream's
//! store (and on disk, where the server runs with `sync_interval: always`). Dying right after loses
//! nothing. What is alone in its message, and jobs that share one with none of another caller's, have a
//! deterministic `Nats-Msg-Id`, so that repeating the publish stores nothing new within the stream's duplicate
//! window; everything else that shares a message is recognised by those who read it.

pub mod backlog;
pub mod batches;
mod config;
pub mod config_bucket;
mod connect;
pub mod consumer;
mod ensure;
mod error;
pub mod events;
pub mod fleet;
pub mod idempotency;
pub mod jobs;
mod last_ack;
pub mod live;
pub mod members;
pub mod ordered;
mod outcomes;
pub mod producer;
pub mod publisher;
pub mod pull;
pub mod rejected;
pub mod rejection;
pub mod requests;
mod role;
pub mod slots;
pub mod snapshot;
mod together;
pub mod topology;
pub mod trace_context;
pub mod waiting;

pub use batches::Batches;
pub use config::BusConfig;
pub use connect::{Bus, OLDEST_SERVER};
pub use consumer::{Message, Messages, Partition as JobPartition};
pub use error::{BusError, PublishError};
pub use jobs::{NewJob, NotStored};
pub use last_ack::LastAck;
pub use publisher::Stored;
pub use rejection::Refused;
pub use role::Role;
