//! How much work waits at each stage, and for how long: what alarms and autoscalers look at.
//!
//! Every process of a stage reports the same figures of the whole fleet, so they are to be read
//! with `max`, not with `sum`. They cost some requests every [`INTERVAL`] and process.

use std::time::Duration;

use posthorn_chassis::{Shutdown, clock, error_chain, metric};
use posthorn_event_schema::{Shard, Timestamp};

use crate::topology::{Reader, Stream};
use crate::{Bus, BusError};

/// How often a process looks.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// A service that takes work from a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What producers published on NATS.
    Ingest,
    /// Events that are not fanned out yet.
    Fanout,
    /// Deliveries that may run now.
    Sender,
    /// Events and outcomes that are not in history yet.
    Recorder,
}

/// What waits at a stage, what is being worked on included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many messages.
    pub messages: u64,
    /// How long the oldest of them has been there; zero when there is none.
    pub oldest_age: Duration,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Fanout, Self::Sender, Self::Recorder];

    /// The label of its figures, which is the name of the service.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Fanout => "fanout",
            Self::Sender => "sender",
            Self::Recorder => "recorder",
        }
    }

    /// The stream whose messages wait for a time to come, and not for this stage's processes.
    fn waiting(self) -> Option<(Stream, &'static str)> {
        match self {
            Self::Fanout => Some((Stream::Scheduled, "scheduled")),
            Self::Sender => Some((Stream::Waiting, "waiting")),
            Self::Ingest | Self::Recorder => None,
        }
    }
}

impl Backlog {
    fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            oldest_age: self.oldest_age.max(other.oldest_age),
        }
    }
}

impl Bus {
    /// What waits at a stage.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn backlog(&self, stage: Stage) -> Result<Backlog, BusError> {
        match stage {
            Stage::Ingest => self.backlog_of_queue(Stream::Inbox).await,
            Stage::Sender => {
                let mut all = Backlog::default();
                for shard in Shard::ALL {
                    all = all.and(self.backlog_of_queue(Stream::Jobs(shard)).await?);
                }
                Ok(all)
            }
            Stage::Fanout => self.backlog_of_reader(Reader::Fanout).await,
            Stage::Recorder => {
                let events = self.backlog_of_reader(Reader::RecorderEvents).await?;
                let outcomes = self.backlog_of_queue(Stream::Outcomes).await?;
                Ok(events.and(outcomes))
            }
        }
    }

    /// A work queue holds exactly what is not done.
    async fn backlog_of_queue(&self, queue: Stream) -> Result<Backlog, BusError> {
        let state = self.stream_state(queue).await?;
        Ok(Backlog {
            messages: state.messages,
            oldest_age: age(state.first_at),
        })
    }

    /// A stream with several readers holds more; this reader has done all up to its ack floor.
    async fn backlog_of_reader(&self, reader: Reader) -> Result<Backlog, BusError> {
        let state = self.reader_state(reader).await?;
        Ok(Backlog {
            messages: state.waiting + u64::try_from(state.in_flight).unwrap_or_default(),
            oldest_age: age(state.oldest_at),
        })
    }
}

fn age(since: Option<Timestamp>) -> Duration {
    let now = Timestamp::from_unix_micros(clock::unix_micros());
    since.map_or(Duration::ZERO, |since| now.since(since))
}

/// Shows the figures of these stages until the shutdown.
pub async fn report(bus: Bus, stages: &'static [Stage], shutdown: Shutdown) {
    while !shutdown.is_requested() {
        for stage in stages {
            if let Err(error) = report_once(&bus, *stage).await {
                // The connection's own events say so louder.
                let reason = error_chain::chain(&error);
                tracing::debug!(stage = stage.name(), reason, "backlog not known");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = shutdown.requested() => {}
        }
    }
}

async fn report_once(bus: &Bus, stage: Stage) -> Result<(), BusError> {
    let backlog = bus.backlog(stage).await?;
    let labels = [("stage", stage.name())];
    metric::Gauge::DeliveryBacklog.set(backlog.messages, &labels);
    metric::Gauge::BacklogOldestAgeSeconds.set(backlog.oldest_age.as_secs_f64(), &labels);
    if let Some((stream, name)) = stage.waiting() {
        let state = bus.stream_state(stream).await?;
        metric::Gauge::Waiting.set(state.messages, &[("stage", name)]);
    }
    Ok(())
}
