//! ingest: takes events in at three doors, checks them, and publishes them on EVENTS.
//!
//! - [`http`]: `POST …/msg` (Svix-compatible) and `POST …/events` (native); answers 202 once the
//!   event is stored.
//! - [`nats_request`]: requests on `posthorn.publish.<app>`; answers with the id or the error.
//! - [`nats_publish`]: what producers published on `posthorn.events.<app>.<type>`, read from the
//!   stream INBOX; what cannot be accepted goes to REJECTED with its reason.
//!
//! All doors end in [`accept`]. Nothing here touches PostgreSQL.

pub mod accept;
pub mod applications;
pub mod candidate;
mod claims;
pub mod config;
pub mod http;
pub mod nats_event;
pub mod nats_publish;
pub mod nats_request;
pub mod rejection;
mod service;
mod storing;
pub mod svix_message;

pub use config::IngestConfig;
pub use http::HttpDoor;
pub use service::Ingest;
