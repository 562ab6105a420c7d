//! The two kinds of message that become history.

use bytes::Bytes;
use posthorn_bus::topology::Reader;
use posthorn_chassis::error_chain::chain;
use posthorn_event_schema::{Event, Outcome};
use posthorn_store::{Store, StoreError};

/// A message that history keeps.
pub(crate) trait Record: Sized + Send + Sync + 'static {
    /// The consumer that it comes from.
    const READER: Reader;
    /// The stream's name as a label.
    const STREAM: &'static str;

    /// Reads a message; the error says why this build cannot.
    fn decode(message: &Bytes) -> Result<Self, String>;

    /// Writes a batch: once it returns `Ok`, all of it is durable.
    fn write(store: &Store, batch: &[Self]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl Record for Event {
    const READER: Reader = Reader::RecorderEvents;
    const STREAM: &'static str = "events";

    fn decode(message: &Bytes) -> Result<Self, String> {
        Event::decode(message).map_err(|error| chain(&error))
    }

    async fn write(store: &Store, batch: &[Self]) -> Result<(), StoreError> {
        store.write_events(batch).await.map(drop)
    }
}

impl Record for Outcome {
    const READER: Reader = Reader::RecorderOutcomes;
    const STREAM: &'static str = "outcomes";

    fn decode(message: &Bytes) -> Result<Self, String> {
        Outcome::decode(message).map_err(|error| error.to_string())
    }

    async fn write(store: &Store, batch: &[Self]) -> Result<(), StoreError> {
        store.write_outcomes(batch).await
    }
}
