//! The main job: an event arrives signed, byte for byte, and stands in history.

use std::time::Duration;

use posthorn_e2e::{Client, Load, Stack, report};
use posthorn_harness::{Behaviour, Received, Receiver, eventually};
use serde_json::json;

use crate::SOON;

const EVENT: &str = r#"{"type":"file.deleted","id":"event_1","timestamp":"2025-04-12T15:55:19.000Z","data":{ "b": 1.0, "a": "\u00e9" }}"#;
const OBJECT: &str = r#"{"data":{ "b": 1.0, "a": "\u00e9" },"id":"event_1","timestamp":"2025-04-12T15:55:19.000Z","type":"file.deleted"}"#;

/// Both official Rust libraries accept a delivery, and neither a changed one.
pub(crate) fn assert_verifies(request: &Received, secret: &str) {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &request.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let svix = svix::webhooks::Webhook::new(secret).unwrap();
    svix.verify(&request.body, &headers).unwrap();
    let standard = standardwebhooks::Webhook::new(secret).unwrap();
    for (theirs, ours) in [
        ("webhook-id", "svix-id"),
        ("webhook-timestamp", "svix-timestamp"),
        ("webhook-signature", "svix-signature"),
    ] {
        let value = headers[ours].clone();
        headers.insert(theirs, value);
    }
    standard.verify(&request.body, &headers).unwrap();
    let mut changed = request.body.to_vec();
    changed[0] ^= 1;
    assert!(svix.verify(&changed, &headers).is_err());
    assert!(standard.verify(&changed, &headers).is_err());
}

#[tokio::test]
async fn an_event_published_on_nats_arrives_signed_and_byte_exact() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    let (endpoint, secret) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    stack
        .producer()
        .await
        .publish("posthorn.events.acme.file.deleted", EVENT)
        .await;

    let requests = receiver.wait_for("/hook", 1, SOON).await;
    let request = &requests[0];
    assert_eq!(request.text(), OBJECT);
    assert_eq!(request.method, "POST");
    assert_eq!(request.header("svix-id"), Some("event_1"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(
        request
            .header("user-agent")
            .unwrap()
            .starts_with("Posthorn/")
    );
    assert_verifies(request, &secret);

    let attempts = stack.client.attempts(&app, "event_1", 1).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["status"], 0);
    assert_eq!(attempts[0]["responseStatusCode"], 200);
    assert_eq!(attempts[0]["endpointId"], json!(endpoint));
    assert_eq!(receiver.count("/hook"), 1);
    stack.stop().await;
}

#[tokio::test]
async fn a_request_over_nats_is_answered_with_the_id_that_is_delivered() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    let body = r#"{"type":"task.completed","data":{"task":1}}"#;
    let answer = producer
        .request(&format!("posthorn.publish.{app}"), body)
        .await;
    let id = posthorn_e2e::client::text(&answer["id"]);

    let requests = receiver.wait_for("/hook", 1, SOON).await;
    assert_eq!(requests[0].header("svix-id"), Some(id.as_str()));
    let read: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(read["data"], json!({"task": 1}));
    assert_eq!(read["id"], json!(id));
    stack.stop().await;
}

#[tokio::test]
async fn a_svix_message_is_delivered_byte_for_byte_from_either_base_url() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    let (_, secret) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let payload = "{ \"z\": 1.00,\n \"a\": [ \"\\u00fc\" , 1e3 ] }";
    let body = format!(r#"{{"eventType":"user.created","payload":{payload}}}"#);
    for (client, count) in [
        (stack.client.clone(), 1),
        (stack.client.at(&stack.ingest_url), 2),
    ] {
        // Older SDKs end paths with a slash.
        let request = client
            .request("POST", &format!("/app/{app}/msg/"))
            .body(body.clone());
        let answer = Client::send(request).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let id = posthorn_e2e::client::text(&answer.body["id"]);
        assert!(id.starts_with("msg_"), "{id}");

        let requests = receiver.wait_for("/hook", count, SOON).await;
        let request = requests.last().unwrap();
        assert_eq!(request.text(), payload);
        assert_eq!(request.header("svix-id"), Some(id.as_str()));
        assert_verifies(request, &secret);
        let read = stack.client.get(&format!("/app/{app}/msg/{id}")).await;
        assert_eq!(
            (read.status, &read.body["eventType"]),
            (200, &json!("user.created"))
        );
        assert_eq!(read.body["timestamp"], answer.body["timestamp"]);
    }
    stack.stop().await;
}

#[tokio::test]
async fn during_a_rotation_both_secrets_verify() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    let (endpoint, old) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let path = format!("/app/{app}/endpoint/{endpoint}/secret");
    let rotated = stack
        .client
        .post(&format!("{path}/rotate"), &json!({}))
        .await;
    assert!((200..300).contains(&rotated.status), "{rotated:?}");
    let new = posthorn_e2e::client::text(&stack.client.get(&path).await.body["key"]);
    assert_ne!(old, new);
    stack
        .producer()
        .await
        .publish("posthorn.events.acme.file.deleted", EVENT)
        .await;

    let requests = receiver.wait_for("/hook", 1, SOON).await;
    let signatures = requests[0].header("svix-signature").unwrap();
    assert_eq!(signatures.split(' ').count(), 2, "{signatures}");
    assert_verifies(&requests[0], &old);
    assert_verifies(&requests[0], &new);
    stack.stop().await;
}

#[tokio::test]
async fn a_resend_is_one_more_attempt_with_the_same_id_and_body() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    let (endpoint, secret) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    stack
        .producer()
        .await
        .publish("posthorn.events.acme.file.deleted", EVENT)
        .await;
    stack.client.attempts(&app, "event_1", 1).await;

    let path = format!("/app/{app}/msg/event_1/endpoint/{endpoint}/resend");
    let resent = stack.client.post(&path, &json!({})).await;
    assert!((200..300).contains(&resent.status), "{resent:?}");
    let requests = receiver.wait_for("/hook", 2, SOON).await;
    assert_eq!(requests[1].text(), OBJECT);
    assert_eq!(requests[1].header("svix-id"), Some("event_1"));
    assert_verifies(&requests[1], &secret);
    let attempts = stack.client.attempts(&app, "event_1", 2).await;
    let triggers: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt["triggerType"].clone())
        .collect();
    assert_eq!(triggers, [json!(0), json!(1)]);
    stack.stop().await;
}

#[tokio::test]
async fn custom_headers_are_sent_and_cannot_replace_ours() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    let (endpoint, _) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let path = format!("/app/{app}/endpoint/{endpoint}/headers");
    let put = |headers: serde_json::Value| stack.client.request("PUT", &path).json(&headers);
    let refused = Client::send(put(json!({"headers": {"svix-id": "mine"}}))).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let set = Client::send(put(json!({"headers": {"X-Team": "blue"}}))).await;
    assert_eq!(set.status, 204, "{set:?}");
    stack
        .producer()
        .await
        .publish("posthorn.events.acme.file.deleted", EVENT)
        .await;

    let requests = receiver.wait_for("/hook", 1, SOON).await;
    assert_eq!(requests[0].header("x-team"), Some("blue"));
    stack.stop().await;
}

#[tokio::test]
async fn a_hanging_endpoint_holds_up_nobody_else() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    receiver.set("/hangs", Behaviour::Hang);
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hangs")).await;
    stack.client.endpoint(&app, &receiver.url("/works")).await;
    let producer = stack.producer().await;
    // More than the hanging endpoint's share of places and of memory.
    for number in 0..400 {
        let body = format!(r#"{{"data":{{"n":{number}}}}}"#);
        producer
            .publish("posthorn.events.acme.load.tick", body)
            .await;
    }
    let arrived = receiver.wait_for("/works", 400, SOON).await;
    assert_eq!(arrived.len(), 400);
    assert!(
        receiver.most_at_once("/hangs") <= 32,
        "{}",
        receiver.most_at_once("/hangs")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_on_disk_is_delivered_once_the_endpoint_works_again() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    receiver.set("/hook", Behaviour::Hang);
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let load = Load::start(stack.producer().await, &app, "backlog", 400);
    let producer = stack.producer().await;
    let waiting = producer.jetstream().get_stream("WAITING").await.unwrap();
    let parked = eventually(Duration::from_secs(60), "a backlog on disk", async || {
        let parked = waiting.get_info().await.unwrap().state.messages;
        (parked > 500)
            .then_some(parked)
            .ok_or_else(|| format!("only {parked} deliveries are on disk"))
    })
    .await;

    receiver.set("/hook", Behaviour::Status(200));
    let works_since = std::time::Instant::now();
    let sent = load.end().await;
    let tally = sent.wait_delivered(&receiver, &["/hook"]).await;
    report(&format!(
        "backlog: {parked} deliveries on disk, {} events delivered {:?} after the endpoint works",
        tally.accepted,
        works_since.elapsed()
    ));
    stack.stop().await;
}

#[tokio::test]
async fn a_rate_is_kept_and_a_change_of_it_is_in_force_at_once() {
    let receiver = Receiver::start().await;
    let stack = Stack::start().await;
    let app = stack.client.application("acme").await;
    let settings = json!({"url": receiver.url("/hook"), "throttleRate": 20});
    let (endpoint, _) = stack.client.endpoint_with(&app, &settings).await;
    let producer = stack.producer().await;
    for n in 0..1_000 {
        let event = format!(r#"{{"data":{n}}}"#);
        producer.publish("posthorn.events.acme.a", event).await;
    }
    let requests = receiver.wait_for("/hook", 100, SOON).await;
    let took = (requests[99].arrived - requests[0].arrived).as_secs_f64();
    // 99 intervals of 50 ms, of which 100 ms may be used ahead.
    // More only because the machine is busy.
    assert!((4.75..15.0).contains(&took), "{took} s instead of 4.95 s");
    let path = format!("/app/{app}/endpoint/{endpoint}");
    let lifted = stack.client.request("PATCH", &path);
    let lifted = Client::send(lifted.json(&json!({"throttleRate": null}))).await;
    assert_eq!(lifted.status, 200, "{lifted:?}");
    // At the rate, what is left would take 45 s.
    receiver.wait_for("/hook", 1_000, SOON).await;
    stack.stop().await;
}

#[tokio::test]
async fn while_a_breaker_is_open_deliveries_wait_without_using_up_attempts() {
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::Reset);
    let stack = Stack::start_with(|settings| {
        settings
            .with("POSTHORN_RETRY_SCHEDULE", "100ms,100ms,100ms,100ms,100ms")
            .with("POSTHORN_BREAKER_OPEN", "3s")
    })
    .await;
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    for n in 0..40 {
        let event = format!(r#"{{"id":"event_{n}","data":{n}}}"#);
        producer.publish("posthorn.events.acme.a", event).await;
    }
    receiver.wait_for("/hook", 5, SOON).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let asked = receiver.count("/hook");
    assert!(asked <= 5 + 8, "{asked} requests although nobody answers");
    receiver.set("/hook", Behaviour::Status(200));
    // Without the breaker all would have been exhausted by now.
    eventually(SOON, "all deliveries", async || {
        let mut delivered = 0;
        for n in 0..40 {
            let path = format!("/app/{app}/attempt/msg/event_{n}");
            let attempts = stack.client.get(&path).await.body["data"].clone();
            let attempts = attempts.as_array().cloned().unwrap_or_default();
            delivered += usize::from(attempts.iter().any(|a| a["responseStatusCode"] == 200));
        }
        match delivered {
            40 => Ok(()),
            delivered => Err(format!("{delivered} of 40")),
        }
    })
    .await;
    stack.stop().await;
}
