//! Old messages must still parse: each file of `tests/fixtures/wire` is a message as some release
//! wrote it. Files are added, never changed.

use bytes::Bytes;

use crate::{
    ApplicationSnapshot, DeliveryJob, EndpointSnapshot, Event, EventTypeSnapshot, Outcome,
    Rejection, RosterId, batch,
};

fn fixture(name: &str) -> Bytes {
    let path = format!(
        "{}/../../tests/fixtures/wire/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    Bytes::from(std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")))
}

#[test]
fn an_event_of_version_1_still_parses_and_is_written_the_same() {
    let file = fixture("event.v1.frame");
    let event = Event::decode(&file).unwrap();
    assert_eq!(event.meta.event_type.as_str(), "file.deleted");
    assert_eq!(event.meta.channels.len(), 1);
    assert!(event.body.starts_with(b"{\"data\":{\"file\":\"f_1\"}"));
    assert_eq!(event.encode(), file);
    assert_eq!(event.dedup_id(), "app_2tWQBqZ3kVnN1xqYH4vH8mFzKcE.event_1");
}

#[test]
fn an_event_with_the_revision_of_its_configuration_still_parses_and_is_written_the_same() {
    let file = fixture("event-revision.v1.frame");
    let event = Event::decode(&file).unwrap();
    assert_eq!(event.meta.config_revision, Some(42));
    assert_eq!(event.encode(), file);
}

#[test]
fn events_that_share_a_message_still_parse_and_are_written_the_same() {
    let file = fixture("events.v1.batch");
    let parts = batch::split(&file).unwrap();
    assert_eq!(parts.len(), 2);
    assert!(parts[0].trace.traceparent.is_some() && parts[1].trace.traceparent.is_none());
    assert_eq!(parts[0].frame, fixture("event.v1.frame"));
    assert_eq!(parts[1].frame, fixture("event-revision.v1.frame"));
    assert_eq!(batch::join(&parts), file);
}

#[test]
fn a_job_of_version_1_still_parses_and_is_written_the_same() {
    let file = fixture("job.v1.frame");
    let job = DeliveryJob::decode(&file).unwrap();
    assert_eq!(job.meta.attempt.get(), 2);
    assert_eq!(job.encode(), file);
    assert_eq!(
        job.meta.dedup_id(),
        "event_1.ep_2tWQBqZ3kVnN1xqYH4vH8mFzKcE#2"
    );
}

#[test]
fn outcomes_of_version_1_still_parse_and_are_written_the_same() {
    for name in [
        "fanout.v1.json",
        "fanout-roster.v1.json",
        "fanout-left-out.v1.json",
        "attempt.v1.json",
        "attempt-headers.v1.json",
        "attempt-waiting.v1.json",
        "attempt-wish.v1.json",
        "cancelled.v1.json",
    ] {
        let file = fixture(name);
        let outcome = Outcome::decode(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(outcome.encode(), file, "{name}");
        // By another writer, with other spaces.
        let value: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let spaced = serde_json::to_vec_pretty(&value).unwrap();
        let again = Outcome::decode(&spaced).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again.dedup_id(), outcome.dedup_id(), "{name}");
    }
    assert!(Outcome::decode(br#"{"kind":"unknown"}"#).is_err());
}

#[test]
fn a_roster_has_the_name_that_rows_of_history_are_found_by() {
    let outcome = Outcome::decode(&fixture("fanout-roster.v1.json")).unwrap();
    let Outcome::Fanout(verdict) = outcome else {
        panic!("{outcome:?} is no decision");
    };
    let left_out = verdict.left_out.unwrap();
    let named = RosterId::of(left_out.endpoints.iter().flatten());
    assert_eq!(named, left_out.roster);
}

#[test]
fn a_rejection_of_version_1_still_parses_and_is_written_the_same() {
    let file = fixture("rejection.v1.frame");
    let rejection = Rejection::decode(&file).unwrap();
    assert_eq!(rejection.meta.code, "invalid_event");
    assert!(!rejection.meta.truncated);
    assert_eq!(rejection.encode(), file);
    let file = fixture("rejection-truncated.v1.frame");
    let rejection = Rejection::decode(&file).unwrap();
    assert!(rejection.meta.truncated);
    assert_eq!(rejection.encode(), file);
}

#[test]
fn snapshots_of_version_1_still_parse_and_are_written_the_same() {
    let file = fixture("application.v1.json");
    let application: ApplicationSnapshot = serde_json::from_slice(&file).unwrap();
    assert_eq!(serde_json::to_vec(&application).unwrap(), file);
    for name in [
        "endpoint.v1.json",
        "endpoint-cancelled.v1.json",
        "endpoint-access.v1.json",
    ] {
        let file = fixture(name);
        let endpoint: EndpointSnapshot = serde_json::from_slice(&file).unwrap();
        assert_eq!(serde_json::to_vec(&endpoint).unwrap(), file, "{name}");
    }
    let file = fixture("event-type.v1.json");
    let event_type: EventTypeSnapshot = serde_json::from_slice(&file).unwrap();
    assert_eq!(serde_json::to_vec(&event_type).unwrap(), file);
}

#[test]
fn a_field_from_the_future_is_ignored_and_a_version_from_the_future_refused() {
    let text = String::from_utf8(fixture("event.v1.frame").to_vec()).unwrap();
    let with_field = text.replacen("{\"v\":1,", "{\"v\":1,\"colour\":\"red\",", 1);
    assert!(Event::decode(&Bytes::from(with_field)).is_ok());
    let with_version = text.replacen("{\"v\":1,", "{\"v\":99,", 1);
    let error = Event::decode(&Bytes::from(with_version)).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("schema version 99 is unknown"), "{cause}");
}
