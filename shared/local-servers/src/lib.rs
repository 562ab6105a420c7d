//! Real servers as child processes: nats-server and PostgreSQL, for `posthorn dev` and for the tests.
//!
//! Two halves. [`Tools`] *finds* a server on this machine, or fetches a pinned one into the
//! workspace's `.tools/` folder. [`NatsServer`] and [`PostgresServer`] *run* what was found: they
//! choose a port, wait until the server answers, and can stop, crash and restart it on the same
//! port with the same files.
//!
//! Nothing is left behind. Every server is a [`SupervisedChild`]: dropping it ends the server, and
//! if our own process dies without dropping anything (`kill -9`, a test runner's time-out), a small
//! watchdog process ends the server instead. See [`child`] for how.
//!
//! Separate from the chassis because production never starts a server: no role depends on this.

pub mod child;
pub mod error;
pub mod nats;
pub mod port;
pub mod postgres;
pub mod tools;

mod account;
mod command;
mod lock;
mod orphan;
mod scheduling;
mod version;
mod watchdog;

pub use child::{Signal, SupervisedChild};
pub use error::{Error, Refused};
pub use nats::{NatsOptions, NatsServer, SyncInterval};
pub use postgres::{PostgresOptions, PostgresServer};
pub use tools::{NatsTool, Origin, PostgresTool, Tools};
pub use version::Version;
