//! History: what happened to each event.
//!
//! The recorder writes it in batches ([`Store::write_events`], [`Store::write_outcomes`]), the API
//! reads it. Writing is idempotent and independent of order: each row's key names a fact, and a
//! delivery's row only ever grows.
//!
//! All rows of an event stand in the partition of the UTC day on which it was accepted.
//! Partitions are made when they are first needed and dropped by retention ([`days`]).
//!
//! [`Store::write_events`]: crate::Store::write_events
//! [`Store::write_outcomes`]: crate::Store::write_outcomes

mod activity;
mod aftermath;
mod attempt_query;
mod attempts;
pub mod days;
mod deliveries;
mod delivery_row;
mod endpoint_events;
mod events;
mod expunge;
mod facts;
mod fanouts;
mod figures;
mod overview;
mod replay;
mod rollup;
mod state;
mod waiting;
mod why;
mod window;
mod write_aftermath;
mod write_attempts;
mod write_deliveries;
mod write_events;
mod write_fanouts;
mod write_outcomes;

pub use activity::{Attempts, EndpointActivity, NewestAttempt};
pub use attempts::{AttemptFilter, StoredAttempt, StoredHeaders};
pub(crate) use days::KnownDays;
pub use days::{Dropped, day_of};
pub use deliveries::{Cancelled, LastAttempt, StoredDelivery};
pub use endpoint_events::{EndpointEvent, EndpointEventFilter};
pub use events::{Body, Content, EventFilter, EventPlace, StoredEvent};
pub use expunge::EXPUNGED_RESPONSE;
pub use fanouts::FanoutDecision;
pub use figures::{Figures, FiguresByType, Span};
pub use overview::{
    Audience, Counts, FailedAttempt, Latency, Overview, Range, Resolution, Summary, WorstEndpoint,
};
pub use replay::{Fate, Replay, ReplayEvent, ReplayPosition};
pub use state::DeliveryState;
pub use waiting::{Calendar, WaitingAt, WaitingDelivery, WaitingEndpoint};
pub use why::{Concerned, EventEndpoint};
