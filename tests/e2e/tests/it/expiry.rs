//! Events that nobody wants to know of any more after a while.

use std::time::Duration;

use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Behaviour, Receiver, eventually};
use serde_json::{Value, json};

use crate::SOON;

/// Far longer than anything here lives.
const SCHEDULE: &str = "100ms,200ms,1h";

/// A stack whose only endpoint always fails.
async fn failing(receiver: &Receiver) -> (Stack, String, String) {
    receiver.set("/hook", Behaviour::Status(500));
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_RETRY_SCHEDULE", SCHEDULE)).await;
    let app = stack.client.application("acme").await;
    let (endpoint, _) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    (stack, app, endpoint)
}

/// Sends a message and returns the answer.
async fn send(client: &Client, app: &str, extra: &Value) -> Value {
    let mut message = json!({"eventType": "otp.sent", "payload": {"code": 1}});
    let fields = extra.as_object().unwrap().clone();
    message.as_object_mut().unwrap().extend(fields);
    let answer = client.post(&format!("/app/{app}/msg"), &message).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body
}

/// Waits until history says that the delivery has ended without success.
async fn ended(client: &Client, app: &str, message: &str, endpoint: &str) -> Value {
    let path = format!("/app/{app}/msg/{message}/endpoint?expanded_statuses=true");
    eventually(SOON, "the end of the delivery", async || {
        let answer = client.get(&path).await;
        let list = answer.body["data"].as_array().cloned().unwrap_or_default();
        let found = list.into_iter().find(|item| item["id"] == json!(endpoint));
        let ended = found.filter(|item| item["statusText"] == "canceled");
        ended.ok_or_else(|| format!("{answer:?}"))
    })
    .await
}

#[tokio::test]
async fn a_message_is_not_attempted_after_it_expires() {
    let receiver = Receiver::start().await;
    let (stack, app, endpoint) = failing(&receiver).await;
    let expires_at = posthorn_e2e::settings::now().plus(Duration::from_secs(600));
    let expires_at = expires_at.to_rfc3339_micros();
    let sent = send(&stack.client, &app, &json!({"expiresAt": expires_at})).await;
    assert_eq!(sent["expiresAt"], json!(expires_at));
    let id = sent["id"].as_str().unwrap();
    // The attempt after the third would come in an hour: nothing waits for it.
    let end = ended(&stack.client, &app, id, &endpoint).await;
    assert_eq!(end["nextAttempt"], json!(null));
    assert_eq!(receiver.count("/hook"), 3);
    let stored = stack.client.get(&format!("/app/{app}/msg/{id}")).await;
    assert_eq!(stored.body["expiresAt"], json!(expires_at));

    let past = json!({"eventType": "a", "payload": {}, "expiresAt": "2020-01-01T00:00:00Z"});
    let refused = stack.client.post(&format!("/app/{app}/msg"), &past).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(
        refused.body["detail"][0]["loc"],
        json!(["body", "expiresAt"])
    );
    stack.stop().await;
}

#[tokio::test]
async fn what_expired_while_it_waited_is_not_attempted_at_all() {
    let receiver = Receiver::start().await;
    let (stack, app, endpoint) = failing(&receiver).await;
    let producer = stack.producer().await;
    let event = r#"{"id":"event_1","data":1,"expires_at":"2020-01-01T00:00:00Z"}"#;
    producer
        .publish("posthorn.events.acme.otp.sent", event)
        .await;
    ended(&stack.client, &app, "event_1", &endpoint).await;
    assert_eq!(receiver.count("/hook"), 0);
    stack.stop().await;
}

#[tokio::test]
async fn events_of_a_type_expire_after_its_time_to_live() {
    let receiver = Receiver::start().await;
    let (stack, app, endpoint) = failing(&receiver).await;
    let made = json!({"name": "otp.sent", "description": "A code was sent"});
    assert_eq!(stack.client.post("/event-type", &made).await.status, 201);
    let path = "/event-type/otp.sent/retry-schedule";
    let life = json!({"retrySchedule": null, "timeToLive": 600});
    let request = stack.client.request("PUT", path).json(&life);
    let set = Client::send(request).await;
    assert_eq!((set.status, &set.body), (200, &life));
    // As a client of Svix's would.
    let unaware = stack.client.request("PUT", path);
    let unaware = unaware.json(&json!({"retrySchedule": null}));
    assert_eq!(Client::send(unaware).await.body, life);
    assert_eq!(stack.client.get(path).await.body, life);

    let sent = send(&stack.client, &app, &json!({})).await;
    assert_eq!(sent["expiresAt"], json!(null));
    ended(&stack.client, &app, sent["id"].as_str().unwrap(), &endpoint).await;
    assert_eq!(receiver.count("/hook"), 3);
    let refused = json!({"timeToLive": 0});
    let request = stack.client.request("PUT", path).json(&refused);
    assert_eq!(Client::send(request).await.status, 422);
    stack.stop().await;
}
