//! A user name and a password in an endpoint's URL are sent as a header, and nowhere to be seen.

use posthorn_e2e::client::text;
use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Receiver, eventually};
use serde_json::{Value, json};

use crate::SOON;

/// *Source*: RFC 7617, section 2: `Aladdin`, `open sesame`.
const BASIC: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

/// A receiver's URL with the credentials in it.
fn with(credentials: &str, receiver: &Receiver) -> String {
    receiver
        .url("/hook")
        .replacen("://", &format!("://{credentials}@"), 1)
}

async fn patch(stack: &Stack, endpoint: &str, body: &Value) -> posthorn_e2e::client::Answer {
    let path = format!("/app/acme/endpoint/{endpoint}");
    Client::send(stack.client.request("PATCH", &path).json(body)).await
}

/// Publishes until a delivery carries this header, which takes as long as a change takes to be known.
async fn until_sent(stack: &Stack, receiver: &Receiver, header: Option<&str>) {
    eventually(SOON, "a delivery with the header", async || {
        let before = receiver.count("/hook");
        let event = json!({"eventType": "a", "payload": {}});
        let sent = stack.client.post("/app/acme/msg", &event).await;
        assert_eq!(sent.status, 202, "{sent:?}");
        let received = receiver.wait_for("/hook", before + 1, SOON).await;
        let last = received.last().unwrap().header("authorization");
        if last == header {
            Ok(())
        } else {
            Err(format!("{last:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn credentials_in_a_url_become_a_basic_header() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    stack.client.application("acme").await;
    let url = with("Aladdin:open%20sesame", &receiver);
    let (endpoint, _) = stack.client.endpoint("acme", &url).await;
    until_sent(&stack, &receiver, Some(BASIC)).await;

    // Nobody is shown them: not in the endpoint, not in the database, not in history.
    let path = format!("/app/acme/endpoint/{endpoint}");
    let shown = stack.client.get(&path).await.body;
    let redacted = with("***:***", &receiver);
    assert_eq!(text(&shown["url"]), redacted);
    let rows = stack
        .database
        .sql("SELECT endpoints::text FROM endpoints")
        .await;
    assert!(!format!("{rows:?}").contains("Aladdin"), "{rows:?}");
    let attempts = eventually(SOON, "an attempt in history", async || {
        let rows = stack
            .database
            .sql("SELECT attempts::text FROM attempts")
            .await;
        if rows.is_empty() {
            Err(String::new())
        } else {
            Ok(format!("{rows:?}"))
        }
    })
    .await;
    for secret in ["Aladdin", "sesame", "QWxhZGRpbjpvc"] {
        assert!(!attempts.contains(secret), "{attempts}");
    }

    // What was shown may be sent back, but leads nowhere else.
    let kept = patch(
        &stack,
        &endpoint,
        &json!({"url": redacted, "description": "x"}),
    )
    .await;
    assert_eq!(kept.status, 200, "{kept:?}");
    let elsewhere = json!({"url": "https://***:***@elsewhere.example/hook"});
    let refused = patch(&stack, &endpoint, &elsewhere).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.body["detail"][0]["type"], "url.redacted");
    until_sent(&stack, &receiver, Some(BASIC)).await;

    // The customer's own header wins; a URL without credentials has none.
    let headers = format!("{path}/headers");
    let own = |headers: Value| json!({ "headers": headers });
    let put = |body: Value| stack.client.request("PUT", &headers).json(&body);
    Client::send(put(own(json!({"Authorization": "Bearer x"})))).await;
    until_sent(&stack, &receiver, Some("Bearer x")).await;
    Client::send(put(own(json!({})))).await;
    until_sent(&stack, &receiver, Some(BASIC)).await;
    patch(&stack, &endpoint, &json!({"url": receiver.url("/hook")})).await;
    until_sent(&stack, &receiver, None).await;
    stack.stop().await;
}
