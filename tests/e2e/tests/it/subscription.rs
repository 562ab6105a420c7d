//! Who receives what: event types, channels, disabled endpoints.

use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Receiver, eventually};
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
    receiver.set("/hook", posthorn_harness::Behaviour::Status(500));
    let client = &stack.client;
    let app = client.application("acme").await;
    let (endpoint, _) = client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    producer
        .publish("posthorn.events.acme.a", r#"{"data":1}"#)
        .await;
    receiver.wait_for("/hook", 1, SOON).await;
    let path = format!("/app/{app}/endpoint/{endpoint}");
    assert_eq!(
        Client::send(client.request("DELETE", &path)).await.status,
        204
    );

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
    stack.stop().await;
}
