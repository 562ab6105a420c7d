//! What recorder would write to history.

use std::time::Duration;

use bytes::Bytes;
use posthorn_event_schema::{
    ApplicationId, AttemptHeaders, AttemptId, AttemptNumber, AttemptRecord, DeliveryId, EndpointId,
    EndpointVerdict, Event, EventId, EventMeta, EventType, FailureClass, FanoutVerdict, Mismatch,
    Outcome, Progress, Response, SchemaVersion, Timestamp, Trigger, Verdict,
};

use crate::world::{World, now};

pub(crate) const BODY: &str = r#"{ "number": 1.0 }"#;

/// An event of this many seconds ago.
pub(crate) fn event(world: &World, application: &ApplicationId, seconds_ago: u64) -> Event {
    let accepted_at = now().minus(Duration::from_secs(seconds_ago));
    let kind = if seconds_ago.is_multiple_of(2) {
        "file.deleted"
    } else {
        "file.created"
    };
    let meta = EventMeta {
        version: SchemaVersion,
        id: EventId::generate_message(accepted_at, [7; 15]),
        organization: world.organization.clone(),
        application: application.clone(),
        event_type: EventType::parse(kind).unwrap(),
        accepted_at,
        channels: Vec::new(),
        tags: Vec::new(),
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
        body: Bytes::from_static(BODY.as_bytes()),
    }
}

/// Fan-out's decision that an endpoint receives an event.
pub(crate) fn matched(event: &Event, endpoint: &EndpointId) -> Outcome {
    decided(event, endpoint, Verdict::Matched)
}

/// Fan-out's decision that a disabled endpoint does not.
pub(crate) fn left_out(event: &Event, endpoint: &EndpointId) -> Outcome {
    let reason = Mismatch::Disabled;
    decided(event, endpoint, Verdict::NotMatched { reason })
}

fn decided(event: &Event, endpoint: &EndpointId, verdict: Verdict) -> Outcome {
    let meta = &event.meta;
    Outcome::Fanout(FanoutVerdict {
        version: SchemaVersion,
        event: meta.id.clone(),
        organization: meta.organization.clone(),
        application: meta.application.clone(),
        event_type: meta.event_type.clone(),
        accepted_at: meta.accepted_at,
        decided_at: meta.accepted_at,
        part: 0,
        endpoints: vec![EndpointVerdict {
            endpoint: endpoint.clone(),
            verdict,
        }],
        left_out: None,
    })
}

/// An attempt that got this answer; failures are followed by another at `next`, if there is one.
pub(crate) fn attempt(
    event: &Event,
    endpoint: &EndpointId,
    number: u16,
    status: u16,
    next: Option<Timestamp>,
) -> Outcome {
    let meta = &event.meta;
    let started_at = meta
        .accepted_at
        .plus(Duration::from_secs(u64::from(number)));
    let delivered = (200..300).contains(&status);
    let progress = match next {
        _ if delivered => Progress::Delivered,
        Some(next_attempt_at) => Progress::Waiting { next_attempt_at },
        None => Progress::Exhausted,
    };
    Outcome::Attempt(AttemptRecord {
        version: SchemaVersion,
        id: AttemptId::generate(started_at, [9; 15]),
        delivery: DeliveryId::scheduled(&meta.id, endpoint),
        event: meta.id.clone(),
        organization: meta.organization.clone(),
        application: meta.application.clone(),
        endpoint: endpoint.clone(),
        event_type: meta.event_type.clone(),
        accepted_at: meta.accepted_at,
        attempt: AttemptNumber::new(number),
        trigger: Trigger::Scheduled,
        url: "https://example.com/hook".to_owned(),
        started_at,
        duration_ms: 12,
        response: Response {
            status: Some(status),
            text: "answer".to_owned(),
            truncated: false,
        },
        headers: Some(
            (&AttemptHeaders {
                sent: vec![("svix-id".to_owned(), meta.id.to_string())],
                received: Some(vec![("server".to_owned(), "shop".to_owned())]),
                sensitive: vec!["x-api-key".to_owned()],
            })
                .into(),
        ),
        failure: (!delivered).then_some(FailureClass::Status5xx),
        wish: None,
        progress,
        trace_id: None,
    })
}
