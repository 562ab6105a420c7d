//! Event types and channels: the two names by which endpoints choose events.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text;

/// Longest event type in bytes. *Source*: Svix's API.
pub const MAX_EVENT_TYPE_LEN: usize = 256;
/// Longest channel in bytes. *Source*: Svix's hosted API.
pub const MAX_CHANNEL_LEN: usize = 128;

/// Why a text is not an event type or a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or longer than allowed.
    #[error("must have 1 to {0} characters")]
    Length(usize),
    /// A character outside the allowed set.
    #[error("may contain only {0}")]
    Characters(&'static str),
    /// A dot at an end, or two in a row: the name would not map onto subject tokens.
    #[error("must not begin or end with a dot or contain two dots in a row")]
    Dots,
}

/// A dotted name of a kind of event, such as `file.deleted`.
///
/// Its dots map one to one onto the tokens of the subject that NATS producers publish on, hence
/// no empty parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EventType(Arc<str>);

impl EventType {
    /// Reads and checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > MAX_EVENT_TYPE_LEN {
            return Err(NameError::Length(MAX_EVENT_TYPE_LEN));
        }
        if !text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
        {
            return Err(NameError::Characters("letters, digits, `-`, `_` and `.`"));
        }
        if text.split('.').any(str::is_empty) {
            return Err(NameError::Dots);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A second axis of subscription, such as a project or a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Channel(Arc<str>);

impl Channel {
    /// Reads and checks a name.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > MAX_CHANNEL_LEN {
            return Err(NameError::Length(MAX_CHANNEL_LEN));
        }
        let allowed =
            |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b':' | b'+');
        if !text.bytes().all(allowed) {
            return Err(NameError::Characters(
                "letters, digits, `-`, `_`, `.`, `:` and `+`",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, Self::parse)
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_type_maps_onto_subject_tokens() {
        for good in ["file.deleted", "a", "A-b_c.D1", &"x".repeat(256)] {
            assert!(EventType::parse(good).is_ok(), "{good}");
        }
        for dots in [".a", "a.", "a..b", "."] {
            assert_eq!(EventType::parse(dots), Err(NameError::Dots), "{dots}");
        }
        for bad in ["", "a b", "a*", "a>", "é", "a\n", &"x".repeat(257)] {
            assert!(EventType::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_channel_may_hold_colons_and_pluses() {
        assert!(Channel::parse("project:1+eu.a_b-c").is_ok());
        assert!(Channel::parse("a b").is_err());
        assert_eq!(
            Channel::parse(&"x".repeat(129)),
            Err(NameError::Length(128))
        );
    }
}
