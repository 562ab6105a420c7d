//! Reading refused input, newest first.
//!
//! REJECTED is read message by message from its end, because the server knows no other way back; a page
//! is bounded by the messages and the bytes that are read for it.

use async_nats::jetstream;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::DirectGetErrorKind;
use futures::{StreamExt, stream};
use posthorn_event_schema::{Rejection, RejectionMeta};

use crate::topology::Stream;
use crate::{Bus, BusError};

/// Messages read for one page at most.
const MAX_READ: u64 = 1_000;
/// Bytes read for one page, beyond which no more are asked for.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Messages asked for at one time.
const CONCURRENT: usize = 8;
const DOING: &str = "read rejected input";

/// Refused input without its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedInput {
    /// Its place in REJECTED.
    pub sequence: u64,
    /// Why, where and when.
    pub meta: RejectionMeta,
    /// Bytes of the input that are kept.
    pub size: usize,
}

/// Refused input, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedPage {
    /// Those that were wanted.
    pub items: Vec<RejectedInput>,
    /// The last place that was looked at, where the next page begins; `None` when nothing was.
    pub looked_to: Option<u64>,
    /// There is nothing before that place.
    pub done: bool,
}

impl Bus {
    /// Lists refused input before a place, or from the newest on, as far as it is wanted.
    ///
    /// A page may end early, when much was read for it that is not wanted.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn list_rejected(
        &self,
        before: Option<u64>,
        limit: u16,
        wanted: impl Fn(&RejectionMeta) -> bool,
    ) -> Result<RejectedPage, BusError> {
        let stream = self.jetstream.get_stream(Stream::Rejected.name()).await;
        let stream = stream.map_err(BusError::request(DOING))?;
        let state = &stream.cached_info().state;
        let newest = before.map_or(state.last_sequence, |before| {
            state.last_sequence.min(before.saturating_sub(1))
        });
        let oldest = state.first_sequence.max(1);
        let mut page = RejectedPage {
            items: Vec::new(),
            looked_to: None,
            done: true,
        };
        if state.messages == 0 || newest < oldest {
            return Ok(page);
        }
        let lowest = oldest.max(newest.saturating_sub(MAX_READ - 1));
        let mut found = stream::iter((lowest..=newest).rev())
            .map(|sequence| read(&stream, sequence))
            .buffered(CONCURRENT);
        let mut bytes = 0;
        while let Some(message) = found.next().await {
            let (sequence, message) = message?;
            page.looked_to = Some(sequence);
            if let Some(message) = message {
                bytes += message.payload.len();
                page.items.extend(input(&message, &wanted));
            }
            if page.items.len() >= usize::from(limit) || bytes >= MAX_BYTES {
                break;
            }
        }
        page.done = page.looked_to.is_none_or(|looked_to| looked_to <= oldest);
        Ok(page)
    }

    /// Reads refused input with its bytes; `None` when it is not there (any more).
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn rejected_at(&self, sequence: u64) -> Result<Option<Rejection>, BusError> {
        // The server has no such place, and says that the question is no good.
        if sequence == 0 {
            return Ok(None);
        }
        let stream = self.jetstream.get_stream(Stream::Rejected.name()).await;
        let stream = stream.map_err(BusError::request(DOING))?;
        let (_, message) = read(&stream, sequence).await?;
        Ok(message.and_then(|message| Rejection::decode(&message.payload).ok()))
    }
}

async fn read(
    stream: &jetstream::stream::Stream,
    sequence: u64,
) -> Result<(u64, Option<StreamMessage>), BusError> {
    match stream.direct_get(sequence).await {
        Ok(message) => Ok((sequence, Some(message))),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok((sequence, None)),
        Err(error) => Err(BusError::request(DOING)(error)),
    }
}

fn input(
    message: &StreamMessage,
    wanted: impl Fn(&RejectionMeta) -> bool,
) -> Option<RejectedInput> {
    let rejection = Rejection::decode(&message.payload).ok()?;
    wanted(&rejection.meta).then(|| RejectedInput {
        sequence: message.sequence,
        size: rejection.input.len(),
        meta: rejection.meta,
    })
}
