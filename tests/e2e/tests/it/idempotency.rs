//! One key, one event: over each door, at once and later, and whatever dies in between.

use std::collections::HashSet;

use async_nats::jetstream::{self, kv};
use futures::TryStreamExt;
use futures::future::join_all;
use posthorn_bus::idempotency::Claim;
use posthorn_bus::topology::Bucket;
use posthorn_e2e::client::text;
use posthorn_e2e::{Client, Stack};
use posthorn_event_schema::{ApplicationId, Event, EventId, Shard, subject};
use posthorn_harness::{Receiver, eventually};
use posthorn_ingest::config::DEFAULT_ORGANIZATION;
use serde_json::json;

use crate::SOON;

#[tokio::test]
async fn a_key_used_by_many_makes_one_event() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let body = json!({"eventType": "a", "payload": {"n": 1}});
    let send = |client: Client| {
        let request = client.request("POST", &format!("/app/{app}/msg"));
        Client::send(request.header("idempotency-key", "key-1").json(&body))
    };
    // Two servers, at the same time.
    let clients = [stack.client.clone(), stack.client.at(&stack.ingest_url)];
    let answers = join_all((0..20).map(|n| send(clients[n % 2].clone()))).await;
    let later = send(stack.client.clone()).await;
    let ids: HashSet<_> = answers
        .iter()
        .chain([&later])
        .map(|a| text(&a.body["id"]))
        .collect();
    assert_eq!(ids.len(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|answer| answer.status == 202),
        "{answers:?}"
    );

    // The others waited for the first, and published nothing.
    let jetstream = stack.producer().await.jetstream().clone();
    let events = jetstream.get_stream("EVENTS").await.unwrap();
    assert_eq!(events.cached_info().state.last_sequence, 1);

    let other = json!({"eventType": "a", "payload": {"n": 2}});
    let request = stack.client.request("POST", &format!("/app/{app}/msg"));
    let conflict = Client::send(request.header("idempotency-key", "key-1").json(&other)).await;
    assert_eq!(
        (conflict.status, &conflict.body["code"]),
        (409, &json!("idempotency_conflict"))
    );

    receiver.wait_for("/hook", 1, SOON).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(receiver.count("/hook"), 1);
    stack.stop().await;
}

#[tokio::test]
async fn a_producers_own_id_makes_one_event_over_every_door() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    let event = r#"{"type":"a","id":"own-1","data":1}"#;
    for _ in 0..3 {
        producer.publish("posthorn.events.acme.a", event).await;
        let answer = producer.request("posthorn.publish.acme", event).await;
        assert_eq!(answer["id"], "own-1", "{answer}");
        let path = format!("/app/{app}/events");
        let answer = Client::send(stack.client.request("POST", &path).body(event)).await;
        assert_eq!((answer.status, &answer.body["id"]), (202, &json!("own-1")));
    }
    let other = r#"{"type":"a","id":"own-1","data":2}"#;
    let answer = producer.request("posthorn.publish.acme", other).await;
    assert_eq!(answer["error"]["code"], "conflict", "{answer}");

    receiver.wait_for("/hook", 1, SOON).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(receiver.count("/hook"), 1);
    stack.stop().await;
}

/// The crash is played: what ingest leaves behind when it dies after claiming a key and before it
/// publishes is exactly the claim.
#[tokio::test]
async fn a_crash_between_claim_and_publish_makes_one_event() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let body = json!({"eventType": "a", "payload": {"n": 1}});
    let send = async || {
        let request = stack.client.request("POST", &format!("/app/{app}/msg"));
        let sent = Client::send(request.header("idempotency-key", "key-1").json(&body)).await;
        assert_eq!(sent.status, 202, "{sent:?}");
        text(&sent.body["id"])
    };
    // Only a first request shows what a claim of this key and body looks like.
    let first = send().await;
    receiver.wait_for("/hook", 1, SOON).await;
    let jetstream = stack.producer().await.jetstream().clone();
    let mut claims = claims(&jetstream).await;
    assert_eq!(claims.len(), 1, "{claims:?}");
    let (bucket, name, claim) = claims.remove(0);
    let left_behind = Claim {
        event: EventId::parse("msg_2tWQBqZ3kVnN1xqYH4vH8mFzKcE").unwrap(),
        published: false,
        ..claim
    };
    let value = serde_json::to_vec(&left_behind).unwrap();
    bucket.put(&name, value.into()).await.unwrap();

    for _ in 0..3 {
        assert_eq!(send().await, left_behind.event.as_str());
    }
    receiver.wait_for("/hook", 2, SOON).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let received = receiver.received("/hook");
    let ids: Vec<_> = received.iter().map(|one| one.header("svix-id")).collect();
    assert_eq!(ids, [Some(&*first), Some(left_behind.event.as_str())]);
    stack.stop().await;
}

/// Each claim of all buckets, with where it is.
async fn claims(jetstream: &jetstream::Context) -> Vec<(kv::Store, String, Claim)> {
    let mut claims = Vec::new();
    for shard in Shard::ALL {
        let bucket = Bucket::Idempotency(shard).name();
        let bucket = jetstream.get_key_value(bucket).await.unwrap();
        let mut names: Vec<String> = bucket.keys().await.unwrap().try_collect().await.unwrap();
        names.retain(|name| !name.starts_with("page."));
        for name in names {
            let claim = bucket.get(&name).await.unwrap().unwrap();
            let claim = serde_json::from_slice(&claim).unwrap();
            claims.push((bucket.clone(), name, claim));
        }
    }
    claims
}

/// The second hand-out is played by storing the event twice, under different message ids.
#[tokio::test]
async fn an_event_fanned_out_twice_is_delivered_once() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    for path in ["/one", "/two"] {
        stack.client.endpoint(&app, &receiver.url(path)).await;
    }
    let meta = json!({
        "v": 1,
        "id": "event_1",
        "organization": DEFAULT_ORGANIZATION,
        "application": app,
        "type": "file.deleted",
        "accepted_at": unix_micros(),
        "retention_hours": 1,
    });
    let event = Event {
        meta: serde_json::from_value(meta).unwrap(),
        body: "{}".into(),
    };
    let application = ApplicationId::parse(&app).unwrap();
    let producer = stack.producer().await;
    for id in ["first", "second"] {
        let headers = [("Nats-Msg-Id", id)];
        let subject = subject::event(&application);
        producer
            .publish_with(&subject, &headers, event.encode())
            .await;
    }
    let events = producer.jetstream().get_stream("EVENTS").await.unwrap();
    eventually(SOON, "both to be fanned out", async || {
        let state = events.get_info().await.unwrap().state;
        if (state.last_sequence, state.messages) == (2, 0) {
            Ok(())
        } else {
            Err(format!("{state:?}"))
        }
    })
    .await;
    stack.client.attempts(&app, "event_1", 2).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!((receiver.count("/one"), receiver.count("/two")), (1, 1));
    assert_eq!(stack.client.attempts(&app, "event_1", 2).await.len(), 2);
    stack.stop().await;
}

fn unix_micros() -> i64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(now.as_micros()).unwrap()
}

#[tokio::test]
async fn a_key_on_nats_is_one_applications_own() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    for name in ["acme", "globex"] {
        let app = stack.client.application(name).await;
        let hook = receiver.url(&format!("/{name}"));
        stack.client.endpoint(&app, &hook).await;
    }
    let producer = stack.producer().await;
    let send = async |app: &str, header: &str, body: &'static str| {
        let subject = format!("posthorn.events.{app}.order.paid");
        let headers = [(header, "order-17")];
        producer.publish_with(&subject, &headers, body).await;
    };
    // JetStream itself tells nobody's `Nats-Msg-Id` apart, but only for a tenth of a second.
    send("acme", "Nats-Msg-Id", r#"{"data":1}"#).await;
    tokio::time::sleep(2 * posthorn_bus::topology::INBOX_DUPLICATE_WINDOW).await;
    send("globex", "Nats-Msg-Id", r#"{"data":1}"#).await;
    tokio::time::sleep(2 * posthorn_bus::topology::INBOX_DUPLICATE_WINDOW).await;
    receiver.wait_for("/acme", 1, SOON).await;
    receiver.wait_for("/globex", 1, SOON).await;
    // The same key with another event is a conflict that can be seen, by either header.
    send("acme", "Nats-Msg-Id", r#"{"data":2}"#).await;
    send("acme", "Posthorn-Idempotency-Key", r#"{"data":3}"#).await;
    // The same event twice is one event.
    send("globex", "Posthorn-Idempotency-Key", r#"{"data":1}"#).await;
    let kept = crate::nats_doors::rejections(&producer, 2).await;
    let codes: Vec<_> = kept.iter().map(|one| one.meta.code.as_str()).collect();
    assert_eq!(codes, ["idempotency_conflict", "idempotency_conflict"]);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!((receiver.count("/acme"), receiver.count("/globex")), (1, 1));
    stack.stop().await;
}

#[tokio::test]
async fn with_our_own_header_two_applications_may_use_a_key_in_the_same_instant() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let producer = stack.producer().await;
    for name in ["acme", "globex"] {
        let app = stack.client.application(name).await;
        let hook = receiver.url(&format!("/{name}"));
        stack.client.endpoint(&app, &hook).await;
    }
    let send = async |app: &str, id: &str| {
        let subject = format!("posthorn.events.{app}.order.paid");
        // Our own header counts where both are given.
        let headers = [
            ("Nats-Msg-Id", id),
            ("Posthorn-Idempotency-Key", "order-17"),
        ];
        producer
            .publish_with(&subject, &headers, r#"{"data":1}"#)
            .await;
    };
    tokio::join!(send("acme", "1"), send("globex", "2"), send("acme", "3"));
    receiver.wait_for("/acme", 1, SOON).await;
    receiver.wait_for("/globex", 1, SOON).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!((receiver.count("/acme"), receiver.count("/globex")), (1, 1));
    stack.stop().await;
}
