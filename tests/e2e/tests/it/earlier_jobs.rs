//! An upgrade from a build for which JOBS was one stream: what its fanouts put there is delivered.

use async_nats::jetstream::stream::{Config, RetentionPolicy};
use posthorn_e2e::settings::{self, ORGANIZATION};
use posthorn_e2e::{Producer, Stack};
use posthorn_event_schema::batch::{self, Part};
use posthorn_event_schema::{DeliveryJob, EndpointId, Partition, TraceHeaders};
use posthorn_harness::{Receiver, TestNats, eventually};
use serde_json::{Value, json};

use crate::SOON;

/// A server as such a build left it.
async fn server() -> TestNats {
    let nats = TestNats::start().await;
    let producer = Producer::connect(&nats.url()).await;
    let jobs = Config {
        name: "JOBS".to_owned(),
        subjects: vec!["jobs.>".to_owned()],
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    producer.jetstream().create_stream(jobs).await.unwrap();
    nats
}

/// The delivery of an event whose place in EVENTS was `order`.
fn job(application: &str, endpoint: &str, order: u64, number: u64) -> DeliveryJob {
    let now = settings::now().as_unix_micros();
    let meta = json!({
        "v": 1, "delivery": format!("event_{number}.{endpoint}"), "event": format!("event_{number}"),
        "organization": ORGANIZATION, "application": application, "endpoint": endpoint, "type": "a",
        "accepted_at": now, "deadline": now + 60_000_000, "attempt": 1, "trigger": "scheduled",
        "not_before": 0, "order": order,
    });
    DeliveryJob {
        meta: serde_json::from_value(meta).unwrap(),
        body: json!({"data": {"n": number}}).to_string().into(),
    }
}

/// Stores one message, as a fanout of that build did.
async fn put(producer: &Producer, jobs: &[DeliveryJob]) {
    let endpoint = &jobs[0].meta.endpoint;
    let subject = format!("jobs.{}.{endpoint}", Partition::of(endpoint));
    let part = |job: &DeliveryJob| Part {
        trace: TraceHeaders::default(),
        frame: job.encode(),
    };
    let parts: Vec<_> = jobs.iter().map(part).collect();
    let published = producer.jetstream().publish(subject, batch::join(&parts));
    published.await.unwrap().await.unwrap();
}

fn arrived(receiver: &Receiver, path: &str) -> Vec<u64> {
    let number = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        body["data"]["n"].as_u64().unwrap()
    };
    let received = receiver.received(path);
    received.iter().map(|one| number(&one.body)).collect()
}

#[tokio::test]
async fn jobs_of_an_earlier_build_are_delivered_once_and_in_their_order() {
    let (nats, receiver) = tokio::join!(server(), Receiver::start());
    let stack = Stack::start_on(nats, |same| same).await;
    let app = stack.client.application("acme").await;
    let (any, _) = stack.client.endpoint(&app, &receiver.url("/any")).await;
    let fifo = json!({"url": receiver.url("/fifo"), "fifo": true});
    let (fifo, _) = stack.client.endpoint_with(&app, &fifo).await;
    let producer = stack.producer().await;
    let publish = async |number: u64| {
        let event = json!({"type": "a", "data": {"n": number}}).to_string();
        let answer = producer.request("posthorn.publish.acme", event).await;
        assert!(answer["id"].is_string(), "{answer}");
    };
    // They have the first three places in EVENTS.
    for number in 1..=3 {
        publish(number).await;
    }
    receiver.wait_for("/fifo", 3, SOON).await;

    let of = |endpoint: &EndpointId, order, number| job(&app, endpoint.as_str(), order, number);
    let (any, fifo) = (endpoint_id(&any), endpoint_id(&fifo));
    put(&producer, &[of(&any, 2, 12), of(&any, 3, 13)]).await;
    put(&producer, &[of(&any, 1, 11)]).await;
    put(&producer, &[of(&fifo, 3, 13)]).await;
    put(&producer, &[of(&fifo, 2, 12)]).await;
    // Its job is where jobs are now, and belongs behind those.
    publish(4).await;

    receiver.wait_for("/any", 7, SOON).await;
    receiver.wait_for("/fifo", 6, SOON).await;
    assert_eq!(arrived(&receiver, "/fifo"), [1, 2, 3, 12, 13, 4]);
    let mut any = arrived(&receiver, "/any");
    any.sort_unstable();
    assert_eq!(any, [1, 2, 3, 4, 11, 12, 13]);
    eventually(SOON, "nothing left of them", async || {
        let stream = producer.jetstream().get_stream("JOBS").await.unwrap();
        match stream.cached_info().state.messages {
            0 => Ok(()),
            left => Err(format!("{left} messages")),
        }
    })
    .await;

    // As its operator may do then.
    producer.jetstream().delete_stream("JOBS").await.unwrap();
    publish(5).await;
    receiver.wait_for("/any", 8, SOON).await;
    receiver.wait_for("/fifo", 7, SOON).await;
    assert_eq!(arrived(&receiver, "/fifo").last(), Some(&5));
    stack.stop().await;
}

fn endpoint_id(text: &str) -> EndpointId {
    EndpointId::parse(text).unwrap()
}
