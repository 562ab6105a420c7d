//! What a receiver asks for in its answer, beside saying whether it took the event.

use serde::{Deserialize, Serialize};

/// What a receiver asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// `webhook-delivery: abort-message`: no further attempt of this delivery.
    AbortMessage,
    /// `webhook-delivery: disable`: no further request at all.
    Disable,
    /// Status 410: the endpoint is gone for good.
    Gone,
}

impl Wish {
    /// Whether the endpoint is to be disabled.
    #[must_use]
    pub fn disables(self) -> bool {
        matches!(self, Self::Disable | Self::Gone)
    }

    /// The wish as one word, for history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AbortMessage => "abort_message",
            Self::Disable => "disable",
            Self::Gone => "gone",
        }
    }
}

/// A wish, and which endpoint it was addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverWish {
    /// What is asked for.
    pub asks: Wish,
    /// The version of the endpoint's configuration that the request was made with. Who enables the
    /// endpoint later makes a higher one, which the wish was not meant for.
    pub endpoint_version: i64,
}
