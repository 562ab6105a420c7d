//! One endpoint's trouble is its own: what it costs the others.

use std::time::Duration;

use async_nats::jetstream::kv::Store;
use futures::TryStreamExt;
use posthorn_e2e::{Load, Producer, Settings, Stack, report};
use posthorn_harness::{Behaviour, Receiver, eventually};
use serde_json::{Value, json};

use crate::{SOON, WHOLE_MACHINE};

/// The snapshot's entry of an endpoint, with the bucket that holds it.
async fn entry(producer: &Producer, endpoint: &str) -> (Store, String, Value) {
    let bucket = producer.jetstream().get_key_value("config").await.unwrap();
    let keys: Vec<String> = bucket.keys().await.unwrap().try_collect().await.unwrap();
    let key = keys.into_iter().find(|key| key.contains(endpoint)).unwrap();
    let value = bucket.get(&key).await.unwrap().unwrap();
    (bucket, key, serde_json::from_slice(&value).unwrap())
}

async fn publish(producer: &Producer, count: usize) {
    for number in 0..count {
        let body = format!(r#"{{"data":{{"n":{number}}}}}"#);
        producer
            .publish("posthorn.events.acme.load.tick", body)
            .await;
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_holds_up_only_its_endpoint() {
    // So few places that the endpoint could take all of them.
    let few = |settings: Settings| settings.with("POSTHORN_SENDER_IN_FLIGHT", "8");
    let (stack, receiver) = tokio::join!(Stack::start_with(few), Receiver::start());
    let app = stack.client.application("acme").await;
    let (sealed, _) = stack.client.endpoint(&app, &receiver.url("/sealed")).await;
    stack.client.endpoint(&app, &receiver.url("/works")).await;
    let producer = stack.producer().await;
    let (bucket, key, good) = entry(&producer, &sealed).await;
    let with = |secret: &Value, versions: i64| {
        let mut changed = good.clone();
        changed["secrets"][0]["sealed"] = secret.clone();
        changed["version"] = json!(good["version"].as_i64().unwrap() + versions);
        serde_json::to_vec(&changed).unwrap()
    };
    let nonsense = with(&json!("bm9uc2Vuc2U="), 1);
    bucket.put(&key, nonsense.into()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;

    publish(&producer, 40).await;
    receiver.wait_for("/works", 40, SOON).await;
    assert_eq!(receiver.count("/sealed"), 0);

    let restored = with(&good["secrets"][0]["sealed"], 2);
    bucket.put(&key, restored.into()).await.unwrap();
    let requests = receiver.wait_for("/sealed", 40, SOON).await;
    assert_eq!(requests.len(), 40, "kept and delivered once");
    stack.stop().await;
}

/// How long each of some new events takes to an endpoint.
async fn probe(producer: &Producer, receiver: &Receiver, path: &str) -> Vec<Duration> {
    let mut took = Vec::new();
    for number in 0..=40 {
        let id = format!("probe-{number}");
        let began = std::time::Instant::now();
        let body = format!(r#"{{"id":"{id}","data":{number}}}"#);
        producer.publish("posthorn.events.acme.a", body).await;
        eventually(SOON, "the probe", async || {
            let requests = receiver.received(path);
            let came = requests
                .iter()
                .any(|request| request.header("svix-id") == Some(&id));
            came.then_some(())
                .ok_or_else(|| format!("{} requests", requests.len()))
        })
        .await;
        took.push(began.elapsed());
    }
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_catches_up_while_others_hang() {
    let _machine = WHOLE_MACHINE.lock().await;
    // Few places, so that little load shows what much load does to the default ones.
    let few = |settings: Settings| {
        settings
            .with("POSTHORN_SENDER_IN_FLIGHT", "60")
            .with("POSTHORN_SENDER_ENDPOINT_QUEUE", "16")
    };
    let (stack, receiver) = tokio::join!(Stack::start_with(few), Receiver::start());
    receiver.set_default(Behaviour::Hang);
    let app = stack.client.application("acme").await;
    for number in 0..12 {
        let url = receiver.url(&format!("/hangs/{number}"));
        stack.client.endpoint(&app, &url).await;
    }
    stack.client.endpoint(&app, &receiver.url("/works")).await;
    let producer = stack.producer().await;
    let load = Load::start(producer.clone(), &app, "load", 20);
    tokio::time::sleep(Duration::from_secs(4)).await;
    receiver.set("/works", Behaviour::Status(200));

    // The first of them comes after everything that waits, however long that takes.
    let mut took = probe(&producer, &receiver, "/works").await;
    let caught_up = took.remove(0);
    took.sort();
    report(&format!(
        "beside 12 endpoints that hang: caught up in {caught_up:?}, then p50 {:?}, longest {:?}",
        took[20], took[39]
    ));
    assert!(took[20] < Duration::from_secs(5), "{took:?}");
    let sent = load.end().await;
    sent.wait_delivered(&receiver, &["/works"]).await;
}

#[tokio::test]
async fn what_waits_for_a_receivers_wish_waits_on_disk() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let busy = Behaviour::with_headers(429, &[("retry-after", "3600")]);
    receiver.set("/busy", busy);
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/busy")).await;
    let producer = stack.producer().await;
    publish(&producer, 1).await;
    receiver.wait_for("/busy", 1, SOON).await;
    publish(&producer, 50).await;

    eventually(SOON, "all jobs on disk", async || {
        let mut counts = Vec::new();
        for name in ["EVENTS", "JOBS", "WAITING"] {
            let stream = producer.jetstream().get_stream(name).await.unwrap();
            counts.push(stream.get_info().await.unwrap().state.messages);
        }
        let done = counts == [0, 0, 51];
        done.then_some(()).ok_or_else(|| format!("{counts:?}"))
    })
    .await;
    assert!(receiver.count("/busy") <= 10, "held back");
    stack.stop().await;
}
