//! A delivery that a person asks for, as the bus carries it: one attempt, never retried, whatever
//! the endpoint's subscription says.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use posthorn_event_schema::{
    AttemptNumber, DeliveryId, DeliveryJob, EndpointId, JobMeta, RunId, SchemaVersion, Timestamp,
    Trigger,
};
use posthorn_store::history::StoredEvent;

use crate::moment;

const IDEMPOTENCY_HEADER: &str = "idempotency-key";
/// How long it may wait for its one attempt, should senders be away. The same as a scheduled
/// delivery's default.
const WINDOW: Duration = Duration::from_secs(48 * 3_600);

/// The request's idempotency key, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Option<&str> {
    let key = headers.get(IDEMPOTENCY_HEADER)?.to_str().ok()?;
    (!key.is_empty()).then_some(key)
}

/// Names what one request asks for: by its idempotency key, so that an SDK's retry asks for nothing
/// more, or else by chance.
pub(crate) fn run(headers: &HeaderMap, now: Timestamp) -> RunId {
    let named = key(headers).and_then(|key| RunId::parse(&format!("{}{key}", RunId::PREFIX)).ok());
    named.unwrap_or_else(|| RunId::generate(now, moment::dice()))
}

/// The job of a delivery; asking twice under one name makes the same job.
pub(crate) fn job(
    event: &StoredEvent,
    body: Bytes,
    endpoint: &EndpointId,
    run: &RunId,
    now: Timestamp,
) -> DeliveryJob {
    let meta = JobMeta {
        version: SchemaVersion,
        delivery: DeliveryId::manual(&event.id, endpoint, run),
        event: event.id.clone(),
        organization: event.organization.clone(),
        application: event.application.clone(),
        endpoint: endpoint.clone(),
        event_type: event.event_type.clone(),
        accepted_at: event.accepted_at,
        callback: None,
        deliver_at: None,
        expires_at: None,
        order: None,
        order_within: 0,
        line: None,
        deadline: now.plus(WINDOW),
        attempt: AttemptNumber::FIRST,
        trigger: Trigger::Manual,
        bulk: false,
        not_before: Timestamp::default(),
    };
    DeliveryJob { meta, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(key: Option<&str>) -> RunId {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert(IDEMPOTENCY_HEADER, key.parse().unwrap());
        }
        run(&headers, Timestamp::from_unix_micros(1_800_000_000_000_000))
    }

    #[test]
    fn a_repeated_request_is_one_run() {
        let key = Some("auto_9f6ad9f3-8d5a-4f0c-a52a-7f3c1f2b8a11");
        assert_eq!(run_of(key), run_of(key));
        assert_ne!(run_of(key), run_of(Some("another")));
    }

    #[test]
    fn without_a_usable_key_each_request_is_a_run_of_its_own() {
        for key in [
            None,
            Some(""),
            Some("with a space"),
            Some(&*"x".repeat(200)),
        ] {
            assert_ne!(run_of(key), run_of(key), "{key:?}");
        }
    }
}
