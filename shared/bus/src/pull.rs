//! One pull of a consumer, read to its end.
//!
//! async-nats has this as `Batch`, which ends with the first status that the server sends. A replicated
//! consumer sends messages only when a majority knows that they are handed out, and "409 Batch Completed"
//! at once, before the last messages of the same pull. Whoever stops there loses them until the ack
//! wait. So here a pull ends when all that it was promised has come, or with its time.
//! *Source*: nats-server 2.12.3, `loopAndGatherMsgs` and `addReplicatedQueuedMsg`; shown by
//! `full_pulls_and_batches_of_a_replicated_consumer_lose_nothing`.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, StatusCode, Subscriber, jetstream};
use futures::StreamExt;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::consumer::Message;
use crate::{Bus, BusError};

/// How long the end of a pull is waited for beyond its time, and the last messages beyond its end.
///
/// *Source*: a majority of three servers with `sync_interval: always` took up to 0.3 s on a busy machine.
pub(crate) const LATE: Duration = Duration::from_secs(1);
pub(crate) const DOING: &str = "pull messages";
/// With a status: how many messages of the pull will not come.
const NOT_COMING: &str = "Nats-Pending-Messages";

/// The answer to one pull.
pub struct Pulled {
    messages: Subscriber,
    context: Arc<jetstream::Context>,
    /// Messages that may still come.
    left: usize,
    until: Instant,
}

/// What one message on the inbox of a pull is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Message,
    /// The pull has ended, and so many of its messages will not come.
    Ended {
        not_coming: usize,
    },
    /// There is no such consumer, or nobody who leads it.
    Refused,
}

impl Said {
    pub(crate) fn of(status: Option<StatusCode>, headers: Option<&HeaderMap>) -> Self {
        if status.is_none_or(|status| status == StatusCode::OK) {
            return Self::Message;
        }
        let not_coming = headers
            .and_then(|headers| headers.get(NOT_COMING))
            .and_then(|value| value.as_str().parse().ok());
        match not_coming {
            Some(not_coming) => Self::Ended { not_coming },
            None if status.is_some_and(is_end) => Self::Ended {
                not_coming: usize::MAX,
            },
            None => Self::Refused,
        }
    }
}

/// "404 No Messages" and "408 Requests Pending" answer pulls that do not wait.
fn is_end(status: StatusCode) -> bool {
    status == StatusCode::NOT_FOUND || status == StatusCode::TIMEOUT
}

/// What [`Said::Refused`] means to whoever pulls.
pub(crate) fn refused(message: &async_nats::Message) -> BusError {
    let status = message.status.map_or(0, |status| status.as_u16());
    let why = message.description.as_deref().unwrap_or_default();
    let refused = std::io::Error::other(format!("refused: {status} {why}"));
    BusError::request(DOING)(refused)
}

impl Pulled {
    /// Asks a consumer for at most `max` messages of together about `max_bytes`, within `expires`.
    pub(crate) async fn ask(
        bus: &Bus,
        (stream, consumer): (&str, &str),
        max: usize,
        max_bytes: usize,
        expires: Duration,
    ) -> Result<Self, BusError> {
        let inbox = bus.client.new_inbox();
        let messages = bus.client.subscribe(inbox.clone()).await;
        let messages = messages.map_err(BusError::request(DOING))?;
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let request = json!({
            "batch": max,
            "max_bytes": max_bytes,
            "expires": u64::try_from(expires.as_nanos()).unwrap_or(u64::MAX),
        });
        let asked = bus
            .client
            .publish_with_reply(subject, inbox, request.to_string().into());
        asked.await.map_err(BusError::request(DOING))?;
        Ok(Self {
            messages,
            context: Arc::clone(&bus.jetstream),
            left: max,
            until: Instant::now() + expires + LATE,
        })
    }

    /// The next message of this pull; `None` when the pull has ended.
    ///
    /// # Errors
    /// [`BusError::Request`] when the consumer is not there, or has no leader at the moment.
    pub async fn next(&mut self) -> Result<Option<Message>, BusError> {
        while self.left > 0 {
            let Ok(Some(message)) = timeout_at(self.until, self.messages.next()).await else {
                return Ok(None);
            };
            match Said::of(message.status, message.headers.as_ref()) {
                Said::Message => {
                    self.left -= 1;
                    let context = self.context.as_ref().clone();
                    return Ok(Some(Message::new(jetstream::Message { message, context })));
                }
                Said::Ended { not_coming } => {
                    self.left = self.left.saturating_sub(not_coming);
                    self.until = self.until.min(Instant::now() + LATE);
                }
                Said::Refused => return Err(refused(&message)),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, not_coming: Option<&str>) -> Said {
        let mut headers = HeaderMap::new();
        if let Some(number) = not_coming {
            headers.insert(NOT_COMING, number);
        }
        Said::of(StatusCode::from_u16(status).ok(), Some(&headers))
    }

    #[test]
    fn a_status_with_a_number_or_of_an_end_ends_a_pull_and_others_refuse_it() {
        assert_eq!(Said::of(None, None), Said::Message);
        assert_eq!(said(409, Some("0")), Said::Ended { not_coming: 0 });
        assert_eq!(said(408, Some("7")), Said::Ended { not_coming: 7 });
        assert_eq!(said(409, None), Said::Refused);
        let not_coming = usize::MAX;
        assert_eq!(said(404, None), Said::Ended { not_coming });
        assert_eq!(said(408, None), Said::Ended { not_coming });
        assert_eq!(said(503, None), Said::Refused);
    }
}
