//! What is recorded, seen the moment it is stored: the server repeats each message of OUTCOMES on a
//! subject of its own, which costs nothing while nobody listens.
//!
//! OUTCOMES is a work queue, so it can have no second consumer; and a consumer would hold messages back
//! for readers that may be slow. Nothing here is durable: what comes while the connection is down, or
//! faster than it is read, is lost, and the sequence tells that it was.

use async_nats::{Message, Subscriber};
use futures::StreamExt;
use posthorn_event_schema::{Outcome, outcome_lines, subject};

use crate::topology::Stream;
use crate::{Bus, BusError};

/// The header with a repeated message's place. *Source*: nats-server's `JSSequence`.
const SEQUENCE: &str = "Nats-Sequence";

/// The outcomes of one message, with its place in OUTCOMES.
#[derive(Debug)]
pub struct LiveRecords {
    /// Its place; each is one more than the one before it, unless something was missed.
    pub sequence: u64,
    /// What happened, one at the least; `None` for what this build cannot read.
    pub outcomes: Vec<Option<Outcome>>,
}

/// The outcomes from now on.
#[derive(Debug)]
pub struct LiveOutcomes(Subscriber);

impl Bus {
    /// Listens to outcomes; returns the place in OUTCOMES after which none is missed.
    ///
    /// # Errors
    /// [`BusError::Request`] when NATS does not answer.
    pub async fn live_outcomes(&self) -> Result<(LiveOutcomes, u64), BusError> {
        let doing = "listen to outcomes";
        let subscriber = self.client.subscribe(subject::LIVE_OUTCOMES_FILTER).await;
        let subscriber = subscriber.map_err(BusError::request(doing))?;
        // The server has the subscription before it is asked where the stream ends.
        let flushed = self.client.flush().await;
        flushed.map_err(BusError::request(doing))?;
        let stream = self.jetstream.get_stream(Stream::Outcomes.name()).await;
        let stream = stream.map_err(BusError::request(doing))?;
        let last = stream.cached_info().state.last_sequence;
        Ok((LiveOutcomes(subscriber), last))
    }
}

impl LiveOutcomes {
    /// The next outcomes; `None` once the connection is closed for good.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Option<LiveRecords> {
        loop {
            let message = self.0.next().await?;
            if let Some(sequence) = sequence(&message) {
                let lines = outcome_lines::split(&message.payload);
                let outcomes = lines.map(|line| Outcome::decode(&line).ok()).collect();
                return Some(LiveRecords { sequence, outcomes });
            }
        }
    }
}

fn sequence(message: &Message) -> Option<u64> {
    let value = message.headers.as_ref()?.get(SEQUENCE)?;
    value.as_str().parse().ok()
}
