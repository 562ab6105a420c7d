//! One endpoint's trouble is its own: what it costs the others.

use std::time::Duration;

use async_nats::jetstream::kv::Store;
use futures::TryStreamExt;
use posthorn_e2e::{Producer, Stack};
use posthorn_harness::Receiver;
use serde_json::{Value, json};

use crate::SOON;

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
    let few = |settings: posthorn_e2e::Settings| settings.with("POSTHORN_SENDER_IN_FLIGHT", "8");
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
