//! Input that could not be accepted or processed, kept with the reason.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::frame::{self, FrameError};
use crate::{RejectionId, SchemaVersion, Timestamp};

/// Refused input with the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// Everything but the input.
    pub meta: RejectionMeta,
    /// The refused bytes, as they came; their beginning if [`RejectionMeta::truncated`].
    pub input: Bytes,
}

/// Why, where and when input was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectionMeta {
    /// Schema version.
    #[serde(rename = "v")]
    pub version: SchemaVersion,
    /// This refusal.
    pub id: RejectionId,
    /// When it happened.
    pub at: Timestamp,
    /// Where the input came in.
    pub door: Door,
    /// The subject that it came on.
    pub subject: String,
    /// The reason as one word.
    pub code: String,
    /// The reason in a sentence, see [`detail`](crate::detail).
    pub detail: String,
    /// The trace that the producer began, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The input together with its reason was larger than a message may be, so its end is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Where refused input came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// A producer's publish, through INBOX.
    NatsPublish,
    /// A producer's request.
    NatsRequest,
    /// A message of EVENTS that fan-out could not read.
    Fanout,
    /// A message of JOBS or WAITING that a sender could not read.
    Sender,
    /// A message of EVENTS or OUTCOMES that the recorder could not read.
    Recorder,
}

impl Door {
    /// The door as one word: a token of the subject, a label of the metric.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NatsPublish => "nats_publish",
            Self::NatsRequest => "nats_request",
            Self::Fanout => "fanout",
            Self::Sender => "sender",
            Self::Recorder => "recorder",
        }
    }
}

impl Rejection {
    /// The message as published on REJECTED.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        frame::encode(&self.meta, &self.input)
    }

    /// Reads a message of REJECTED.
    ///
    /// # Errors
    /// [`FrameError`] when it is not one that this build knows.
    pub fn decode(message: &Bytes) -> Result<Self, FrameError> {
        let (meta, input) = frame::decode(message)?;
        Ok(Self { meta, input })
    }

    /// The same with as much of its input as a message of `max_bytes` has room for, marked as
    /// truncated. The metadata stays whole, also where it alone is larger.
    #[must_use]
    pub fn truncated_to(&self, max_bytes: usize) -> Self {
        let mut cut = Self {
            meta: RejectionMeta {
                truncated: true,
                ..self.meta.clone()
            },
            input: Bytes::new(),
        };
        let room = max_bytes.saturating_sub(cut.encode().len());
        cut.input = self.input.slice(..room.min(self.input.len()));
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_rejection_fits_exactly_and_says_so() {
        let whole = Rejection {
            meta: serde_json::from_str(
                r#"{"v":1,"id":"rej_1","at":0,"door":"sender","subject":"s","code":"c","detail":"d"}"#,
            )
            .unwrap(),
            input: Bytes::from(vec![b'x'; 1_000]),
        };
        let cut = whole.truncated_to(400);
        assert!(cut.meta.truncated && !whole.meta.truncated);
        assert_eq!(cut.encode().len(), 400);
        assert_eq!(Rejection::decode(&cut.encode()).unwrap(), cut);
        assert!(whole.truncated_to(0).input.is_empty());
    }
}
