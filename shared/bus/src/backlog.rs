//! How much work waits at each stage, and for how long: what alarms and autoscalers look at.
//!
//! Every process of a stage reports the same figures of the whole fleet, so they are to be read
//! with `max`, not with `sum`. They cost a request or two every [`INTERVAL`] and process.

use std::time::Duration;

use async_nats::jetstream::{consumer, stream};
use posthorn_chassis::{Shutdown, clock, error_chain, metric};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            Stage::Sender => self.backlog_of_queue(Stream::Jobs).await,
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
        let state = self.state(queue).await?;
        let oldest_age = match state.messages {
            0 => Duration::ZERO,
            _ => age(state.first_timestamp),
        };
        Ok(Backlog {
            messages: state.messages,
            oldest_age,
        })
    }

    /// A stream with several readers holds more; this reader has done all up to its ack floor.
    async fn backlog_of_reader(&self, reader: Reader) -> Result<Backlog, BusError> {
        let doing = "look at a consumer";
        let stream = self.stream(reader.stream()).await?;
        let info: consumer::Info = stream
            .consumer_info(reader.name())
            .await
            .map_err(BusError::request(doing))?;
        let messages = info.num_pending + u64::try_from(info.num_ack_pending).unwrap_or_default();
        if messages == 0 {
            return Ok(Backlog {
                messages,
                oldest_age: Duration::ZERO,
            });
        }
        let next = info.ack_floor.stream_sequence + 1;
        // Done meanwhile, if there is none any more.
        let oldest = stream.get_first_raw_message_by_subject(">", next).await;
        Ok(Backlog {
            messages,
            oldest_age: oldest.map_or(Duration::ZERO, |message| age(message.time)),
        })
    }

    async fn state(&self, stream: Stream) -> Result<stream::State, BusError> {
        let stream = self.stream(stream).await?;
        let info = stream.get_info().await;
        info.map(|info| info.state)
            .map_err(BusError::request("look at a stream"))
    }

    async fn stream(&self, stream: Stream) -> Result<stream::Stream<()>, BusError> {
        let handle = self.jetstream.get_stream_no_info(stream.name()).await;
        handle.map_err(BusError::request("look at a stream"))
    }
}

fn age(since: async_nats::datetime::DateTime) -> Duration {
    let micros = i128::from(clock::unix_micros()) - since.unix_timestamp_nanos() / 1_000;
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
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
        let state = bus.state(stream).await?;
        metric::Gauge::Waiting.set(state.messages, &[("stage", name)]);
    }
    Ok(())
}
