//! Streams, consumers and buckets as data, and one idempotent act that makes them exist.
//!
//! Every process may call [`Bus::ensure`] at its start: it creates what is missing and updates what
//! differs, and leaves alone what is right.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{ContextBuilder, CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::stream::{
    Config as StreamConfig, ConsumerError, ConsumerErrorKind, DiscardPolicy, Republish,
    RetentionPolicy,
};
use async_nats::jetstream::{self, ErrorCode, kv};
use posthorn_chassis::error_chain;
use posthorn_event_schema::{Partition, subject};
use tokio::time::Instant;

use crate::{Bus, BusConfig, BusError};

/// A stream of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// What producers published, untouched; a work queue.
    Inbox,
    /// Accepted events; kept until fanout and recorder have both acked.
    Events,
    /// Events that wait for the time that their producer chose; a work queue of those that are due.
    Scheduled,
    /// Deliveries that may run now; a work queue.
    Jobs,
    /// Deliveries that may not run now; deleted one by one when their outcome is stored.
    Waiting,
    /// Records for history; a work queue.
    Outcomes,
    /// Refused input, kept for [`REJECTED_MAX_AGE`] and up to [`REJECTED_MAX_BYTES`].
    Rejected,
}

/// How long one request to make something may go unanswered before it is repeated.
const SETUP_ANSWER: Duration = Duration::from_secs(5);

/// How long refused input is kept.
pub const REJECTED_MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most bytes of refused input: a stranger's garbage must not take the room of events. JetStream
/// reserves it, so a server that has less to give gets a smaller REJECTED.
pub const REJECTED_MAX_BYTES: i64 = 1024 * 1024 * 1024;
/// A server without even so much to give is too small.
const REJECTED_LEAST_BYTES: i64 = 1024 * 1024;

/// How long INBOX itself recognises a repeated `Nats-Msg-Id`: the shortest time that nats-server
/// takes.
///
/// The server compares ids within a stream, whoever published on whatever subject, and drops the
/// second message without a trace. Producers use the header as a key of their application, which
/// the bucket `idempotency` compares per application and with the content.
/// *Source*: nats-server's `checkStreamCfg` ("duplicates window can not be less than 100ms").
pub const INBOX_DUPLICATE_WINDOW: Duration = Duration::from_millis(100);

impl Stream {
    /// All streams.
    pub const ALL: [Self; 7] = [
        Self::Inbox,
        Self::Events,
        Self::Scheduled,
        Self::Jobs,
        Self::Waiting,
        Self::Outcomes,
        Self::Rejected,
    ];

    /// Its name on the server.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbox => "INBOX",
            Self::Events => "EVENTS",
            Self::Scheduled => "SCHEDULED",
            Self::Jobs => "JOBS",
            Self::Waiting => "WAITING",
            Self::Outcomes => "OUTCOMES",
            Self::Rejected => "REJECTED",
        }
    }

    fn filter(self) -> &'static str {
        match self {
            Self::Inbox => subject::INBOX_FILTER,
            Self::Events => subject::EVENTS_FILTER,
            Self::Scheduled => subject::SCHEDULED_FILTER,
            Self::Jobs => subject::JOBS_FILTER,
            Self::Waiting => subject::WAITING_FILTER,
            Self::Outcomes => subject::OUTCOMES_FILTER,
            Self::Rejected => subject::REJECTED_FILTER,
        }
    }

    fn retention(self) -> RetentionPolicy {
        match self {
            // What still waits in SCHEDULED has no reader, so the queue keeps it.
            Self::Inbox | Self::Scheduled | Self::Jobs | Self::Outcomes => {
                RetentionPolicy::WorkQueue
            }
            Self::Events => RetentionPolicy::Interest,
            Self::Waiting | Self::Rejected => RetentionPolicy::Limits,
        }
    }

    fn config(self, bus: &BusConfig) -> StreamConfig {
        // `discard: new`: a stream at a limit refuses, it never drops what it has. REJECTED alone
        // lets its oldest go. SCHEDULED must not have a limit: the server takes no schedules into a
        // stream that refuses, and one that drops would drop them.
        let (discard, max_age, max_bytes) = match self {
            Self::Rejected => (DiscardPolicy::Old, REJECTED_MAX_AGE, REJECTED_MAX_BYTES),
            Self::Scheduled => (DiscardPolicy::Old, Duration::ZERO, -1),
            _ => (DiscardPolicy::New, Duration::ZERO, bus.stream_max_bytes()),
        };
        let duplicate_window = match self {
            Self::Inbox => INBOX_DUPLICATE_WINDOW,
            _ => bus.duplicate_window,
        };
        StreamConfig {
            name: self.name().to_owned(),
            subjects: vec![self.filter().to_owned()],
            retention: self.retention(),
            discard,
            max_age,
            max_bytes,
            num_replicas: bus.replicas,
            duplicate_window,
            republish: (self == Self::Outcomes).then(live),
            allow_message_schedules: self == Self::Scheduled,
            // Each schedule replaces an earlier one on its subject.
            allow_rollup: self == Self::Scheduled,
            // The waiting room and rejected input are read by sequence and subject.
            allow_direct: matches!(self, Self::Waiting | Self::Rejected),
            ..StreamConfig::default()
        }
    }
}

/// OUTCOMES is repeated for those who watch: a work queue has no place for a second reader.
fn live() -> Republish {
    Republish {
        source: subject::OUTCOMES_FILTER.to_owned(),
        destination: subject::LIVE_OUTCOMES_FILTER.to_owned(),
        headers_only: false,
    }
}

/// A durable consumer of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// ingest reads INBOX.
    Ingest,
    /// fanout reads EVENTS.
    Fanout,
    /// fanout reads what is due of SCHEDULED.
    FanoutScheduled,
    /// recorder reads EVENTS.
    RecorderEvents,
    /// recorder reads OUTCOMES.
    RecorderOutcomes,
    /// The owner of a partition reads its share of JOBS.
    Sender(Partition),
}

/// A message is handed out again when its reader was silent about it for so long.
///
/// It is the time after which the work of a dead process is taken over. A reader whose steps may
/// take longer says meanwhile that it still works on the message.
pub const ACK_WAIT: Duration = Duration::from_secs(15);
/// The recorder holds whole batches while PostgreSQL is slow.
pub const RECORDER_ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages handed out and not yet acked, per consumer; the readers' own permits bound them lower.
const MAX_ACK_PENDING: i64 = 20_000;

impl Reader {
    /// All readers.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            Self::Ingest,
            Self::Fanout,
            Self::FanoutScheduled,
            Self::RecorderEvents,
            Self::RecorderOutcomes,
        ]
        .into_iter()
        .chain(Partition::all().map(Self::Sender))
    }

    /// Which stream it reads.
    #[must_use]
    pub fn stream(self) -> Stream {
        match self {
            Self::Ingest => Stream::Inbox,
            Self::Fanout | Self::RecorderEvents => Stream::Events,
            Self::FanoutScheduled => Stream::Scheduled,
            Self::Sender(_) => Stream::Jobs,
            Self::RecorderOutcomes => Stream::Outcomes,
        }
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Ingest => "ingest".to_owned(),
            Self::Fanout | Self::FanoutScheduled => "fanout".to_owned(),
            Self::RecorderEvents | Self::RecorderOutcomes => "recorder".to_owned(),
            Self::Sender(partition) => format!("sender-{partition}"),
        }
    }

    /// How long a message may stay unacked before it is handed out again.
    #[must_use]
    pub fn ack_wait(self) -> Duration {
        match self {
            Self::Ingest | Self::Fanout | Self::FanoutScheduled | Self::Sender(_) => ACK_WAIT,
            Self::RecorderEvents | Self::RecorderOutcomes => RECORDER_ACK_WAIT,
        }
    }

    fn config(self) -> pull::Config {
        let filter_subject = match self {
            Self::Sender(partition) => subject::jobs_of(partition),
            Self::FanoutScheduled => subject::SCHEDULED_DUE_FILTER.to_owned(),
            _ => String::new(),
        };
        pull::Config {
            durable_name: Some(self.name()),
            filter_subject,
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait(),
            // Hand-outs are not attempts: the attempt number is ours and travels in the job.
            max_deliver: -1,
            max_ack_pending: MAX_ACK_PENDING,
            memory_storage: self.is_forgettable(),
            ..pull::Config::default()
        }
    }

    /// Whether what was handed out may be forgotten when nats-server restarts.
    ///
    /// A work queue keeps what was not acked, so a consumer made anew hands out all of that once
    /// more, and nothing else; [`Bus::messages`] and [`Bus::partition`] make it. EVENTS keeps a
    /// message only for the consumers that it has: theirs must not go.
    ///
    /// *Source*: with JOBS' 64 consumers on disk, writing their states was 36 % of nats-server's
    /// time, and at 1,000 deliveries/s to 1,000 endpoints p99 was 160 ms instead of 9 ms.
    fn is_forgettable(self) -> bool {
        self.stream().retention() == RetentionPolicy::WorkQueue
    }
}

/// A key-value bucket of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// Applications and endpoints as the hot path needs them.
    Config,
    /// Which idempotency keys were used.
    Idempotency,
    /// Which senders live, and what they hold.
    Senders,
}

/// A sender whose heartbeat is older than this is dead; bounds the time of a hand-over.
pub const MEMBER_TTL: Duration = Duration::from_secs(6);

impl Bucket {
    /// All buckets.
    pub const ALL: [Self; 3] = [Self::Config, Self::Idempotency, Self::Senders];

    /// Its name on the server.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Idempotency => "idempotency",
            Self::Senders => "senders",
        }
    }

    fn config(self, bus: &BusConfig) -> kv::Config {
        let max_age = match self {
            Self::Config => Duration::ZERO,
            Self::Idempotency => bus.idempotency_window,
            Self::Senders => MEMBER_TTL,
        };
        kv::Config {
            bucket: self.name().to_owned(),
            history: 1,
            max_age,
            num_replicas: bus.replicas,
            ..kv::Config::default()
        }
    }
}

impl Bus {
    /// Makes all streams, consumers and buckets exist as this build describes them.
    ///
    /// Doing it twice, or in several processes at once, changes nothing.
    ///
    /// # Errors
    /// [`BusError::Setup`] names what could not be created or updated, for instance because an
    /// existing stream of the same name has another retention.
    pub async fn ensure(&self) -> Result<(), BusError> {
        let asking = ContextBuilder::new()
            .timeout(SETUP_ANSWER)
            .build(self.client.as_ref().clone());
        let (asking, patience) = (&asking, self.config.connect_timeout);
        for stream in Stream::ALL {
            until_answered(patience, || ensure_stream(asking, stream, &self.config)).await?;
        }
        for bucket in Bucket::ALL {
            let make = || ensure_bucket(asking, bucket, &self.config);
            until_answered(patience, make).await?;
        }
        let consumers = Reader::all()
            .map(|reader| until_answered(patience, move || ensure_reader(asking, reader)));
        futures::future::try_join_all(consumers).await?;
        Ok(())
    }
}

/// Asks again for as long as there is no answer.
///
/// A cluster that has no leader yet lets requests fall without a word, so waiting longer for the first
/// answer would not help; shown by `a_cluster_loses_a_nats_server_a_sender_and_a_fanout_and_no_event`.
async fn until_answered<F>(patience: Duration, ask: impl Fn() -> F) -> Result<(), BusError>
where
    F: Future<Output = Result<(), BusError>>,
{
    let deadline = Instant::now() + patience;
    loop {
        match ask().await {
            Err(error) if error.is_unanswered() && Instant::now() < deadline => {
                tracing::info!(reason = error_chain::chain(&error), "asking nats again");
            }
            outcome => return outcome,
        }
    }
}

async fn ensure_bucket(
    jetstream: &jetstream::Context,
    bucket: Bucket,
    bus: &BusConfig,
) -> Result<(), BusError> {
    let made = jetstream
        .create_or_update_key_value(bucket.config(bus))
        .await;
    made.map(drop)
        .map_err(|error| BusError::setup(format!("bucket {}", bucket.name()))(error.into()))
}

async fn ensure_stream(
    jetstream: &jetstream::Context,
    stream: Stream,
    bus: &BusConfig,
) -> Result<(), BusError> {
    let mut config = stream.config(bus);
    loop {
        let made = jetstream.create_or_update_stream(config.clone()).await;
        let Err(error) = made else { return Ok(()) };
        let smaller = config.max_bytes / 2;
        if stream != Stream::Rejected || smaller < REJECTED_LEAST_BYTES || !lacks_room(&error) {
            let what = format!("stream {}", stream.name());
            return Err(BusError::setup(what)(error.into()));
        }
        tracing::warn!(
            wanted_bytes = config.max_bytes,
            limit_bytes = smaller,
            "nats has not enough storage to reserve for rejected input, less of it is kept"
        );
        config.max_bytes = smaller;
    }
}

/// Whether the server has less storage to reserve than the stream asks for.
fn lacks_room(error: &CreateStreamError) -> bool {
    match error.kind() {
        CreateStreamErrorKind::JetStream(error) => matches!(
            error.error_code(),
            ErrorCode::STORAGE_RESOURCES_EXCEEDED | ErrorCode::INSUFFICIENT_RESOURCES
        ),
        _ => false,
    }
}

async fn ensure_reader(jetstream: &jetstream::Context, reader: Reader) -> Result<(), BusError> {
    make_reader(jetstream, reader).await.map(drop)
}

/// Whether the server refuses to change where the state of a consumer is kept: nats-server 2.15.1 does
/// ("storage type can not be updated"); 2.12.3 takes the change and follows it after a restart.
fn keeps_its_storage(error: &ConsumerError) -> bool {
    match error.kind() {
        ConsumerErrorKind::JetStream(error) => error.error_code() == ErrorCode::CONSUMER_CREATE,
        _ => false,
    }
}

/// Makes a consumer exist as this build describes it.
pub(crate) async fn make_reader(
    jetstream: &jetstream::Context,
    reader: Reader,
) -> Result<PullConsumer, BusError> {
    let stream = reader.stream().name();
    let make = |config| jetstream.create_consumer_on_stream(config, stream);
    let made = match make(reader.config()).await {
        Err(error) if reader.is_forgettable() && keeps_its_storage(&error) => {
            // As an earlier release made it. Nothing is wrong with it, it only costs more.
            let mut on_disk = reader.config();
            on_disk.memory_storage = false;
            make(on_disk).await
        }
        made => made,
    };
    made.map_err(|error| {
        BusError::setup(format!("consumer {} of {stream}", reader.name()))(error.into())
    })
}
