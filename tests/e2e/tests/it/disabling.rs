//! What a receiver may ask for in its answer, and what its organisation is told of failures.

use std::time::Duration;

use posthorn_e2e::client::text;
use posthorn_e2e::stack::database;
use posthorn_e2e::{Client, Fleet, Producer, Role, Settings, Stack};
use posthorn_harness::{Behaviour, Received, Receiver, TestNats, eventually};
use serde_json::{Value, json};

use crate::SOON;
use crate::delivery::assert_verifies;

/// Longer than the sender holds back an endpoint that is to be disabled.
const AFTER_HOLD: Duration = Duration::from_secs(8);

async fn publish(stack: &Stack, ids: &[&str]) {
    let producer = stack.producer().await;
    for id in ids {
        let event = format!(r#"{{"id":"{id}","data":1}}"#);
        producer.publish("posthorn.events.acme.a", event).await;
    }
}

async fn endpoint_becomes(client: &Client, path: &str, disabled: bool) -> Value {
    eventually(SOON, "the endpoint's state", async || {
        let endpoint = client.get(path).await.body;
        if endpoint["disabled"] == json!(disabled) {
            Ok(endpoint)
        } else {
            Err(endpoint.to_string())
        }
    })
    .await
}

/// Where a message's only delivery ends.
async fn ended(client: &Client, app: &str, msg: &str) -> String {
    let path = format!("/app/{app}/msg/{msg}/endpoint?expanded_statuses=true");
    eventually(SOON, "the end of the delivery", async || {
        let answer = client.get(&path).await.body;
        match answer["data"][0]["statusText"].as_str() {
            Some(end @ ("success" | "fail" | "canceled")) => Ok(end.to_owned()),
            Some(_) | None => Err(answer.to_string()),
        }
    })
    .await
}

async fn ends_as(client: &Client, app: &str, msg: &str, status: &str) {
    assert_eq!(ended(client, app, msg).await, status, "{msg}");
}

/// An endpoint that answers like this is disabled for `reason`: it gets one request, what waits is
/// cancelled, and it receives again once a person enables it.
async fn is_disabled_by(answer: Behaviour, reason: &str, first_status: &str) {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let client = &stack.client;
    let app = client.application("acme").await;
    // One by one, so that exactly one request is on its way when the answer comes.
    let settings = json!({"url": receiver.url("/hook"), "throttleRate": 1});
    let (endpoint, _) = client.endpoint_with(&app, &settings).await;
    receiver.set("/hook", answer);
    publish(&stack, &["event_1", "event_2", "event_3"]).await;
    let path = format!("/app/{app}/endpoint/{endpoint}");
    let disabled = endpoint_becomes(client, &path, true).await;
    assert_eq!(disabled["autoDisabled"]["reason"], json!(reason));
    let fresh = async |id: &str| publish(&stack, &[id]).await;
    // The hot path needs a moment to see it; then nobody is asked any more.
    tokio::time::sleep(Duration::from_secs(2)).await;
    fresh("event_4").await;
    for waiting in ["event_2", "event_3"] {
        ends_as(client, &app, waiting, "canceled").await;
    }
    ends_as(client, &app, "event_1", first_status).await;
    let attempts = client.attempts(&app, "event_1", 1).await;
    assert_eq!(attempts.len(), 1);
    let wish = if reason == "gone" { "gone" } else { "disable" };
    assert_eq!(attempts[0]["receiverWish"], json!(wish));
    assert_eq!(receiver.count("/hook"), 1, "it was asked again");

    receiver.set("/hook", Behaviour::Status(200));
    let enable = client.request("PATCH", &path);
    let enabled = Client::send(enable.json(&json!({"disabled": false}))).await;
    assert_eq!(
        (enabled.status, &enabled.body["autoDisabled"]),
        (200, &json!(null))
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    fresh("event_5").await;
    let received = receiver.wait_for("/hook", 2, SOON).await;
    assert_eq!(received[1].header("svix-id"), Some("event_5"));
    // The old wish does not come back.
    tokio::time::sleep(AFTER_HOLD).await;
    assert_eq!(client.get(&path).await.body["disabled"], json!(false));
    stack.stop().await;
}

#[tokio::test]
async fn status_410_disables_the_endpoint() {
    is_disabled_by(Behaviour::Status(410), "gone", "fail").await;
}

#[tokio::test]
async fn the_header_disable_disables_the_endpoint() {
    let headers = [("Webhook-Delivery", "Disable")];
    let answer = Behaviour::with_headers(500, &headers);
    is_disabled_by(answer, "receiver", "fail").await;
}

#[tokio::test]
async fn the_header_disable_counts_on_a_success_too() {
    let headers = [("webhook-delivery", "disable")];
    let answer = Behaviour::with_headers(200, &headers);
    is_disabled_by(answer, "receiver", "success").await;
}

/// Nobody is there who could disable the endpoint: all the same it gets no further request, and
/// nothing is lost.
#[tokio::test]
async fn an_endpoint_that_is_gone_is_left_alone_although_api_was_killed() {
    let (nats, database) = tokio::join!(TestNats::start(), database());
    let receiver = Receiver::start().await;
    let mut fleet = Fleet::start(Settings::new(&nats.url(), database.url())).await;
    let client = fleet.client();
    let app = client.application("acme").await;
    let settings = json!({"url": receiver.url("/hook"), "throttleRate": 1});
    let (endpoint, _) = client.endpoint_with(&app, &settings).await;
    receiver.set("/hook", Behaviour::Status(410));
    fleet.kill(Role::Api);
    let producer = Producer::connect(&nats.url()).await;
    for id in ["event_1", "event_2", "event_3"] {
        let event = format!(r#"{{"id":"{id}","data":1}}"#);
        producer.publish("posthorn.events.acme.a", event).await;
    }
    receiver.wait_for("/hook", 1, SOON).await;
    tokio::time::sleep(2 * AFTER_HOLD).await;
    assert_eq!(receiver.count("/hook"), 1, "it was asked again");

    fleet.restart(Role::Api).await;
    let path = format!("/app/{app}/endpoint/{endpoint}");
    let gone = endpoint_becomes(&client, &path, true).await;
    assert_eq!(gone["autoDisabled"]["reason"], json!("gone"));
    let mut ends = Vec::new();
    for id in ["event_1", "event_2", "event_3"] {
        ends.push(ended(&client, &app, id).await);
    }
    ends.sort();
    assert_eq!(ends, ["canceled", "canceled", "fail"]);
    assert_eq!(receiver.count("/hook"), 1, "it was asked again");
    fleet.stop().await;
}

#[tokio::test]
async fn abort_message_ends_this_delivery_alone() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let client = &stack.client;
    let app = client.application("acme").await;
    let (endpoint, _) = client.endpoint(&app, &receiver.url("/hook")).await;
    let abort = Behaviour::with_headers(500, &[("webhook-delivery", "abort-message")]);
    let unknown = Behaviour::with_headers(500, &[("webhook-delivery", "hurry-up")]);
    let steps = vec![abort, unknown, Behaviour::Status(200)];
    receiver.set("/hook", Behaviour::Sequence(steps));
    publish(&stack, &["event_1"]).await;
    ends_as(client, &app, "event_1", "fail").await;
    // Longer than the first waits of the schedule.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.count("/hook"), 1);
    let attempts = client.attempts(&app, "event_1", 1).await;
    assert_eq!(attempts[0]["receiverWish"], json!("abort_message"));

    publish(&stack, &["event_2"]).await;
    ends_as(client, &app, "event_2", "success").await;
    assert_eq!(client.attempts(&app, "event_2", 2).await.len(), 2);
    let path = format!("/app/{app}/endpoint/{endpoint}");
    assert_eq!(client.get(&path).await.body["disabled"], json!(false));
    stack.stop().await;
}

/// What came to the operational endpoint, by type; endpoints that were made or changed left out.
fn told(receiver: &Receiver) -> Vec<(String, Value)> {
    let bodies = receiver.received("/ops").into_iter().map(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        (text(&body["type"]), body["data"].clone())
    });
    let own = ["endpoint.created", "endpoint.updated"];
    bodies
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .collect()
}

async fn becomes_told(receiver: &Receiver, count: usize) -> Vec<(String, Value)> {
    eventually(SOON, "operational events", async || {
        let told = told(receiver);
        if told.len() < count {
            Err(format!("{told:?}"))
        } else {
            Ok(told)
        }
    })
    .await
}

#[tokio::test]
async fn an_organization_is_warned_of_an_endpoint_that_only_fails_once_for_each_age() {
    let change = |settings: posthorn_e2e::Settings| {
        settings
            .with(
                "POSTHORN_RETRY_SCHEDULE",
                "500ms,500ms,1s,1s,1s,1s,1s,1s,1s,1s",
            )
            .with("POSTHORN_ENDPOINT_WARN_AFTER", "2s,5s")
    };
    let (stack, receiver) = tokio::join!(Stack::start_with(change), Receiver::start());
    let client = &stack.client;
    let app = client.application("acme").await;
    let (endpoint, _) = client.endpoint(&app, &receiver.url("/hook")).await;
    let ops = json!({"url": receiver.url("/ops"), "filterTypes": ["endpoint.failing"]});
    let made = client.post("/operational-webhook/endpoint", &ops).await;
    assert_eq!(made.status, 201, "{made:?}");

    receiver.set("/hook", Behaviour::Status(500));
    publish(&stack, &["event_1"]).await;
    let events = becomes_told(&receiver, 2).await;
    let attempts = client.attempts(&app, "event_1", 1).await;
    let first = &attempts[0];
    for (name, data) in &events {
        assert_eq!(name, "endpoint.failing");
        let ids = [&data["appId"], &data["appUid"], &data["endpointId"]];
        assert_eq!(ids, [&json!(app), &json!("acme"), &json!(endpoint)]);
        let since = text(&data["failingSince"]);
        assert!(since >= text(&first["timestamp"]), "{data} {first}");
        assert!(text(&data["disableAt"]) > since, "{data}");
    }
    ends_as(client, &app, "event_1", "fail").await;
    assert_eq!(told(&receiver), events, "told again");

    // A success ends the streak, and the next one is told anew.
    receiver.set("/hook", Behaviour::Status(200));
    publish(&stack, &["event_2"]).await;
    ends_as(client, &app, "event_2", "success").await;
    receiver.set("/hook", Behaviour::Status(500));
    publish(&stack, &["event_3"]).await;
    let events = becomes_told(&receiver, 4).await;
    ends_as(client, &app, "event_3", "fail").await;
    assert_eq!(told(&receiver), events, "told again");
    let since = events.iter().map(|(_, data)| text(&data["failingSince"]));
    let since: Vec<String> = since.collect();
    assert!(since[0] == since[1] && since[2] == since[3] && since[1] < since[2]);
    stack.stop().await;
}

#[tokio::test]
async fn an_organization_is_told_of_failing_deliveries_and_disabled_endpoints() {
    let schedule = "100ms,100ms,100ms,1500ms";
    let change =
        |settings: posthorn_e2e::Settings| settings.with("POSTHORN_RETRY_SCHEDULE", schedule);
    let (stack, receiver) = tokio::join!(Stack::start_with(change), Receiver::start());
    let client = &stack.client;
    let app = client.application("acme").await;
    let (endpoint, _) = client.endpoint(&app, &receiver.url("/hook")).await;
    let ops = json!({"url": receiver.url("/ops")});
    let made = client.post("/operational-webhook/endpoint", &ops).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!(
        "/operational-webhook/endpoint/{}/secret",
        text(&made.body["id"])
    );
    let secret = text(&client.get(&path).await.body["key"]);

    let fails = Behaviour::FailThenOk {
        failures: 4,
        status: 503,
    };
    receiver.set("/hook", fails);
    publish(&stack, &["event_1"]).await;
    ends_as(client, &app, "event_1", "success").await;
    let events = becomes_told(&receiver, 2).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["message.attempt.failing", "message.attempt.recovered"]
    );
    let attempts = client.attempts(&app, "event_1", 5).await;
    for ((_, data), attempt) in events.iter().zip(&attempts[3..]) {
        let expected = json!({
            "appId": app, "appUid": "acme", "endpointId": endpoint,
            "msgId": "event_1", "msgEventId": null,
            "lastAttempt": {"id": attempt["id"], "timestamp": attempt["timestamp"],
                            "responseStatusCode": attempt["responseStatusCode"]},
        });
        assert_eq!(*data, expected);
    }

    receiver.set("/hook", Behaviour::Status(410));
    publish(&stack, &["event_2"]).await;
    let events = becomes_told(&receiver, 4).await;
    assert_eq!(events.len(), 4, "{events:?}");
    let (name, data) = &events[2];
    assert_eq!(name, "message.attempt.exhausted");
    assert_eq!(data["lastAttempt"]["responseStatusCode"], json!(410));
    let (name, data) = &events[3];
    assert_eq!(name, "endpoint.disabled");
    let shown = client.get(&format!("/app/{app}/endpoint/{endpoint}")).await;
    let since = &shown.body["autoDisabled"]["failSince"];
    let expected = json!({"appId": app, "appUid": "acme", "endpointId": endpoint,
                          "endpointUid": null, "failSince": since});
    assert_eq!(*data, expected);
    let requests = receiver.received("/ops");
    requests
        .iter()
        .for_each(|request: &std::sync::Arc<Received>| {
            assert_verifies(request, &secret);
        });

    // An operational endpoint that is gone is disabled, and nobody is told of that.
    receiver.set("/ops", Behaviour::Status(410));
    client.endpoint(&app, &receiver.url("/another")).await;
    let path = format!("/operational-webhook/endpoint/{}", text(&made.body["id"]));
    let gone = endpoint_becomes(client, &path, true).await;
    assert_eq!(gone["autoDisabled"]["reason"], json!("gone"));
    tokio::time::sleep(AFTER_HOLD).await;
    assert_eq!(told(&receiver), events);
    stack.stop().await;
}
