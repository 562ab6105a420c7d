//! Who receives what: event types, channels, disabled endpoints.

use posthorn_e2e::{Client, Stack};
use posthorn_event_schema::{ApplicationId, EventId};
use posthorn_harness::{Receiver, eventually};
use posthorn_store::Page;
use posthorn_store::history::{Content, DeliveryState};
use serde_json::json;

use crate::SOON;

#[tokio::test]
async fn each_endpoint_receives_the_types_and_channels_it_asked_for() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let client = &stack.client;
    for name in ["file.deleted", "task.completed"] {
        let body = json!({"name": name, "description": name});
        let made = client.post("/event-type", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let app = client.application("acme").await;
    for (path, settings) in [
        ("/all", json!({})),
        ("/files", json!({"filterTypes": ["file.deleted"]})),
        ("/tasks", json!({"eventTypes": ["task.completed"]})),
        ("/eu", json!({"channels": ["eu"]})),
    ] {
        let mut settings = settings;
        settings["url"] = json!(receiver.url(path));
        client.endpoint_with(&app, &settings).await;
    }
    let send = async |event_type: &str, channels: serde_json::Value| {
        let body = json!({"eventType": event_type, "payload": {}, "channels": channels});
        let sent = client.post(&format!("/app/{app}/msg"), &body).await;
        assert_eq!(sent.status, 202, "{sent:?}");
    };
    send("file.deleted", json!(null)).await;
    send("task.completed", json!(["eu"])).await;

    receiver.wait_for("/all", 2, SOON).await;
    receiver.wait_for("/files", 1, SOON).await;
    receiver.wait_for("/tasks", 1, SOON).await;
    receiver.wait_for("/eu", 1, SOON).await;
    assert_eq!(receiver.total(), 5);
    stack.stop().await;
}

#[tokio::test]
async fn a_disabled_endpoint_receives_nothing_until_it_is_enabled() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let client = &stack.client;
    let app = client.application("acme").await;
    let settings = json!({"url": receiver.url("/hook"), "disabled": true});
    let (endpoint, _) = client.endpoint_with(&app, &settings).await;
    let producer = stack.producer().await;
    let send = async |id: &str| {
        let body = format!(r#"{{"id":"{id}","data":1}}"#);
        producer
            .publish("posthorn.events.acme.file.deleted", body)
            .await;
        eventually(SOON, "the event in history", async || {
            let read = client.get(&format!("/app/{app}/msg/{id}")).await;
            if read.status == 200 {
                Ok(())
            } else {
                Err(format!("{read:?}"))
            }
        })
        .await;
    };
    send("event_1").await;
    let path = format!("/app/{app}/endpoint/{endpoint}");
    let patch = client
        .request("PATCH", &path)
        .json(&json!({"disabled": false}));
    let patched = Client::send(patch).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    send("event_2").await;

    let requests = receiver.wait_for("/hook", 1, SOON).await;
    assert_eq!(requests[0].header("svix-id"), Some("event_2"));
    assert_eq!(receiver.count("/hook"), 1);
    stack.stop().await;
}

#[tokio::test]
async fn deleting_an_endpoint_ends_its_deliveries() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let (app, endpoint) = failing(&stack, &receiver).await;
    let path = format!("/app/{app}/endpoint/{endpoint}");
    let deleted = Client::send(stack.client.request("DELETE", &path)).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    ended(&stack, &receiver).await;
    cancelled(&stack, &app, &endpoint, "endpoint_deleted").await;
    stack.stop().await;
}

#[tokio::test]
async fn disabling_an_endpoint_ends_its_deliveries() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let (app, endpoint) = failing(&stack, &receiver).await;
    let path = format!("/app/{app}/endpoint/{endpoint}");
    let patch = stack.client.request("PATCH", &path);
    let patched = Client::send(patch.json(&json!({"disabled": true}))).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    ended(&stack, &receiver).await;
    // The endpoint is still there, so the API shows what became of the delivery.
    let path = format!("/app/{app}/msg/event_1/endpoint?expanded_statuses=true");
    eventually(SOON, "the end in the API", async || {
        let answer = stack.client.get(&path).await;
        let delivery = &answer.body["data"][0];
        if delivery["statusText"] == "canceled" && delivery["nextAttempt"].is_null() {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
    cancelled(&stack, &app, &endpoint, "endpoint_disabled").await;
    stack.stop().await;
}

/// An application with an endpoint at which the event `event_1` fails.
async fn failing(stack: &Stack, receiver: &Receiver) -> (String, String) {
    receiver.set("/hook", posthorn_harness::Behaviour::Status(500));
    let app = stack.client.application("acme").await;
    let (endpoint, _) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    stack
        .producer()
        .await
        .publish("posthorn.events.acme.a", r#"{"id":"event_1","data":1}"#)
        .await;
    receiver.wait_for("/hook", 1, SOON).await;
    (app, endpoint)
}

/// Waits until nothing waits any more, which must be before the schedule's end.
async fn ended(stack: &Stack, receiver: &Receiver) {
    let producer = stack.producer().await;

    let waiting = producer.jetstream().get_stream("WAITING").await.unwrap();
    eventually(SOON, "an empty waiting room", async || {
        match waiting.get_info().await.unwrap().state.messages {
            0 => Ok(()),
            count => Err(format!("{count} messages")),
        }
    })
    .await;
    let attempts = receiver.count("/hook");
    assert!(
        attempts < 11,
        "{attempts} attempts, the schedule was followed to its end"
    );
}

/// Waits until history says that the delivery was cancelled, and why.
async fn cancelled(stack: &Stack, app: &str, endpoint: &str, reason: &str) {
    let app = ApplicationId::parse(app).unwrap();
    let event = EventId::parse("event_1").unwrap();
    let (store, page) = (stack.store(), Page::first(10));
    eventually(SOON, "the end in history", async || {
        let event = store.event(&app, &event, Content::Skip).await.unwrap();
        let place = event.ok_or("no event")?.place();
        let found = store.deliveries_of_event(&place, &page).await.unwrap();
        let delivery = found.items.first().ok_or("no delivery")?;
        assert_eq!(delivery.endpoint.as_str(), endpoint);
        match &delivery.cancelled {
            Some(cancelled) if delivery.state == DeliveryState::Cancelled => {
                assert_eq!(cancelled.reason, reason);
                assert_eq!(delivery.next_attempt_at, None);
                Ok(())
            }
            _ => Err(format!("{delivery:?}")),
        }
    })
    .await;
}
