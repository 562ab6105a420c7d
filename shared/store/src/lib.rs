//! PostgreSQL: the source of truth for configuration and the home of history.
//!
//! This crate is the only door to the database: no SQL stands anywhere else.
//! PostgreSQL is not on the delivery path, so nothing here connects before it is used, and every
//! operation ends within a deadline ([`StoreConfig`]).
//!
//! | Module | Holds |
//! | --- | --- |
//! | [`config`], [`pool`], [`migrate`], [`error`] | how to get there, and what can go wrong |
//! | [`application`], [`endpoint`], [`endpoint_secret`], [`event_type`], [`event_type_schedule`] | configuration: rows and queries |
//! | [`inbox`] | receivers for tests, and what arrived at them |
//! | [`import`] | what was brought from elsewhere |
//! | [`operational`], [`operational_notice`] | what an organisation is told of its own endpoints and deliveries |
//! | [`disabling`] | endpoints that are disabled without a person |
//! | [`idempotency`] | which requests run or ran, and what they answered |
//! | [`token`] | tokens that ended before their time, codes that are exchanged for one |
//! | [`api_key`] | keys that speak for an organisation, sessions of browsers |
//! | [`listing`] | configuration objects listed by key, a page at a time |
//! | [`task`], [`task_work`] | background tasks of the API: asking for them, doing them |
//! | [`history`] | events, fan-out decisions, deliveries and attempts, in daily partitions |
//! | [`page`] | how lists are read page by page |

pub mod api_key;
mod append;
pub mod application;
mod column;
pub mod config;
pub mod disabling;
pub mod endpoint;
pub mod endpoint_access;
mod endpoint_audience;
pub mod endpoint_secret;
pub mod error;
pub mod event_type;
pub mod event_type_schedule;
mod failing;
pub mod history;
pub mod idempotency;
pub mod import;
pub mod inbox;
pub mod listing;
pub mod migrate;
pub mod operational;
pub mod operational_notice;
pub mod page;
pub mod pool;
mod portal_look;
pub mod task;
pub mod task_work;
mod tls;
pub mod token;

pub use config::{StoreConfig, StoreConfigError};
pub use error::StoreError;
pub use page::{Page, Position, Slice};
pub use pool::Store;
