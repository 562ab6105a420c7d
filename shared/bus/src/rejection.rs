//! Keeping refused input with its reason. Whoever refuses input, for whatever reason, does it here:
//! it is stored, counted and logged alike.
//!
//! A log line says where the input lies and never what is in it: the reason may quote it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use posthorn_chassis::{clock, entropy, metric};
use posthorn_event_schema::detail::shortened;
use posthorn_event_schema::{
    Door, Rejection, RejectionId, RejectionMeta, SchemaVersion, Timestamp, subject,
};
use tokio::time::Instant;

use crate::{Bus, PublishError, Stored};

/// At most one line in this time for each door and code: a producer that sends nothing but garbage
/// must not fill the log. The counter counts all.
const LOG_INTERVAL: Duration = Duration::from_secs(1);
/// Room for the headers of a truncated rejection, which carries no more than its id.
const HEADER_ROOM: usize = 256;

/// Input that is refused.
#[derive(Debug, Clone)]
pub struct Refused<'a> {
    /// Where it came in.
    pub door: Door,
    /// The subject that it came on.
    pub subject: &'a str,
    /// The reason as one word.
    pub code: &'static str,
    /// The reason in a sentence; what is too long of it is cut.
    pub detail: String,
    /// The trace that it belongs to.
    pub trace_id: Option<String>,
    /// Its bytes.
    pub input: Bytes,
}

impl Bus {
    /// Stores refused input with its reason on REJECTED, counts it, and logs that it happened.
    ///
    /// *Guarantee*: after `Ok` the input and its reason are stored; of an input that leaves no room
    /// for its reason, the beginning. Shown by `an_input_as_large_as_a_message_is_rejected_once`.
    ///
    /// # Errors
    /// See [`PublishError`]; the input must then be kept where it is.
    pub async fn reject(&self, refused: Refused<'_>) -> Result<RejectionId, PublishError> {
        let at = Timestamp::from_unix_micros(clock::unix_micros());
        let meta = RejectionMeta {
            version: SchemaVersion,
            id: RejectionId::generate(at, entropy::bytes()),
            at,
            door: refused.door,
            subject: refused.subject.to_owned(),
            code: refused.code.to_owned(),
            detail: shortened(refused.detail),
            trace_id: refused.trace_id,
            truncated: false,
        };
        let rejection = Rejection {
            meta,
            input: refused.input,
        };
        self.publish_rejection(&rejection).await?;
        let labels = [("door", refused.door.as_str()), ("code", refused.code)];
        metric::Counter::EventsRejected.add(1, &labels);
        self.log_rejection(&rejection, refused.code);
        Ok(rejection.meta.id)
    }

    async fn publish_rejection(&self, rejection: &Rejection) -> Result<Stored, PublishError> {
        let subject = || subject::rejected(rejection.meta.door);
        let id = || rejection.meta.id.to_string();
        let whole = self.send(subject(), id(), rejection.encode()).await;
        let error = match whole {
            Ok(sent) => match sent.stored().await {
                Err(error @ PublishError::TooLarge(_)) => error,
                settled => return settled,
            },
            Err(error) => error,
        };
        if error.is_transient() {
            return Err(error);
        }
        // Without this an input of nearly the largest size would come again for ever.
        let most = self.max_message_bytes().saturating_sub(HEADER_ROOM);
        let cut = rejection.truncated_to(most);
        self.send_bare(subject(), id(), cut.encode())
            .await?
            .stored()
            .await
    }

    fn log_rejection(&self, rejection: &Rejection, code: &'static str) {
        let door = rejection.meta.door;
        let Some(unsaid) = self.rejection_log.due((door, code), Instant::now()) else {
            return;
        };
        let (id, bytes) = (&rejection.meta.id, rejection.input.len());
        match door {
            Door::NatsPublish | Door::NatsRequest => tracing::info!(
                door = door.as_str(),
                code,
                bytes,
                unsaid,
                posthorn.rejection.id = %id,
                "input rejected"
            ),
            // Our own messages: somebody must find out why this build cannot use them.
            Door::Fanout | Door::Sender | Door::Recorder => tracing::error!(
                door = door.as_str(),
                code,
                bytes,
                unsaid,
                posthorn.rejection.id = %id,
                "message of our own moved to rejected"
            ),
        }
    }
}

/// What is told apart in the log: the door and the code.
type Kind = (Door, &'static str);

/// When each kind of rejection was last logged, and how many were not since then.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<HashMap<Kind, (Instant, u64)>>);

impl LogLimit {
    /// How many of this kind went unsaid, if it is time for a line.
    fn due(&self, kind: Kind, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.get_mut(&kind) {
            Some((last, unsaid)) if now.duration_since(*last) < LOG_INTERVAL => {
                *unsaid += 1;
                None
            }
            Some((_, unsaid)) => {
                let count = *unsaid;
                lines.insert(kind, (now, 0));
                Some(count)
            }
            None => {
                lines.insert(kind, (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_rejection_is_logged_once_a_second() {
        let (limit, start) = (LogLimit::default(), Instant::now());
        let kind = (Door::NatsPublish, "invalid_json");
        assert_eq!(limit.due(kind, start), Some(0));
        for _ in 0..1_000 {
            assert_eq!(limit.due(kind, start + LOG_INTERVAL / 2), None);
        }
        let other = (Door::NatsRequest, "invalid_json");
        assert_eq!(limit.due(other, start + LOG_INTERVAL / 2), Some(0));
        assert_eq!(limit.due(kind, start + LOG_INTERVAL), Some(1_000));
        assert_eq!(limit.due(kind, start + LOG_INTERVAL), None);
    }
}
