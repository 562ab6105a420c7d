//! Typed reading. A message is acked only after everything that follows from it is stored.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::message::Acker;
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use futures::StreamExt;
use posthorn_event_schema::batch::{self, Part};
use posthorn_event_schema::{FrameError, Partition as PartitionNumber, Timestamp};

use crate::pull::Pulled;
use crate::topology::Reader;
use crate::{Bus, BusError, ensure, trace_context};

/// Pause before a broken subscription is made anew.
const RESUBSCRIBE_PAUSE: Duration = Duration::from_millis(500);
/// The server confirms at this rhythm that a pull is still known to it.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long one standing pull lasts.
const PULL_EXPIRES: Duration = Duration::from_secs(30);

impl Bus {
    /// Reads a consumer continuously, at most `prefetch` messages ahead of the reader.
    ///
    /// A consumer that a restart of nats-server has made forgotten is made anew.
    ///
    /// # Errors
    /// [`BusError::Setup`] when the consumer cannot be reached or made.
    pub async fn messages(&self, reader: Reader, prefetch: usize) -> Result<Messages, BusError> {
        let stream = subscribe(self, reader, prefetch).await?;
        Ok(Messages {
            bus: self.clone(),
            reader,
            prefetch,
            stream: Some(stream),
        })
    }

    /// The jobs of one partition, pulled in numbers that the caller chooses each time.
    ///
    /// A consumer that a restart of nats-server has made forgotten is made anew; it hands out again
    /// all that was not acked.
    ///
    /// # Errors
    /// [`BusError::Setup`] when the consumer cannot be reached or made.
    pub async fn partition(&self, partition: PartitionNumber) -> Result<Partition, BusError> {
        consumer(self, Reader::Sender(partition)).await?;
        Ok(Partition {
            bus: self.clone(),
            number: partition,
        })
    }
}

pub(crate) async fn consumer(bus: &Bus, reader: Reader) -> Result<PullConsumer, BusError> {
    let stream = reader.stream().name();
    let found = bus
        .jetstream
        .get_consumer_from_stream(reader.name(), stream)
        .await;
    match found {
        Ok(consumer) => Ok(consumer),
        Err(error) if is_missing(&error) => {
            tracing::info!(reader = reader.name(), stream, "consumer made anew");
            ensure::make_reader(&bus.jetstream, reader).await
        }
        Err(error) => {
            let what = format!("consumer {} of {stream}", reader.name());
            Err(BusError::setup(what)(error.into()))
        }
    }
}

pub(crate) fn is_missing(error: &ConsumerError) -> bool {
    match error.kind() {
        ConsumerErrorKind::JetStream(error) => {
            error.error_code() == jetstream::ErrorCode::CONSUMER_NOT_FOUND
        }
        _ => false,
    }
}

async fn subscribe(bus: &Bus, reader: Reader, prefetch: usize) -> Result<pull::Stream, BusError> {
    let consumer = consumer(bus, reader).await?;
    let stream = consumer
        .stream()
        .max_messages_per_batch(prefetch)
        .heartbeat(HEARTBEAT)
        .expires(PULL_EXPIRES)
        .messages()
        .await;
    stream.map_err(|error| {
        BusError::setup(format!("subscription to {}", reader.name()))(error.into())
    })
}

/// A consumer read continuously; it outlives restarts of NATS.
pub struct Messages {
    bus: Bus,
    reader: Reader,
    prefetch: usize,
    /// `None` while the subscription is broken.
    stream: Option<pull::Stream>,
}

impl Messages {
    /// The next message, however long it takes.
    ///
    /// # Cancel safety
    /// Dropping the future loses no message.
    pub async fn next(&mut self) -> Message {
        loop {
            let Some(stream) = &mut self.stream else {
                self.resubscribe().await;
                continue;
            };
            match stream.next().await {
                Some(Ok(message)) => return Message(message),
                Some(Err(error)) => {
                    tracing::debug!(reader = self.reader.name(), error = %error, "pull interrupted");
                }
                None => {}
            }
            // A pull that nobody answered, or whose heartbeat is missing, is asked again by the
            // client only 5 s after it would have expired. A new subscription asks at once; what
            // was on its way to the old one comes again after the ack wait.
            self.stream = None;
        }
    }

    async fn resubscribe(&mut self) {
        loop {
            tokio::time::sleep(RESUBSCRIBE_PAUSE).await;
            match subscribe(&self.bus, self.reader, self.prefetch).await {
                Ok(stream) => {
                    self.stream = Some(stream);
                    return;
                }
                Err(error) => {
                    tracing::warn!(reader = self.reader.name(), error = %error, "cannot subscribe");
                }
            }
        }
    }
}

/// The jobs of one partition.
pub struct Partition {
    bus: Bus,
    number: PartitionNumber,
}

impl Partition {
    /// Asks for at most `max` messages of together about `max_bytes`, and yields them as they come
    /// until `expires` has passed.
    ///
    /// # Errors
    /// [`BusError::Request`] when the request could not be sent.
    pub async fn pull(
        &self,
        max: usize,
        max_bytes: usize,
        expires: Duration,
    ) -> Result<Pulled, BusError> {
        let reader = Reader::Sender(self.number);
        let (stream, name) = (reader.stream().name(), reader.name());
        Pulled::ask(&self.bus, (stream, &name), max, max_bytes, expires).await
    }
}

/// The frames of a message; the trace of one that is alone stands in the headers.
pub(crate) fn parts(payload: &Bytes, headers: Option<&HeaderMap>) -> Result<Vec<Part>, FrameError> {
    let mut parts = batch::split(payload)?;
    if let [one] = parts.as_mut_slice() {
        one.trace = trace_context::of_headers(headers);
    }
    Ok(parts)
}

/// A message that the server waits to see acked.
pub struct Message(jetstream::Message);

impl Message {
    pub(crate) fn new(message: jetstream::Message) -> Self {
        Self(message)
    }

    /// Its bytes.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.0.payload
    }

    /// The frames that it carries, each with its trace: one unless several travel together.
    ///
    /// # Errors
    /// When it is a batch that this build cannot read.
    pub fn parts(&self) -> Result<Vec<Part>, FrameError> {
        parts(self.payload(), self.headers())
    }

    /// The subject that it came on.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.0.subject.as_str()
    }

    /// Its headers, if it has any.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.0.headers.as_ref()
    }

    /// One header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()?
            .get(name)
            .map(async_nats::HeaderValue::as_str)
    }

    /// How often it was handed out, from 1.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.0
            .info()
            .map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1))
    }

    /// Its place in the stream; no two messages of a stream ever have the same.
    #[must_use]
    pub fn stream_sequence(&self) -> u64 {
        self.0.info().map_or(0, |info| info.stream_sequence)
    }

    /// When the stream stored it, by the server's clock.
    #[must_use]
    pub fn stored_at(&self) -> Timestamp {
        self.0.info().map_or(Timestamp::default(), |info| {
            let micros = info.published.unix_timestamp_nanos().div_euclid(1_000);
            Timestamp::from_unix_micros(i64::try_from(micros).unwrap_or_default())
        })
    }

    /// Tells the server that everything that follows from the message is stored.
    ///
    /// A lost ack means the message comes again, which changes nothing.
    pub async fn ack(&self) {
        self.settle(AckKind::Ack).await;
    }

    /// Gives the message back, to come again after `delay`. For seconds of back-pressure only: a
    /// message given back counts against the consumer until it comes again.
    pub async fn give_back(&self, delay: Duration) {
        self.settle(AckKind::Nak(Some(delay))).await;
    }

    /// Tells the server that the work goes on, so that it does not hand the message out again.
    pub async fn in_progress(&self) {
        self.settle(AckKind::Progress).await;
    }

    /// What is needed to ack it, while others still need its bytes.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        Receipt {
            sequence: self.stream_sequence(),
            acker: Acker::new(self.0.context.clone(), self.0.reply.clone()),
        }
    }

    /// What is needed to ack it, without its bytes.
    #[must_use]
    pub fn into_receipt(self) -> Receipt {
        let sequence = self.stream_sequence();
        let (_, acker) = self.0.split();
        Receipt { sequence, acker }
    }

    async fn settle(&self, kind: AckKind) {
        if let Err(error) = self.0.ack_with(kind).await {
            tracing::debug!(subject = self.subject(), error = %error, "message not settled");
        }
    }
}

/// A message that the server waits to see acked, without its bytes.
pub struct Receipt {
    sequence: u64,
    acker: Acker,
}

impl Receipt {
    /// Its place in the stream.
    #[must_use]
    pub fn stream_sequence(&self) -> u64 {
        self.sequence
    }

    /// Tells the server that everything that follows from the message is stored.
    pub async fn ack(&self) {
        if let Err(error) = self.acker.ack().await {
            tracing::debug!(error = %error, "message not settled");
        }
    }
}
