//! What the dashboard shows of a message's journey through a whole fleet.

use std::time::Duration;

use posthorn_e2e::{Client, Stack, client::text};
use posthorn_harness::{Receiver, eventually};
use serde_json::{Value, json};

use crate::SOON;

/// Reads a live stream up to an attempt that succeeded, and returns the names of its events.
async fn watch(mut stream: reqwest::Response) -> Vec<String> {
    let mut seen = String::new();
    while !seen.contains(r#""statusText":"success""#) {
        let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let lines = seen.lines();
    let names = lines.filter_map(|line| line.strip_prefix("event: "));
    names.map(str::to_owned).collect()
}

async fn overview(client: &Client, app: &str) -> Value {
    eventually(SOON, "the figures", async || {
        let shown = client
            .get(&format!("/app/{app}/overview?range=1h"))
            .await
            .body;
        let totals = &shown["totals"];
        let [success, failing, messages] =
            ["success", "failing", "messages"].map(|name| totals[name].as_i64());
        if [success, failing, messages] == [Some(1); 3] {
            Ok(shown)
        } else {
            Err(shown.to_string())
        }
    })
    .await
}

#[tokio::test]
async fn a_messages_journey_is_seen_from_its_stream_to_its_inbox() {
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_RETRY_SCHEDULE", "1s,1s")).await;
    let client = &stack.client;
    let app = client.application("acme").await;
    let live = client.request("GET", &format!("/app/{app}/live"));
    let live = live.send().await.unwrap();
    assert_eq!(live.status(), 200);

    let inbox = json!({"answer": {"failFirst": 1}});
    let inbox = client.post(&format!("/app/{app}/inbox"), &inbox).await.body;
    let url = text(&inbox["url"]);
    let (endpoint, _) = client.endpoint(&app, &url).await;
    let sent = json!({"eventType": "file.deleted", "payload": {"file": "a"}});
    let sent = client.post(&format!("/app/{app}/msg"), &sent).await;
    let msg = text(&sent.body["id"]);

    let names = tokio::time::timeout(SOON, watch(live)).await.unwrap();
    assert_eq!(names, ["ready", "message", "attempt", "attempt"]);

    let path = format!("/app/{app}/inbox/{}/request", text(&inbox["id"]));
    let arrived = client.get(&path).await.body;
    let arrived = arrived["data"].as_array().unwrap();
    assert_eq!(arrived.len(), 2, "{arrived:?}");
    for (request, status) in arrived.iter().zip([200, 500]) {
        assert_eq!(request["answered"], json!(status));
        assert_eq!(request["msgId"], json!(msg));
        assert_eq!(request["body"], json!(r#"{"file":"a"}"#));
        let signature = &request["signature"];
        assert_eq!(signature["state"], json!("valid"), "{signature}");
        assert_eq!(signature["endpointId"], json!(endpoint));
    }
    // With another secret, what arrived is not what was signed.
    let rotate = format!("/app/{app}/endpoint/{endpoint}/secret/rotate");
    let now = json!({"gracePeriodSeconds": 0});
    let rotated = client.post(&rotate, &now).await;
    assert_eq!(rotated.status, 204, "{rotated:?}");
    let arrived = client.get(&path).await.body;
    assert_eq!(arrived["data"][0]["signature"]["state"], json!("invalid"));

    let shown = overview(client, &app).await;
    assert_eq!(shown["waiting"], json!(0));
    assert_eq!(shown["worstEndpoints"][0]["endpointId"], json!(endpoint));
    assert_eq!(shown["recentFailures"][0]["msgId"], json!(msg));
    let why = client
        .get(&format!("/app/{app}/msg/{msg}/explain"))
        .await
        .body;
    assert_eq!(why["data"][0]["verdict"], json!("matched"));
    assert_eq!(why["data"][0]["delivery"]["attempts"], json!(2));

    let fleet = eventually(
        Duration::from_secs(20),
        "owners of all partitions",
        async || {
            let fleet = client.get("/fleet").await.body;
            match fleet["partitionsWithoutSender"].as_array() {
                Some(free) if free.is_empty() => Ok(fleet),
                _ => Err(fleet["partitionsWithoutSender"].to_string()),
            }
        },
    )
    .await;
    assert_eq!(fleet["senders"].as_array().unwrap().len(), 1);
    stack.stop().await;
}

/// Endpoints of which an event leaves out more than are named one by one.
const MANY: usize = 12;

#[tokio::test]
async fn many_endpoints_that_an_event_leaves_out_are_told_with_their_reasons_as_of_then() {
    let receiver = Receiver::start().await;
    let stack = Stack::start().await;
    let client = &stack.client;
    let app = client.application("acme").await;
    let (wanted, _) = client.endpoint(&app, &receiver.url("/hook")).await;
    let made = json!({"name": "other", "description": "another one"});
    assert_eq!(client.post("/event-type", &made).await.status, 201);
    let path = format!("/app/{app}/endpoint");
    let mut others = Vec::new();
    for n in 0..MANY {
        let other =
            json!({"url": receiver.url("/other"), "eventTypes": ["other"], "disabled": n == 0});
        others.push(text(&client.post(&path, &other).await.body["id"]));
    }
    let publish = async || {
        let sent = json!({"eventType": "file.deleted", "payload": {}});
        let sent = client.post(&format!("/app/{app}/msg"), &sent).await;
        let msg = text(&sent.body["id"]);
        client.attempts(&app, &msg, 1).await;
        msg
    };
    // The first brings the roster along, the second counts on it.
    let messages = [publish().await, publish().await];
    // What is decided stays so, whatever becomes of an endpoint.
    let change = client.request("PATCH", &format!("{path}/{}", others[0]));
    let changed = Client::send(change.json(&json!({"disabled": false, "eventTypes": null})));
    assert_eq!(changed.await.status, 200);
    let gone = client.request("DELETE", &format!("{path}/{}", others[1]));
    assert_eq!(Client::send(gone).await.status, 204);

    for msg in messages {
        let explain = format!("/app/{app}/msg/{msg}/explain");
        let told = eventually(SOON, "a decision about all", async || {
            let told = client.get(&format!("{explain}?receivers=false")).await.body;
            let list = told["data"].as_array().cloned().unwrap_or_default();
            let decided = list
                .iter()
                .filter(|one| one["verdict"] == json!("not_matched"));
            if decided.count() == MANY {
                Ok(list)
            } else {
                Err(told.to_string())
            }
        })
        .await;
        for (n, one) in told.iter().enumerate() {
            let reason = if n == 0 { "disabled" } else { "event_type" };
            let found = (&one["endpointId"], &one["reason"], &one["deleted"]);
            assert_eq!(found, (&json!(others[n]), &json!(reason), &json!(n == 1)));
        }
        let receivers = client.get(&format!("{explain}?receivers=true")).await.body;
        assert_eq!(receivers["data"].as_array().unwrap().len(), 1);
        assert_eq!(receivers["data"][0]["endpointId"], json!(wanted));
        let all = client.get(&explain).await.body;
        assert_eq!(all["data"].as_array().unwrap().len(), 1 + MANY);
    }
    stack.stop().await;
}
