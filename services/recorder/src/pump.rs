//! One reader's loop: a batch of messages, one transaction, then the acks.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::batches::Limits;
use posthorn_bus::{Batches, Bus, Message};
use posthorn_chassis::error_chain::chain;
use posthorn_chassis::readiness::Gate;
use posthorn_chassis::{Shutdown, clock, metric};
use posthorn_event_schema::Timestamp;
use posthorn_store::{Store, StoreError};
use tokio::time::Instant;

use crate::RecorderConfig;
use crate::held::{Held, Unreadable};
use crate::record::Record;
use crate::refuse::refuse;

/// Bytes of records that are taken at a time, a message more or less, and in one transaction at most (or
/// one record).
const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;
/// How often the server hears that held messages are still worked on; a third of the ack wait.
const STILL_HERE: Duration = Duration::from_secs(10);
/// First and longest pause between two tries while PostgreSQL is away. The longest also bounds how
/// late catching up begins.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// When messages that a stopping process still held come again, elsewhere or after its restart.
const GIVE_BACK: Duration = Duration::from_millis(100);

/// What a pump needs.
pub(crate) struct Pump {
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) config: RecorderConfig,
    pub(crate) gate: Arc<Gate>,
    pub(crate) shutdown: Shutdown,
}

/// The process is stopping; what was not written was given back.
struct Stopping;

impl Pump {
    /// Writes what comes until the shutdown is requested.
    pub(crate) async fn run<R: Record>(self, mut batches: Batches) {
        let limits = Limits {
            messages: RecorderConfig::MESSAGES,
            bytes: MAX_BATCH_BYTES,
            age: self.config.batch_age,
        };
        loop {
            let batch = tokio::select! {
                batch = batches.next(limits) => batch,
                // What was collected so far comes again after the ack wait.
                () = self.shutdown.requested() => return,
            };
            if let Err(Stopping) = self.record::<R>(batch).await {
                return;
            }
        }
    }

    async fn record<R: Record>(&self, batch: Vec<Message>) -> Result<(), Stopping> {
        let (mut held, unreadable) = Held::<R>::read(batch);
        for Unreadable {
            message,
            line,
            reason,
        } in unreadable
        {
            let stored = refuse(&self.bus, held.subject(message), line, "unreadable", reason).await;
            held.close(message, stored).await;
        }
        let mut open = pieces(&held.sizes(), MAX_BATCH_BYTES, self.config.batch_rows);
        let mut next_sign = Instant::now() + STILL_HERE;
        // The oldest piece is on top.
        open.reverse();
        while let Some(piece) = open.pop() {
            let messages = held.messages_from(piece.start);
            let records = &held.records[piece.clone()];
            match self.write(records, messages, &mut next_sign).await {
                Ok(()) => {
                    held.written(piece).await;
                    lag::<R>(&held);
                }
                Err(Failure::Stopping) => {
                    for message in messages {
                        message.give_back(GIVE_BACK).await;
                    }
                    return Err(Stopping);
                }
                Err(Failure::Data(error)) if piece.len() == 1 => {
                    let (message, line) = held.origin(piece.start);
                    let (subject, reason) = (held.subject(message), chain(&error));
                    let code = "refused_by_database";
                    let stored = refuse(&self.bus, subject, line, code, reason).await;
                    held.close(message, stored).await;
                }
                Err(Failure::Data(_)) => open.extend(halves(piece)),
            }
        }
        Ok(())
    }

    /// Writes one piece, however long PostgreSQL is away; `held` are the messages that the server
    /// must not hand out again meanwhile, and it hears so at `next_sign`.
    async fn write<R: Record>(
        &self,
        piece: &[R],
        held: &[Message],
        next_sign: &mut Instant,
    ) -> Result<(), Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let written = tokio::select! {
                written = R::write(&self.store, piece) => written,
                never = still_here(held, next_sign) => match never {},
            };
            let error = match written {
                Ok(()) => {
                    self.gate.ready();
                    measure::<R>(piece.len(), started);
                    return Ok(());
                }
                Err(error) if error.is_data() => return Err(Failure::Data(error)),
                Err(error) => error,
            };
            self.gate.unready(chain(&error));
            tracing::debug!(
                stream = R::STREAM,
                error = chain(&error),
                "history not written"
            );
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                never = still_here(held, next_sign) => match never {},
                () = self.shutdown.requested() => return Err(Failure::Stopping),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Why a piece was not written.
enum Failure {
    /// At least one of its rows can never be written.
    Data(StoreError),
    /// The process is stopping.
    Stopping,
}

/// Tells the server at a steady rhythm, over all pieces of a batch, that its messages are still worked on.
async fn still_here(held: &[Message], next_sign: &mut Instant) -> std::convert::Infallible {
    loop {
        tokio::time::sleep_until(*next_sign).await;
        for message in held {
            message.in_progress().await;
        }
        *next_sign = Instant::now() + STILL_HERE;
    }
}

fn lag<R: Record>(held: &Held<R>) {
    if let Some(stored_at) = held.last_stored_at() {
        let now = Timestamp::from_unix_micros(clock::unix_micros());
        let lag = now.since(stored_at).as_secs_f64();
        metric::Gauge::RecorderLagSeconds.set(lag, &[("stream", R::STREAM)]);
    }
}

fn measure<R: Record>(rows: usize, started: Instant) {
    let labels = [("stream", R::STREAM)];
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    metric::Histogram::RecorderBatchSize.record(f64::from(rows), &labels);
    let seconds = started.elapsed().as_secs_f64();
    metric::Histogram::RecorderFlushDurationSeconds.record(seconds, &labels);
}

/// Cuts a batch so that no piece has more bytes, single records excepted, or more records: what is too
/// much for one statement would time out again and again.
fn pieces(sizes: &[usize], most_bytes: usize, most_records: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, size) in sizes.iter().enumerate() {
        let full = bytes + size > most_bytes || index - start >= most_records;
        if index > start && full {
            pieces.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        pieces.push(start..sizes.len());
    }
    pieces
}

/// Both halves of a piece, the later one first.
fn halves(piece: Range<usize>) -> [Range<usize>; 2] {
    let middle = piece.start + piece.len() / 2;
    [middle..piece.end, piece.start..middle]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cut_by_bytes_and_number_and_nothing_is_left_out() {
        assert_eq!(pieces(&[4, 4, 4, 20, 1], 10, 9), [0..2, 2..3, 3..4, 4..5]);
        assert!(pieces(&[], 10, 9).is_empty());
        assert_eq!(pieces(&[1, 1], 10, 9), std::slice::from_ref(&(0..2)));
        assert_eq!(pieces(&[1; 7], 10, 3), [0..3, 3..6, 6..7]);
    }

    #[test]
    fn halving_reaches_every_single_record() {
        let mut open = Vec::from(halves(0..5));
        let mut singles = Vec::new();
        while let Some(piece) = open.pop() {
            if piece.len() == 1 {
                singles.push(piece.start);
            } else {
                open.extend(halves(piece));
            }
        }
        assert_eq!(singles, [0, 1, 2, 3, 4]);
    }
}
