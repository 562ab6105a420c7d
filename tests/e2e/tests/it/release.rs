//! Delivering now what waits.

use std::time::Duration;

use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Behaviour, Receiver};
use serde_json::json;

use crate::SOON;

async fn release(client: &Client, app: &str, endpoint: &str) {
    let path = format!("/app/{app}/endpoint/{endpoint}/deliver-waiting");
    let answer = client.post(&path, &json!({})).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[tokio::test]
async fn what_waits_for_a_retry_is_delivered_at_once_and_only_for_its_endpoint() {
    let receiver = Receiver::start().await;
    for path in ["/repaired", "/other"] {
        receiver.set(path, Behaviour::Status(500));
    }
    let stack = Stack::start_with(|settings| {
        settings
            .with("POSTHORN_RETRY_SCHEDULE", "1h,2h")
            .with("POSTHORN_BREAKER_OPEN", "0s")
    })
    .await;
    let client = &stack.client;
    let app = client.application("acme").await;
    let (repaired, _) = client.endpoint(&app, &receiver.url("/repaired")).await;
    client.endpoint(&app, &receiver.url("/other")).await;
    let producer = stack.producer().await;
    for n in 0..30 {
        let event = format!(r#"{{"id":"event_{n}","data":{n}}}"#);
        producer.publish("posthorn.events.acme.a", event).await;
    }
    receiver.wait_for("/repaired", 30, SOON).await;
    receiver.wait_for("/other", 30, SOON).await;

    // The first wish comes too early: everything fails once more, and waits again.
    release(client, &app, &repaired).await;
    receiver.wait_for("/repaired", 60, SOON).await;
    receiver.set("/repaired", Behaviour::Status(200));
    release(client, &app, &repaired).await;
    receiver.wait_for("/repaired", 90, SOON).await;
    for n in 0..30 {
        let attempts = client.attempts(&app, &format!("event_{n}"), 4).await;
        let of_repaired = attempts
            .iter()
            .filter(|a| a["endpointId"] == json!(repaired));
        let mut statuses: Vec<_> = of_repaired
            .map(|attempt| attempt["responseStatusCode"].as_u64().unwrap())
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 500, 500], "event_{n}");
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(
        receiver.count("/repaired"),
        90,
        "what is delivered stays so"
    );
    assert_eq!(receiver.count("/other"), 30);
    stack.stop().await;
}

#[tokio::test]
async fn an_open_breaker_lets_a_probe_through_at_once() {
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::Reset);
    let stack = Stack::start_with(|settings| {
        settings
            .with("POSTHORN_RETRY_SCHEDULE", "1h,2h")
            .with("POSTHORN_BREAKER_OPEN", "1h")
    })
    .await;
    let client = &stack.client;
    let app = client.application("acme").await;
    let (hook, _) = client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    for n in 0..40 {
        let event = format!(r#"{{"id":"event_{n}","data":{n}}}"#);
        producer.publish("posthorn.events.acme.a", event).await;
    }
    receiver.wait_for("/hook", 5, SOON).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(receiver.count("/hook") < 40, "the breaker is open");
    receiver.set("/hook", Behaviour::Status(200));
    release(client, &app, &hook).await;
    for n in 0..40 {
        let attempts = client.attempts(&app, &format!("event_{n}"), 1).await;
        assert!(!attempts.is_empty(), "event_{n}");
    }
    posthorn_harness::eventually(SOON, "all deliveries", async || {
        let path = format!("/app/{app}/endpoint/{hook}/msg?status=0&limit=250");
        let answer = client.get(&path).await;
        let delivered = answer.body["data"].as_array().map_or(0, Vec::len);
        if delivered == 40 {
            Ok(())
        } else {
            Err(format!("{delivered} of 40 are delivered"))
        }
    })
    .await;
    stack.stop().await;
}
