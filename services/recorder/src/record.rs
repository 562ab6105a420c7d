//! The two kinds of message that become history.

use bytes::Bytes;
use posthorn_bus::topology::Reader;
use posthorn_chassis::error_chain::chain;
use posthorn_event_schema::{Event, Outcome, batch, outcome_lines};
use posthorn_store::{Store, StoreError};

/// What history keeps; a message carries one or several of a kind.
pub(crate) trait Record: Sized + Send + Sync + 'static {
    /// The consumer that it comes from.
    const READER: Reader;
    /// The stream's name as a label.
    const STREAM: &'static str;

    /// The records of a message, one at the least.
    fn lines(message: &Bytes) -> Vec<Bytes>;

    /// Reads a record; the error says why this build cannot.
    fn decode(line: &Bytes) -> Result<Self, String>;

    /// Writes a batch: once it returns `Ok`, all of it is durable.
    fn write(store: &Store, batch: &[Self]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl Record for Event {
    const READER: Reader = Reader::RecorderEvents;
    const STREAM: &'static str = "events";

    fn lines(message: &Bytes) -> Vec<Bytes> {
        match batch::split(message) {
            Ok(parts) => parts.into_iter().map(|part| part.frame).collect(),
            // As a whole it is no event either.
            Err(_unknown) => vec![message.clone()],
        }
    }

    fn decode(line: &Bytes) -> Result<Self, String> {
        Event::decode(line).map_err(|error| chain(&error))
    }

    async fn write(store: &Store, batch: &[Self]) -> Result<(), StoreError> {
        store.write_events(batch).await.map(drop)
    }
}

impl Record for Outcome {
    const READER: Reader = Reader::RecorderOutcomes;
    const STREAM: &'static str = "outcomes";

    fn lines(message: &Bytes) -> Vec<Bytes> {
        outcome_lines::split(message).collect()
    }

    fn decode(line: &Bytes) -> Result<Self, String> {
        Outcome::decode(line).map_err(|error| error.to_string())
    }

    async fn write(store: &Store, batch: &[Self]) -> Result<(), StoreError> {
        store.write_outcomes(batch).await
    }
}
