//! The messages of a batch and the records in them: a message is settled with its last record.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use posthorn_bus::Message;
use posthorn_event_schema::Timestamp;

use crate::record::Record;

/// When a message comes again of which a refusal could not be stored.
const REFUSAL_PAUSE: Duration = Duration::from_secs(5);

/// A batch that is being written.
pub(crate) struct Held<R> {
    messages: Vec<Message>,
    states: Vec<State>,
    /// All records, in the order of their messages.
    pub(crate) records: Vec<R>,
    origins: Vec<Origin>,
}

/// How far a message is.
struct State {
    /// Its records that are neither written nor refused.
    open: usize,
    /// One of its records must come again.
    again: bool,
}

/// Where a record comes from.
struct Origin {
    message: usize,
    line: Bytes,
}

/// A record that this build cannot read.
pub(crate) struct Unreadable {
    /// The place of its message.
    pub(crate) message: usize,
    /// What it is.
    pub(crate) line: Bytes,
    /// Why it cannot be read.
    pub(crate) reason: String,
}

impl<R: Record> Held<R> {
    /// Reads a batch; what cannot be read counts as open until it is [closed](Held::close).
    pub(crate) fn read(messages: Vec<Message>) -> (Self, Vec<Unreadable>) {
        let payloads = messages.iter().map(Message::payload);
        let lines: Vec<Vec<Bytes>> = payloads.map(R::lines).collect();
        let records = lines.iter().map(Vec::len).sum();
        let mut held = Self {
            states: Vec::with_capacity(messages.len()),
            records: Vec::with_capacity(records),
            origins: Vec::with_capacity(records),
            messages,
        };
        let mut unreadable = Vec::new();
        for (message, lines) in lines.into_iter().enumerate() {
            let open = lines.len();
            for line in lines {
                match R::decode(&line) {
                    Ok(record) => {
                        held.records.push(record);
                        held.origins.push(Origin { message, line });
                    }
                    Err(reason) => unreadable.push(Unreadable {
                        message,
                        line,
                        reason,
                    }),
                }
            }
            held.states.push(State { open, again: false });
        }
        (held, unreadable)
    }

    /// The size of each record, in bytes.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.origins
            .iter()
            .map(|origin| origin.line.len())
            .collect()
    }

    /// The messages from a record's on; all before it are settled.
    pub(crate) fn messages_from(&self, record: usize) -> &[Message] {
        &self.messages[self.origins[record].message..]
    }

    /// A record's message and line.
    pub(crate) fn origin(&self, record: usize) -> (usize, Bytes) {
        let origin = &self.origins[record];
        (origin.message, origin.line.clone())
    }

    /// The subject that a message came on.
    pub(crate) fn subject(&self, message: usize) -> &str {
        self.messages[message].subject()
    }

    /// When the last message was stored, if there is any.
    pub(crate) fn last_stored_at(&self) -> Option<Timestamp> {
        self.messages.last().map(Message::stored_at)
    }

    /// Notes that records are written, and settles the messages that have no others.
    pub(crate) async fn written(&mut self, records: Range<usize>) {
        for record in records {
            self.close(self.origins[record].message, true).await;
        }
    }

    /// Notes that one record of a message is written or refused, or, if nothing is `stored`, that it
    /// must come again; with its last record the message is acked or given back.
    pub(crate) async fn close(&mut self, message: usize, stored: bool) {
        let state = &mut self.states[message];
        state.open -= 1;
        state.again |= !stored;
        if state.open > 0 {
            return;
        }
        let message = &self.messages[message];
        if state.again {
            message.give_back(REFUSAL_PAUSE).await;
        } else {
            message.ack().await;
        }
    }
}
