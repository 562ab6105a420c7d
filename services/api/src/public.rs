//! The JSON of the public API, in Svix's words and shapes.
//!
//! Only these types are a promise to callers; rows and bus messages are converted by hand, so that
//! a change inside never shows outside by accident.

pub mod application;
pub mod attempt;
pub mod endpoint;
pub mod event_type;
pub mod list;
pub mod message;

use serde::{Deserialize, Deserializer};

/// Tells a field that is `null` from one that is absent: `Some(None)` and `None`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
