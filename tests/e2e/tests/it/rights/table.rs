//! What each user may do. Whatever else [`super::universe`] tries is refused.

use std::collections::BTreeSet;

/// A user and all that it may do, out of everything that [`super::universe`] tries.
pub(super) struct Rights {
    pub(super) user: &'static str,
    /// `{a,b}` stands for either. One sender's consumer stands for those of all partitions.
    pub(super) publish: &'static [&'static str],
    pub(super) subscribe: &'static [&'static str],
}

pub(super) const RIGHTS: [Rights; 6] = [
    Rights {
        user: "ingest",
        publish: &[
            "$JS.API.STREAM.{CREATE,UPDATE}.INBOX",
            "$JS.API.STREAM.{CREATE,UPDATE,INFO}.KV_idempotency{,_1,_2,_3}",
            "$JS.API.STREAM.INFO.{INBOX,EVENTS,REJECTED,KV_config}",
            "$JS.API.CONSUMER.{CREATE,INFO,MSG.NEXT}.INBOX.ingest",
            "$JS.API.CONSUMER.INFO.EVENTS.{fanout,recorder}",
            "$JS.API.CONSUMER.CREATE.KV_config",
            "$JS.API.CONSUMER.CREATE.KV_config.stranger.$KV.config.>",
            "$JS.API.CONSUMER.DELETE.KV_config.stranger",
            "$JS.API.DIRECT.GET.KV_idempotency.$KV.idempotency.key",
            "$JS.API.DIRECT.GET.KV_idempotency_1.$KV.idempotency_1.key",
            "$JS.API.DIRECT.GET.KV_idempotency_2.$KV.idempotency_2.key",
            "$JS.API.DIRECT.GET.KV_idempotency_3.$KV.idempotency_3.key",
            "$JS.ACK.INBOX.ingest.1.1.1.1.0",
            "$JS.FC.KV_config.stranger.1",
            "$KV.idempotency{,_1,_2,_3}.key",
            "events.app_1",
            "rejected.{nats_publish,nats_request}",
        ],
        subscribe: &["_INBOX_ingest.{1,>}", "posthorn.publish.{acme,*}"],
    },
    Rights {
        user: "fanout",
        publish: &[
            "$JS.API.STREAM.{CREATE,UPDATE}.{EVENTS,SCHEDULED}",
            "$JS.API.STREAM.INFO.{EVENTS,SCHEDULED,OUTCOMES,REJECTED,KV_config}",
            "$JS.API.STREAM.INFO.JOBS_{0,1,2,3}",
            "$JS.API.STREAM.MSG.GET.EVENTS",
            "$JS.API.CONSUMER.{CREATE,INFO,MSG.NEXT}.EVENTS.fanout",
            "$JS.API.CONSUMER.CREATE.SCHEDULED.fanout.scheduled.due.>",
            "$JS.API.CONSUMER.{INFO,MSG.NEXT}.SCHEDULED.fanout",
            "$JS.API.CONSUMER.CREATE.KV_config",
            "$JS.API.CONSUMER.CREATE.KV_config.stranger.$KV.config.>",
            "$JS.API.CONSUMER.DELETE.KV_config.stranger",
            "$JS.ACK.{EVENTS,SCHEDULED}.fanout.1.1.1.1.0",
            "$JS.FC.KV_config.stranger.1",
            "jobs_0.0.ep_1{,.k1}",
            "jobs_1.1.ep_1{,.k1}",
            "jobs_2.2.ep_1{,.k1}",
            "jobs_3.3.ep_1{,.k1}",
            "outcomes.records",
            "rejected.fanout",
            "scheduled.wait.app_1.event_1",
        ],
        subscribe: &["_INBOX_fanout.{1,>}"],
    },
    Rights {
        user: "sender",
        publish: &[
            "$JS.API.STREAM.{CREATE,UPDATE,INFO,MSG.GET,MSG.DELETE}.JOBS_{0,1,2,3}",
            "$JS.API.STREAM.INFO.JOBS",
            "$JS.API.STREAM.{CREATE,UPDATE}.{WAITING,KV_senders}",
            "$JS.API.STREAM.INFO.{WAITING,OUTCOMES,REJECTED,KV_senders,KV_config}",
            "$JS.API.STREAM.MSG.DELETE.WAITING",
            "$JS.API.DIRECT.GET.WAITING",
            "$JS.API.CONSUMER.CREATE.JOBS_0.{sender-0,stranger}.jobs_0.0.>",
            "$JS.API.CONSUMER.CREATE.JOBS_1.{sender-1,stranger}.jobs_1.1.>",
            "$JS.API.CONSUMER.CREATE.JOBS_2.{sender-2,stranger}.jobs_2.2.>",
            "$JS.API.CONSUMER.CREATE.JOBS_3.{sender-3,stranger}.jobs_3.3.>",
            "$JS.API.CONSUMER.{INFO,MSG.NEXT}.JOBS_0.{sender-0,stranger}",
            "$JS.API.CONSUMER.{INFO,MSG.NEXT}.JOBS_1.{sender-1,stranger}",
            "$JS.API.CONSUMER.{INFO,MSG.NEXT}.JOBS_2.{sender-2,stranger}",
            "$JS.API.CONSUMER.{INFO,MSG.NEXT}.JOBS_3.{sender-3,stranger}",
            "$JS.API.CONSUMER.INFO.EVENTS.fanout",
            "$JS.API.CONSUMER.CREATE.{KV_config,KV_senders}",
            "$JS.API.CONSUMER.CREATE.KV_config.stranger.$KV.config.>",
            "$JS.API.CONSUMER.CREATE.KV_senders.stranger.$KV.senders.>",
            "$JS.API.CONSUMER.INFO.KV_senders.stranger",
            "$JS.API.CONSUMER.DELETE.{KV_config,KV_senders}.stranger",
            "$JS.API.DIRECT.GET.KV_senders.$KV.senders.key",
            "$JS.ACK.JOBS_0.{sender-0,stranger}.1.1.1.1.0",
            "$JS.ACK.JOBS_1.{sender-1,stranger}.1.1.1.1.0",
            "$JS.ACK.JOBS_2.{sender-2,stranger}.1.1.1.1.0",
            "$JS.ACK.JOBS_3.{sender-3,stranger}.1.1.1.1.0",
            "$JS.FC.{KV_config,KV_senders}.stranger.1",
            "$KV.senders.key",
            "jobs_0.0.ep_1{,.k1}",
            "jobs_1.1.ep_1{,.k1}",
            "jobs_2.2.ep_1{,.k1}",
            "jobs_3.3.ep_1{,.k1}",
            "outcomes.records",
            "rejected.sender",
            "slots.{0,*}",
            "waiting.a1-5000.0.ep_1",
        ],
        subscribe: &["_INBOX_sender.{1,>}", "slots.{0,*}"],
    },
    Rights {
        user: "recorder",
        publish: &[
            "$JS.API.STREAM.{CREATE,UPDATE}.OUTCOMES",
            "$JS.API.STREAM.INFO.{EVENTS,OUTCOMES,REJECTED}",
            "$JS.API.STREAM.MSG.GET.EVENTS",
            "$JS.API.CONSUMER.{CREATE,INFO,MSG.NEXT}.{EVENTS,OUTCOMES}.recorder",
            "$JS.ACK.{EVENTS,OUTCOMES}.recorder.1.1.1.1.0",
            "rejected.recorder",
        ],
        subscribe: &["_INBOX_recorder.{1,>}"],
    },
    Rights {
        user: "api",
        publish: &[
            "$JS.API.STREAM.{CREATE,UPDATE}.{REJECTED,KV_config}",
            "$JS.API.STREAM.INFO.{INBOX,EVENTS,SCHEDULED,WAITING,OUTCOMES,REJECTED}",
            "$JS.API.STREAM.{INFO,MSG.GET}.JOBS_{0,1,2,3}",
            "$JS.API.STREAM.INFO.{KV_config,KV_senders}",
            "$JS.API.STREAM.INFO.KV_idempotency{,_1,_2,_3}",
            "$JS.API.STREAM.MSG.GET.{INBOX,EVENTS,SCHEDULED,OUTCOMES}",
            "$JS.API.DIRECT.GET.{WAITING,REJECTED}",
            "$JS.API.DIRECT.GET.KV_config.$KV.config.key",
            "$JS.API.DIRECT.GET.KV_idempotency.$KV.idempotency.key",
            "$JS.API.DIRECT.GET.KV_idempotency_1.$KV.idempotency_1.key",
            "$JS.API.DIRECT.GET.KV_idempotency_2.$KV.idempotency_2.key",
            "$JS.API.DIRECT.GET.KV_idempotency_3.$KV.idempotency_3.key",
            "$JS.API.DIRECT.GET.KV_senders.$KV.senders.key",
            "$JS.API.CONSUMER.INFO.{INBOX.ingest,EVENTS.fanout,EVENTS.recorder,SCHEDULED.fanout}",
            "$JS.API.CONSUMER.INFO.JOBS_0.{sender-0,stranger}",
            "$JS.API.CONSUMER.INFO.JOBS_1.{sender-1,stranger}",
            "$JS.API.CONSUMER.INFO.JOBS_2.{sender-2,stranger}",
            "$JS.API.CONSUMER.INFO.JOBS_3.{sender-3,stranger}",
            "$JS.API.CONSUMER.INFO.OUTCOMES.recorder",
            "$JS.API.CONSUMER.{INFO,DELETE}.{KV_config,KV_senders}.stranger",
            "$JS.API.CONSUMER.CREATE.{KV_config,KV_senders}",
            "$JS.API.CONSUMER.CREATE.KV_config.stranger.$KV.config.>",
            "$JS.API.CONSUMER.CREATE.KV_senders.stranger.$KV.senders.>",
            "$JS.FC.{KV_config,KV_senders}.stranger.1",
            "$KV.{config,idempotency,idempotency_1,idempotency_2,idempotency_3}.key",
            "events.app_1",
            "jobs_0.0.ep_1{,.k1}",
            "jobs_1.1.ep_1{,.k1}",
            "jobs_2.2.ep_1{,.k1}",
            "jobs_3.3.ep_1{,.k1}",
        ],
        subscribe: &["_INBOX_api.{1,>}", "live.outcomes.{records,>}"],
    },
    Rights {
        user: "producer",
        publish: &["posthorn.events.acme.file.deleted", "posthorn.publish.acme"],
        subscribe: &["_INBOX.{1,>}"],
    },
];

/// All subjects that a pattern of [`RIGHTS`] stands for.
fn expand(pattern: &str) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return vec![pattern.to_owned()];
    };
    let (choices, after) = rest.split_once('}').unwrap();
    let ends = expand(after);
    let with = |choice| ends.iter().map(move |end| [before, choice, end].concat());
    choices.split(',').flat_map(with).collect()
}

pub(super) fn all_of(patterns: &[&str]) -> BTreeSet<String> {
    patterns
        .iter()
        .flat_map(|pattern| expand(pattern))
        .collect()
}
