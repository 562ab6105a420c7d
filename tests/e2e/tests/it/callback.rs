//! Callbacks: a finished task tells the address that it was begun with.

use std::time::Duration;

use posthorn_e2e::Stack;
use posthorn_harness::{Behaviour, Receiver};
use serde_json::json;

use crate::SOON;

async fn publish(stack: &Stack, event_type: &str, id: &str, url: &str) -> String {
    let data = format!(r#"{{ "task":"t_1", "callback_url":"{url}", "pages":3.0 }}"#);
    let event = format!(r#"{{"id":"{id}","data":{data}}}"#);
    let subject = format!("posthorn.events.acme.{event_type}");
    stack.producer().await.publish(&subject, event).await;
    data
}

#[tokio::test]
async fn a_finished_task_is_posted_to_its_callback_url_unsigned_and_in_history() {
    let receiver = Receiver::start().await;
    let stack = Stack::start().await;
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let url = receiver.url("/callback?token=abc");
    let data = publish(&stack, "task.completed", "event_1", &url).await;

    let callback = &receiver.wait_for("/callback", 1, SOON).await[0];
    assert_eq!(callback.body, data, "the data, byte for byte");
    assert_eq!(callback.query.as_deref(), Some("token=abc"));
    assert_eq!(callback.header("content-type"), Some("application/json"));
    for header in ["svix-id", "svix-signature", "webhook-signature"] {
        assert_eq!(callback.header(header), None, "{header}");
    }
    // The endpoint gets the event as always.
    let delivered = &receiver.wait_for("/hook", 1, SOON).await[0];
    assert!(delivered.header("svix-signature").is_some());
    let attempts = stack.client.attempts(&app, "event_1", 2).await;
    let to_callback = attempts.iter().find(|attempt| attempt["url"] == json!(url));
    let to_callback = to_callback.expect("the callback's attempt");
    assert_eq!(to_callback["responseStatusCode"], 200);

    // Another type has none.
    publish(&stack, "task.started", "event_2", &url).await;
    receiver.wait_for("/hook", 2, SOON).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.count("/callback"), 1);
    stack.stop().await;
}

#[tokio::test]
async fn a_callback_is_made_once_whatever_it_is_answered() {
    let receiver = Receiver::start().await;
    receiver.set("/callback", Behaviour::Status(503));
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_RETRY_SCHEDULE", "50ms,50ms")).await;
    let app = stack.client.application("acme").await;
    // Without any endpoint.
    publish(&stack, "task.failed", "event_1", &receiver.url("/callback")).await;
    let attempts = stack.client.attempts(&app, "event_1", 1).await;
    assert_eq!(attempts[0]["responseStatusCode"], 503);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.count("/callback"), 1);
    assert_eq!(stack.client.attempts(&app, "event_1", 1).await.len(), 1);
    stack.stop().await;
}

#[tokio::test]
async fn a_callback_goes_nowhere_that_an_endpoint_may_not_be() {
    let receiver = Receiver::start().await;
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_EGRESS_ALLOW", "192.0.2.0/24")).await;
    let app = stack.client.application("acme").await;
    let bad = [
        receiver.url("/callback"),
        "http://localhost/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user:secret@192.0.2.1/".to_owned(),
        "not a url".to_owned(),
    ];
    for (n, url) in bad.iter().enumerate() {
        let id = format!("event_{n}");
        publish(&stack, "task.completed", &id, url).await;
        let attempts = stack.client.attempts(&app, &id, 1).await;
        assert_eq!(attempts[0]["status"], 2, "{url}: {attempts:?}");
        let told = attempts[0]["response"].as_str().unwrap_or_default();
        assert!(
            told.contains("not allowed") || told.contains("callback URL"),
            "{url}: {told}"
        );
    }
    assert_eq!(receiver.total(), 0);
    stack.stop().await;
}
