//! What a message of Svix's API may bring beside its payload.

use std::time::Duration;

use posthorn_e2e::client::text;
use posthorn_e2e::settings::now;
use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Behaviour, Receiver};
use serde_json::json;

use crate::SOON;

#[tokio::test]
async fn a_message_may_bring_its_application() {
    let stack = Stack::start().await;
    let send = async |path: &str, application: serde_json::Value| {
        let body = json!({"eventType": "a", "payload": {}, "application": application});
        stack.client.post(&format!("/app/{path}/msg"), &body).await
    };
    let bad = [
        (json!({"name": "new"}), "uid", "application_uid_missing"),
        (
            json!({"name": "new", "uid": "other"}),
            "uid",
            "application_uid_mismatch",
        ),
        (
            json!({"name": 1, "uid": "new"}),
            "name",
            "value_error.jsondecode",
        ),
    ];
    for (application, field, kind) in bad {
        let refused = send("new", application).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        let problem = &refused.body["detail"][0];
        assert_eq!(problem["loc"], json!(["body", "application", field]));
        assert_eq!(problem["type"], kind);
    }
    let refused =
        json!({"eventType": "a b", "payload": {}, "application": {"name": "n", "uid": "new"}});
    assert_eq!(
        stack.client.post("/app/new/msg", &refused).await.status,
        422
    );
    assert_eq!(
        stack.client.get("/app/new").await.status,
        404,
        "a refused message makes no application"
    );

    let both = tokio::join!(
        send("new", json!({"name": "New", "uid": "new"})),
        send("new", json!({"name": "New", "uid": "new"})),
    );
    assert_eq!((both.0.status, both.1.status), (202, 202), "{both:?}");
    let made = stack.client.get("/app/new").await;
    assert_eq!(made.body["name"], "New");
    let ignored = send("new", json!({"name": "Other", "uid": "other"})).await;
    assert_eq!(ignored.status, 202, "it exists: {ignored:?}");
    assert_eq!(stack.client.get("/app/new").await.body, made.body);

    // ingest alone has no database to make an application in.
    let ingest = stack.client.at(&stack.ingest_url);
    let body =
        json!({"eventType": "a", "payload": {}, "application": {"name": "n", "uid": "newer"}});
    assert_eq!(ingest.post("/app/newer/msg", &body).await.status, 404);
    stack.stop().await;
}

#[tokio::test]
async fn a_message_that_was_put_off_is_delivered_then_and_not_before() {
    let receiver = Receiver::start().await;
    receiver.set(
        "/hook",
        Behaviour::FailThenOk {
            failures: 1,
            status: 500,
        },
    );
    let stack = Stack::start().await;
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let due = now().plus(Duration::from_secs(4));
    let due_text = due.to_rfc3339_micros();
    let message = json!({"eventType": "a", "payload": {"n": 1}, "deliverAt": due_text});
    let path = format!("/app/{app}/msg");
    let request = || {
        let request = stack.client.request("POST", &path).json(&message);
        request.header("idempotency-key", "once")
    };
    let accepted = Client::send(request()).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    assert_eq!(accepted.body["deliverAt"], json!(due_text));
    assert_eq!(Client::send(request()).await.body, accepted.body);

    // In history at once, with nothing attempted.
    let id = text(&accepted.body["id"]);
    let shown = stack.client.get(&format!("/app/{app}/msg/{id}")).await;
    assert_eq!(shown.body, accepted.body);
    assert_eq!(stack.client.attempts(&app, &id, 0).await.len(), 0);
    assert_eq!(receiver.total(), 0);

    receiver.wait_for("/hook", 1, SOON).await;
    assert!(now() >= due, "it came early");
    let attempts = stack.client.attempts(&app, &id, 2).await;
    assert_eq!(attempts[1]["responseStatusCode"], 200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.count("/hook"), 2, "one failure, one success");
    stack.stop().await;
}

#[tokio::test]
async fn a_time_that_has_passed_means_at_once() {
    let receiver = Receiver::start().await;
    let stack = Stack::start().await;
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let message = json!({"eventType": "a", "payload": {}, "deliverAt": "2020-01-01T00:00:00Z"});
    let accepted = stack
        .client
        .post(&format!("/app/{app}/msg"), &message)
        .await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    receiver.wait_for("/hook", 1, SOON).await;
    stack.stop().await;
}
