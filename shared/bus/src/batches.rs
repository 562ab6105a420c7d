//! A consumer read in batches, at the rhythm of its reader.
//!
//! A standing pull hands out each message as it comes, and each time the server's side of the consumer, its
//! connection and the reader wake up. A reader that waits for more anyway, as the recorder does for its
//! transactions, lets them wait in the stream instead, and takes all of them at once.
//! *Source*: with this the recorder took 0.03 instead of 0.09 core-seconds per 1,000 events at 1,000/s, and
//! nats-server 0.57 instead of 0.61, in turns on one machine.
//!
//! All pulls of a reader have the same inbox: what comes after the end of its pull, as a replicated
//! consumer may send it, belongs to the next batch.

use std::time::Duration;

use async_nats::{Subscriber, jetstream};
use futures::StreamExt;
use posthorn_chassis::error_chain;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use crate::consumer::{Message, consumer};
use crate::pull::{DOING, LATE, Said, refused};
use crate::topology::Reader;
use crate::{Bus, BusError};

/// How long the server keeps a pull while there is nothing. Short, so that one that is lost in a restart of
/// NATS is soon repeated.
const EXPIRES: Duration = Duration::from_secs(5);
/// Pause after a pull that brought nothing: the server refuses one at once while earlier ones of other readers
/// are about to take all there is.
const BREATH: Duration = Duration::from_millis(20);
/// Pause after a pull that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// What one batch may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Messages.
    pub messages: usize,
    /// Bytes of messages, but never less than two of the largest.
    pub bytes: usize,
    /// How long the first message waits for others.
    pub age: Duration,
}

/// A consumer read in batches; it outlives restarts of NATS.
pub struct Batches {
    bus: Bus,
    reader: Reader,
    /// Each pull is answered at a subject of its own below it, so that the end of an earlier one is not
    /// taken for that of a later one.
    inbox: String,
    answers: Subscriber,
    pulls: u64,
}

#[derive(Default)]
struct Batch {
    messages: Vec<Message>,
    bytes: usize,
}

impl Bus {
    /// Reads a consumer in batches.
    ///
    /// A consumer that a restart of nats-server has made forgotten is made anew.
    ///
    /// # Errors
    /// [`BusError::Setup`] when the consumer cannot be reached or made; [`BusError::Request`] without a
    /// connection.
    pub async fn batches(&self, reader: Reader) -> Result<Batches, BusError> {
        consumer(self, reader).await?;
        let inbox = self.client.new_inbox();
        let answers = self.client.subscribe(format!("{inbox}.*")).await;
        Ok(Batches {
            bus: self.clone(),
            reader,
            inbox,
            answers: answers.map_err(BusError::request(DOING))?,
            pulls: 0,
        })
    }
}

impl Batches {
    /// Waits for a first message, however long it takes, then for the age of the batch, unless it is full,
    /// and takes what is there by then.
    ///
    /// # Cancel safety
    /// Not safe after the first message: messages collected so far come again only after the
    /// consumer's ack wait.
    pub async fn next(&mut self, limits: Limits) -> Vec<Message> {
        // A message that is larger than what a pull may bring is never handed out.
        let largest = 2 * self.bus.max_message_bytes();
        let bytes = limits.bytes.max(largest);
        let mut batch = Batch::default();
        loop {
            let pulled = self.pull(&mut batch, limits.messages, bytes, EXPIRES).await;
            self.recover(pulled).await;
            if !batch.messages.is_empty() {
                break;
            }
            sleep(BREATH).await;
        }
        let messages = limits.messages.saturating_sub(batch.messages.len());
        let bytes = bytes.saturating_sub(batch.bytes);
        if messages > 0 && bytes >= largest {
            sleep(limits.age).await;
            let pulled = self.pull(&mut batch, messages, bytes, Duration::ZERO).await;
            self.recover(pulled).await;
        }
        batch.messages
    }

    /// One pull for what is there; if there is nothing, for what comes first within a time.
    async fn pull(
        &mut self,
        batch: &mut Batch,
        messages: usize,
        bytes: usize,
        expires: Duration,
    ) -> Result<(), BusError> {
        self.pulls += 1;
        let answer = format!("{}.{}", self.inbox, self.pulls);
        let (stream, name) = (self.reader.stream().name(), self.reader.name());
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
        let mut request = json!({"batch": messages, "max_bytes": bytes, "no_wait": true});
        if !expires.is_zero() {
            request["expires"] = json!(u64::try_from(expires.as_nanos()).unwrap_or(u64::MAX));
        }
        let request = request.to_string().into();
        let client = &self.bus.client;
        let asked = client.publish_with_reply(subject, answer.clone(), request);
        asked.await.map_err(BusError::request(DOING))?;
        let until = Instant::now() + expires + LATE;
        let enough = batch.messages.len() + messages;
        while batch.messages.len() < enough {
            let Ok(message) = timeout_at(until, self.answers.next()).await else {
                break;
            };
            let ended = || std::io::Error::other("the subscription has ended");
            let message = message.ok_or_else(|| BusError::request(DOING)(ended()))?;
            match Said::of(message.status, message.headers.as_ref()) {
                Said::Message => batch.add(&self.bus, message),
                // Of an earlier pull.
                _ if message.subject.as_str() != answer => {}
                Said::Ended { .. } => break,
                Said::Refused => return Err(refused(&message)),
            }
        }
        Ok(())
    }

    async fn recover(&self, pulled: Result<(), BusError>) {
        let Err(error) = pulled else { return };
        let (reader, reason) = (self.reader.name(), error_chain::chain(&error));
        tracing::debug!(reader, reason, "pull failed");
        sleep(PAUSE).await;
        if let Err(error) = consumer(&self.bus, self.reader).await {
            let reason = error_chain::chain(&error);
            tracing::warn!(reader, reason, "consumer not reached");
        }
    }
}

impl Batch {
    fn add(&mut self, bus: &Bus, message: async_nats::Message) {
        self.bytes += message.length;
        let context = bus.jetstream.as_ref().clone();
        let message = jetstream::Message { message, context };
        self.messages.push(Message::new(message));
    }
}
