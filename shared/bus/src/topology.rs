//! Streams, consumers and buckets as data. [`Role`](crate::Role) says who makes which of them, and
//! [`Bus::ensure`](crate::Bus::ensure) does it.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{
    Config as StreamConfig, DiscardPolicy, Republish, RetentionPolicy,
};
use posthorn_event_schema::{Partition, Shard, subject};

use crate::BusConfig;

/// Which description of streams, buckets and consumers this is: to be raised with every change of
/// what one of them is like, so that a process of an older build leaves alone what a newer one made.
pub const REVISION: u32 = 2;
/// The key of the revision in the metadata of whatever was made.
const REVISION_KEY: &str = "posthorn.revision";

fn metadata() -> HashMap<String, String> {
    HashMap::from([(REVISION_KEY.to_owned(), REVISION.to_string())])
}

/// Whether a newer build made this. What has no revision is older than all that have.
pub(crate) fn is_newer(metadata: &HashMap<String, String>) -> bool {
    let revision = metadata
        .get(REVISION_KEY)
        .and_then(|text| text.parse::<u32>().ok());
    revision.is_some_and(|revision| revision > REVISION)
}

/// A stream of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// What producers published, untouched; a work queue.
    Inbox,
    /// Accepted events; kept until fanout and recorder have both acked.
    Events,
    /// Events that wait for the time that their producer chose; a work queue of those that are due.
    Scheduled,
    /// Deliveries that may run now: one of the work queues that together are called JOBS, each for some of the
    /// partitions.
    Jobs(Shard),
    /// Deliveries that may not run now; deleted one by one when their outcome is stored.
    Waiting,
    /// Records for history; a work queue.
    Outcomes,
    /// Refused input, kept for [`REJECTED_MAX_AGE`] and up to [`REJECTED_MAX_BYTES`].
    Rejected,
}

/// How long refused input is kept.
pub const REJECTED_MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most bytes of refused input: a stranger's garbage must not take the room of events. JetStream
/// reserves it, so a server that has less to give gets a smaller REJECTED.
pub const REJECTED_MAX_BYTES: i64 = 1024 * 1024 * 1024;
/// A server without even so much to give is too small.
pub(crate) const REJECTED_LEAST_BYTES: i64 = 1024 * 1024;

/// How long INBOX itself recognises a repeated `Nats-Msg-Id`: the shortest time that nats-server
/// takes.
///
/// The server compares ids within a stream, whoever published on whatever subject, and drops the
/// second message without a trace. Producers use the header as a key of their application, which
/// the bucket `idempotency` compares per application and with the content.
/// *Source*: nats-server's `checkStreamCfg` ("duplicates window can not be less than 100ms").
pub const INBOX_DUPLICATE_WINDOW: Duration = Duration::from_millis(100);

const JOBS: [&str; Shard::ALL.len()] = ["JOBS_0", "JOBS_1", "JOBS_2", "JOBS_3"];

impl Stream {
    /// All streams.
    pub const ALL: [Self; 6 + Shard::ALL.len()] = [
        Self::Inbox,
        Self::Events,
        Self::Scheduled,
        Self::Jobs(Shard::ALL[0]),
        Self::Jobs(Shard::ALL[1]),
        Self::Jobs(Shard::ALL[2]),
        Self::Jobs(Shard::ALL[3]),
        Self::Waiting,
        Self::Outcomes,
        Self::Rejected,
    ];

    /// The stream with the jobs of a partition.
    #[must_use]
    pub fn jobs_of(partition: Partition) -> Self {
        Self::Jobs(Shard::of(partition))
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbox => "INBOX",
            Self::Events => "EVENTS",
            Self::Scheduled => "SCHEDULED",
            Self::Jobs(shard) => JOBS[shard.index()],
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
            Self::Jobs(shard) => subject::JOBS_FILTERS[shard.index()],
            Self::Waiting => subject::WAITING_FILTER,
            Self::Outcomes => subject::OUTCOMES_FILTER,
            Self::Rejected => subject::REJECTED_FILTER,
        }
    }

    fn retention(self) -> RetentionPolicy {
        match self {
            // What still waits in SCHEDULED has no reader, so the queue keeps it.
            Self::Inbox | Self::Scheduled | Self::Jobs(_) | Self::Outcomes => {
                RetentionPolicy::WorkQueue
            }
            Self::Events => RetentionPolicy::Interest,
            Self::Waiting | Self::Rejected => RetentionPolicy::Limits,
        }
    }

    pub(crate) fn config(self, bus: &BusConfig) -> StreamConfig {
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
            metadata: metadata(),
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
            Self::Sender(partition) => Stream::jobs_of(partition),
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

    pub(crate) fn config(self) -> pull::Config {
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
            metadata: metadata(),
            ..pull::Config::default()
        }
    }

    /// Whether what was handed out may be forgotten when nats-server restarts.
    ///
    /// A work queue keeps what was not acked, so a consumer made anew hands out all of that once
    /// more, and nothing else; whoever reads it makes it. EVENTS keeps a message only for the consumers
    /// that it has: theirs must not go.
    ///
    /// *Source*: with JOBS' 64 consumers on disk, writing their states was 36 % of nats-server's
    /// time, and at 1,000 deliveries/s to 1,000 endpoints p99 was 160 ms instead of 9 ms.
    pub(crate) fn is_forgettable(self) -> bool {
        self.stream().retention() == RetentionPolicy::WorkQueue
    }
}

/// A key-value bucket of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// Applications and endpoints as the hot path needs them.
    Config,
    /// Which idempotency keys were used: some of them. The first has the pages with the marks of all.
    Idempotency(Shard),
    /// Which senders live, and what they hold.
    Senders,
}

/// A sender whose heartbeat is older than this is dead; bounds the time of a hand-over.
pub const MEMBER_TTL: Duration = Duration::from_secs(6);

/// Builds before there were four had only the first.
const IDEMPOTENCY: [&str; Shard::ALL.len()] = [
    "idempotency",
    "idempotency_1",
    "idempotency_2",
    "idempotency_3",
];

impl Bucket {
    /// All buckets.
    pub const ALL: [Self; 2 + Shard::ALL.len()] = [
        Self::Config,
        Self::Idempotency(Shard::ALL[0]),
        Self::Idempotency(Shard::ALL[1]),
        Self::Idempotency(Shard::ALL[2]),
        Self::Idempotency(Shard::ALL[3]),
        Self::Senders,
    ];

    /// Its name on the server.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Idempotency(shard) => IDEMPOTENCY[shard.index()],
            Self::Senders => "senders",
        }
    }

    /// The stream behind it. *Source*: NATS' ADR-8, by which clients know buckets.
    #[must_use]
    pub fn stream_name(self) -> String {
        format!("KV_{}", self.name())
    }

    pub(crate) fn config(self, bus: &BusConfig) -> StreamConfig {
        let max_age = match self {
            Self::Config => Duration::ZERO,
            Self::Idempotency(_) => bus.idempotency_window,
            Self::Senders => MEMBER_TTL,
        };
        // As async-nats would make it, which asks for the account's limits first: a right that nobody
        // needs for anything else.
        StreamConfig {
            name: self.stream_name(),
            subjects: vec![format!("$KV.{}.>", self.name())],
            discard: DiscardPolicy::New,
            max_messages_per_subject: 1,
            max_age,
            num_replicas: bus.replicas,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            metadata: metadata(),
            ..StreamConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::consumer::IntoConsumerConfig;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_description_changes_only_with_the_revision() {
        let bus = BusConfig::for_url("nats://127.0.0.1");
        // With one sender for all, and the revision in each.
        let readers = Reader::all().take(6);
        let described = json!({
            "streams": Stream::ALL.map(|stream| stream.config(&bus)),
            "buckets": Bucket::ALL.map(|bucket| bucket.config(&bus)),
            "consumers": readers
                .map(|reader| reader.config().into_consumer_config())
                .collect::<Vec<_>>(),
        });
        let known = include_str!("../../../tests/fixtures/jetstream/described.json");
        let known: Value = serde_json::from_str(known).unwrap();
        assert!(
            described == known,
            "raise REVISION, and then write into described.json:\n{described:#}"
        );
    }
}
