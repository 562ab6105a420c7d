//! A migrated store, and one event's worth of messages.

use bytes::Bytes;
use posthorn_event_schema::{
    ApplicationId, AttemptHeaders, AttemptId, AttemptNumber, AttemptRecord, Channel, DeliveryId,
    EndpointId, EndpointVerdict, Event, EventId, EventMeta, EventType, FailureClass, FanoutVerdict,
    LeftOut, Mismatch, OrganizationId, Outcome, Progress, Response, SchemaVersion, Timestamp,
    Trigger, Verdict,
};
use posthorn_harness::TestDatabase;
use posthorn_store::{Store, StoreConfig, migrate};
use time::OffsetDateTime;

/// A store on a database of its own.
pub(crate) async fn store() -> (TestDatabase, Store) {
    let database = TestDatabase::migrated("store", |url| async move {
        let config = StoreConfig::from_url(&url).unwrap();
        migrate::migrate(&config).await.unwrap();
    })
    .await;
    let store = Store::connect(&StoreConfig::from_url(database.url()).unwrap()).unwrap();
    (database, store)
}

pub(crate) fn now() -> Timestamp {
    OffsetDateTime::now_utc().into()
}

pub(crate) fn application() -> ApplicationId {
    ApplicationId::parse("app_1").unwrap()
}

pub(crate) fn endpoint(name: &str) -> EndpointId {
    EndpointId::parse(&format!("ep_{name}")).unwrap()
}

/// An event; `number` tells it from others.
pub(crate) fn event(accepted_at: Timestamp, number: u8) -> Event {
    let meta = EventMeta {
        version: SchemaVersion,
        id: EventId::generate_native(accepted_at, [number; 15]),
        organization: OrganizationId::parse("org_1").unwrap(),
        application: application(),
        event_type: EventType::parse(if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        })
        .unwrap(),
        accepted_at,
        channels: vec![
            Channel::parse("eu").unwrap(),
            Channel::parse("beta").unwrap(),
        ],
        tags: vec![format!("tag-{number}")],
        producer_key: None,
        retention_hours: 24 * 90,
        trace_id: None,
        deliver_at: None,
        expires_at: None,
        ordering_key: None,
        config_revision: None,
    };
    Event {
        meta,
        body: Bytes::from(format!("{{\"n\":\t{number}}}")),
    }
}

/// The event went to `to` and not to `left_out`.
pub(crate) fn verdict(event: &Event, to: &[&str], left_out: &[&str]) -> Outcome {
    let matched = to.iter().map(|name| (name, Verdict::Matched));
    let reason = Mismatch::Channel;
    let others = left_out
        .iter()
        .map(|name| (name, Verdict::NotMatched { reason }));
    Outcome::Fanout(FanoutVerdict {
        version: SchemaVersion,
        event: event.meta.id.clone(),
        organization: event.meta.organization.clone(),
        application: event.meta.application.clone(),
        event_type: event.meta.event_type.clone(),
        accepted_at: event.meta.accepted_at,
        decided_at: event.meta.accepted_at,
        part: 0,
        endpoints: matched
            .chain(others)
            .map(|(name, verdict)| EndpointVerdict {
                endpoint: endpoint(name),
                verdict,
            })
            .collect(),
        left_out: None,
    })
}

/// The same decision, with those that were left out told as a roster; brought along, or known already.
pub(crate) fn by_roster(outcome: &Outcome, brought: bool) -> Outcome {
    let Outcome::Fanout(mut verdict) = outcome.clone() else {
        panic!("{outcome:?} is no decision");
    };
    let mut left_out = LeftOut::of(&verdict.endpoints);
    if !brought {
        left_out.endpoints = None;
    }
    verdict
        .endpoints
        .retain(|decision| decision.verdict == Verdict::Matched);
    verdict.left_out = Some(left_out);
    Outcome::Fanout(verdict)
}

/// The attempt `number`; the last of three succeeds.
pub(crate) fn attempt(event: &Event, to: &str, number: u16) -> Outcome {
    let wait = std::time::Duration::from_secs(u64::from(number));
    let started_at = event.meta.accepted_at.plus(wait);
    let delivered = number == 3;
    let endpoint = endpoint(to);
    Outcome::Attempt(AttemptRecord {
        version: SchemaVersion,
        id: AttemptId::generate(started_at, [u8::try_from(number).unwrap(); 15]),
        delivery: DeliveryId::scheduled(&event.meta.id, &endpoint),
        event: event.meta.id.clone(),
        organization: event.meta.organization.clone(),
        application: event.meta.application.clone(),
        endpoint,
        event_type: event.meta.event_type.clone(),
        accepted_at: event.meta.accepted_at,
        attempt: AttemptNumber::new(number),
        trigger: Trigger::Scheduled,
        url: "https://example.com/".to_owned(),
        started_at,
        duration_ms: 5,
        response: Response {
            status: Some(if delivered { 204 } else { 503 }),
            text: "a\0b".to_owned(),
            truncated: false,
        },
        headers: Some(
            (&AttemptHeaders {
                sent: vec![("svix-id".to_owned(), event.meta.id.to_string())],
                received: Some(vec![("server".to_owned(), "a\0b".to_owned())]),
                sensitive: Vec::new(),
            })
                .into(),
        ),
        failure: (!delivered).then_some(FailureClass::Status5xx),
        wish: None,
        progress: if delivered {
            Progress::Delivered
        } else {
            Progress::Waiting {
                next_attempt_at: started_at.plus(wait),
            }
        },
        trace_id: None,
    })
}
