//! Messages to send.

use posthorn_event_schema::{
    ApplicationId, ApplicationSnapshot, DeliveryJob, EndpointId, EndpointSnapshot, Event, JobMeta,
    OrganizationId, Outcome, SchemaVersion, Uid,
};
use posthorn_harness::TestNats;

/// An event with this id.
pub(crate) fn event(id: &str) -> Event {
    let meta = format!(
        r#"{{"v":1,"id":"{id}","organization":"org_1","application":"app_1","type":"file.deleted",
            "accepted_at":1700000000000000,"retention_hours":1}}"#
    );
    Event {
        meta: serde_json::from_str(&meta).unwrap(),
        body: "{\"a\": 1}\n{}".into(),
    }
}

/// The first attempt of a delivery of event `id` to `endpoint`.
pub(crate) fn job(id: &str, endpoint: &EndpointId) -> DeliveryJob {
    let meta = format!(
        r#"{{"v":1,"delivery":"{id}.{endpoint}","event":"{id}","organization":"org_1",
            "application":"app_1","endpoint":"{endpoint}","type":"file.deleted",
            "accepted_at":1700000000000000,"deadline":1800000000000000,"attempt":1,
            "trigger":"scheduled","not_before":0}}"#
    );
    let meta: JobMeta = serde_json::from_str(&meta).unwrap();
    DeliveryJob {
        meta,
        body: "{}".into(),
    }
}

/// An endpoint's id.
pub(crate) fn endpoint(name: &str) -> EndpointId {
    EndpointId::parse(&format!("ep_{name}")).unwrap()
}

/// An application's entry.
pub(crate) fn application_entry(version: i64) -> ApplicationSnapshot {
    ApplicationSnapshot {
        schema: SchemaVersion,
        id: ApplicationId::parse("app_1").unwrap(),
        organization: OrganizationId::parse("org_1").unwrap(),
        uid: Some(Uid::parse("acme").unwrap()),
        throttle_rate: None,
        version,
        deleted: false,
    }
}

/// An endpoint's entry.
pub(crate) fn endpoint_entry(version: i64, url: &str) -> EndpointSnapshot {
    EndpointSnapshot {
        schema: SchemaVersion,
        id: endpoint("1"),
        application: ApplicationId::parse("app_1").unwrap(),
        organization: OrganizationId::parse("org_1").unwrap(),
        version,
        deleted: false,
        url: url.to_owned(),
        disabled: false,
        event_types: None,
        channels: None,
        secrets: Vec::new(),
        sealed_headers: None,
        sealed_credentials: None,
        client_certificate: None,
        extra_roots: None,
        oauth: None,
        cancelled_before: None,
        released_at: None,
        retry_waits_ms: None,
        throttle_rate: None,
        fifo: false,
    }
}

/// A decision that matched nobody.
pub(crate) fn fanout() -> Outcome {
    let json = r#"{"kind":"fanout","v":1,"event":"event_1","organization":"org_1",
        "application":"app_1","type":"file.deleted","accepted_at":1700000000000000,
        "decided_at":1700000000000000,"part":0,"endpoints":[]}"#;
    Outcome::decode(json.as_bytes()).unwrap()
}

/// Makes OUTCOMES as builds made it that did not repeat it.
pub(crate) async fn forget_republish(nats: &TestNats) {
    let client = async_nats::connect(nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let stream = jetstream.get_stream("OUTCOMES").await.unwrap();
    let mut config = stream.cached_info().config.clone();
    assert!(config.republish.take().is_some());
    jetstream.update_stream(config).await.unwrap();
}
