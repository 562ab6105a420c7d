//! Everything that is tried: what JetStream can be asked about each stream and consumer, and each place
//! where messages of ours go.

use std::collections::BTreeSet;

use posthorn_bus::topology::Reader;
use posthorn_event_schema::{Shard, subject};

/// Of each stream: its name, what it stores, and messages in it.
const STORED: [(&str, &str, &[&str]); 18] = [
    (
        "INBOX",
        "posthorn.events.>",
        &["posthorn.events.acme.file.deleted"],
    ),
    ("EVENTS", "events.>", &["events.app_1"]),
    (
        "SCHEDULED",
        "scheduled.>",
        &["scheduled.wait.app_1.event_1", "scheduled.due.app_1"],
    ),
    ("JOBS_0", "jobs_0.>", &["jobs_0.0.ep_1", "jobs_0.0.ep_1.k1"]),
    ("JOBS_1", "jobs_1.>", &["jobs_1.1.ep_1", "jobs_1.1.ep_1.k1"]),
    ("JOBS_2", "jobs_2.>", &["jobs_2.2.ep_1", "jobs_2.2.ep_1.k1"]),
    ("JOBS_3", "jobs_3.>", &["jobs_3.3.ep_1", "jobs_3.3.ep_1.k1"]),
    // As it was when JOBS was one stream.
    ("JOBS", "jobs.>", &["jobs.0.ep_1"]),
    ("WAITING", "waiting.>", &["waiting.a1-5000.0.ep_1"]),
    ("OUTCOMES", "outcomes.>", &["outcomes.records"]),
    (
        "REJECTED",
        "rejected.>",
        &[
            "rejected.nats_publish",
            "rejected.nats_request",
            "rejected.fanout",
            "rejected.sender",
            "rejected.recorder",
        ],
    ),
    ("KV_config", "$KV.config.>", &["$KV.config.key"]),
    (
        "KV_idempotency",
        "$KV.idempotency.>",
        &["$KV.idempotency.key"],
    ),
    (
        "KV_idempotency_1",
        "$KV.idempotency_1.>",
        &["$KV.idempotency_1.key"],
    ),
    (
        "KV_idempotency_2",
        "$KV.idempotency_2.>",
        &["$KV.idempotency_2.key"],
    ),
    (
        "KV_idempotency_3",
        "$KV.idempotency_3.>",
        &["$KV.idempotency_3.key"],
    ),
    ("KV_senders", "$KV.senders.>", &["$KV.senders.key"]),
    // One that is not of Posthorn.
    ("OTHER", "other.>", &["other.message"]),
];

const OF_STREAMS: [&str; 14] = [
    "STREAM.CREATE",
    "STREAM.UPDATE",
    "STREAM.INFO",
    "STREAM.DELETE",
    "STREAM.PURGE",
    "STREAM.SNAPSHOT",
    "STREAM.RESTORE",
    "STREAM.MSG.GET",
    "STREAM.MSG.DELETE",
    "STREAM.LEADER.STEPDOWN",
    "STREAM.PEER.REMOVE",
    "DIRECT.GET",
    "CONSUMER.LIST",
    "CONSUMER.NAMES",
];
const OF_CONSUMERS: [&str; 9] = [
    "CONSUMER.CREATE",
    "CONSUMER.DURABLE.CREATE",
    "CONSUMER.INFO",
    "CONSUMER.DELETE",
    "CONSUMER.MSG.NEXT",
    "CONSUMER.PAUSE",
    "CONSUMER.RESET",
    "CONSUMER.UNPIN",
    "CONSUMER.LEADER.STEPDOWN",
];
const OF_ALL: [&str; 9] = [
    "$JS.API.INFO",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.NAMES",
    "$JS.API.META.LEADER.STEPDOWN",
    "$JS.API.SERVER.REMOVE",
    "$JS.API.ACCOUNT.PURGE.POSTHORN",
    "$JS.EVENT.ADVISORY.API",
    "$SYS.REQ.SERVER.PING",
    "$SYS.ACCOUNT.POSTHORN.CONNECT",
];
const INBOXES: [&str; 6] = [
    "_INBOX",
    "_INBOX_ingest",
    "_INBOX_fanout",
    "_INBOX_sender",
    "_INBOX_recorder",
    "_INBOX_api",
];

/// The consumers of a stream, one sender for all, and one that is not ours; with filters.
fn consumers(stream: &str, whole: &str) -> Vec<(String, Vec<String>)> {
    let filters = |own: &str| vec![own.to_owned(), whole.to_owned(), "other.>".to_owned()];
    let known = Reader::all().filter(|reader| match reader {
        Reader::Sender(partition) => usize::from(partition.number()) < Shard::ALL.len(),
        _ => true,
    });
    let known = known.filter(|reader| reader.stream().name() == stream);
    let own = |reader: &Reader| match reader {
        Reader::Sender(partition) => subject::jobs_of(*partition),
        Reader::FanoutScheduled => "scheduled.due.>".to_owned(),
        _ => whole.to_owned(),
    };
    let names = known.map(|reader| (reader.name(), filters(&own(&reader))));
    let mut all: Vec<_> = names.collect();
    let strangers = all.first().filter(|_| stream.starts_with("JOBS_"));
    let strangers = strangers.map_or_else(|| filters(whole), |(_, filters)| filters.clone());
    all.push(("stranger".to_owned(), strangers));
    all
}

/// Everything that is tried: subjects to publish to, and subjects to subscribe to.
pub(super) fn universe() -> (BTreeSet<String>, BTreeSet<String>) {
    let mut publish: BTreeSet<String> = OF_ALL.map(str::to_owned).into();
    let mut subscribe: BTreeSet<String> = [
        ">",
        "*",
        "$JS.>",
        "$JS.API.>",
        "$JS.ACK.>",
        "$KV.>",
        "$SYS.>",
    ]
    .map(str::to_owned)
    .into();
    for (stream, whole, messages) in STORED {
        publish.extend(OF_STREAMS.map(|act| format!("$JS.API.{act}.{stream}")));
        publish.insert(format!("$JS.API.CONSUMER.CREATE.{stream}"));
        for message in messages {
            publish.insert((*message).to_owned());
            publish.insert(format!("$JS.API.DIRECT.GET.{stream}.{message}"));
            subscribe.insert((*message).to_owned());
        }
        subscribe.insert(whole.to_owned());
        for (consumer, filters) in consumers(stream, whole) {
            publish.extend(OF_CONSUMERS.map(|act| format!("$JS.API.{act}.{stream}.{consumer}")));
            for filter in filters {
                publish.insert(format!(
                    "$JS.API.CONSUMER.CREATE.{stream}.{consumer}.{filter}"
                ));
            }
            publish.insert(format!("$JS.ACK.{stream}.{consumer}.1.1.1.1.0"));
            publish.insert(format!("$JS.FC.{stream}.{consumer}.1"));
            subscribe.insert(format!("$JS.ACK.{stream}.{consumer}.>"));
        }
    }
    let direct = ["posthorn.publish.acme", "live.outcomes.records", "slots.0"];
    publish.extend(direct.map(str::to_owned));
    subscribe.extend(direct.map(str::to_owned));
    publish.insert("slots.*".to_owned());
    subscribe.extend(
        [
            "posthorn.publish.*",
            "posthorn.>",
            "live.outcomes.>",
            "slots.*",
        ]
        .map(str::to_owned),
    );
    for inbox in INBOXES {
        publish.insert(format!("{inbox}.1"));
        subscribe.extend([format!("{inbox}.1"), format!("{inbox}.>")]);
    }
    (publish, subscribe)
}
