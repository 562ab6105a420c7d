//! What came back from an endpoint, as far as it is kept.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use posthorn_event_schema::{AttemptHeaders, FailureClass, Wish};

/// Bytes of an answer's body that are read; what follows is dropped with the connection.
pub const MAX_READ_BYTES: usize = 64 * 1024;
/// Bytes of an answer's body that history keeps.
pub const MAX_KEPT_BYTES: usize = 16 * 1024;

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// Its body's beginning.
        body: Kept,
        /// Its `Retry-After` header.
        retry_after: Option<String>,
        /// Its `webhook-delivery` header.
        wish: Option<Wish>,
    },
    /// No HTTP answer.
    Failed {
        /// Why, as a class.
        class: FailureClass,
        /// Why, in words fit for the customer.
        words: String,
    },
}

/// The beginning of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// As text; base64 when it is not UTF-8.
    pub text: String,
    /// There was more.
    pub truncated: bool,
}

/// An answer and how long it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// What came back.
    pub answer: Answer,
    /// From the beginning of connecting to the end of the body.
    pub took: Duration,
    /// What was sent and received beside the bodies.
    pub headers: AttemptHeaders,
}

impl Timed {
    /// No request was made; `words` say why, fit for the customer.
    #[must_use]
    pub fn not_sent(words: &str) -> Self {
        Self {
            answer: Answer::Failed {
                class: FailureClass::Request,
                words: words.to_owned(),
            },
            took: Duration::ZERO,
            headers: AttemptHeaders::default(),
        }
    }
}

impl Kept {
    /// Keeps the beginning of what was read. `ended` tells whether the body ended there.
    #[must_use]
    pub fn from_read(read: &[u8], ended: bool) -> Self {
        let truncated = !ended || read.len() > MAX_KEPT_BYTES;
        let kept = &read[..read.len().min(MAX_KEPT_BYTES)];
        Self {
            text: to_text(kept, truncated),
            truncated,
        }
    }
}

/// UTF-8 as it is (a character cut in two by the limit is dropped), anything else as base64.
fn to_text(kept: &[u8], cut: bool) -> String {
    match std::str::from_utf8(kept) {
        Ok(text) => text.to_owned(),
        Err(error) if cut && error.error_len().is_none() => {
            String::from_utf8_lossy(&kept[..error.valid_up_to()]).into_owned()
        }
        Err(_) => STANDARD.encode(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_is_cut_between_characters() {
        let kept = Kept::from_read("é".repeat(MAX_KEPT_BYTES).as_bytes(), true);
        assert!(kept.truncated && kept.text.len() == MAX_KEPT_BYTES);
        let odd = format!("x{}", "é".repeat(MAX_KEPT_BYTES));
        let kept = Kept::from_read(odd.as_bytes(), true);
        assert_eq!(kept.text.len(), MAX_KEPT_BYTES - 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_as_base64() {
        let kept = Kept::from_read(&[0xff, 0x00], true);
        assert_eq!((kept.text.as_str(), kept.truncated), ("/wA=", false));
    }

    #[test]
    fn a_body_that_goes_on_is_marked() {
        assert!(Kept::from_read(b"x", false).truncated);
    }
}
