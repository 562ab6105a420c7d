//! Requests leave through the operator's proxy, and what the proxy does is nobody else's fault.

use std::time::Duration;

use posthorn_e2e::Stack;
use posthorn_e2e::client::text;
use posthorn_harness::{Canary, Receiver, eventually};
use serde_json::json;

use crate::SOON;
use crate::connect_proxy::ConnectProxy;
use crate::tls_front::{Authority, TlsFront};

/// A name that no name server here knows.
const NAME: &str = "hooks.posthorn-test.example";

async fn start(proxy: &ConnectProxy, except: &str) -> (Stack, Receiver) {
    let settings = |settings: posthorn_e2e::Settings| {
        settings
            .with("POSTHORN_EGRESS_ALLOW", "127.0.0.1")
            .with("POSTHORN_EGRESS_PROXY", proxy.url())
            .with("POSTHORN_EGRESS_PROXY_EXCEPT", except)
    };
    let (stack, receiver) = tokio::join!(Stack::start_with(settings), Receiver::start());
    stack.client.application("acme").await;
    (stack, receiver)
}

/// The receiver, by a name.
fn named(receiver: &Receiver, path: &str) -> String {
    format!("http://{NAME}:{}{path}", receiver.address().port())
}

async fn publish(stack: &Stack) -> String {
    let event = json!({"eventType": "a", "payload": {}});
    let sent = stack.client.post("/app/acme/msg", &event).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    text(&sent.body["id"])
}

/// The attempts of an event, once there are `count`: number, status, failure class, words.
async fn attempts(stack: &Stack, event: &str, count: usize) -> Vec<[String; 4]> {
    let select = format!(
        "SELECT number::text, coalesce(status::text, ''), coalesce(failure, ''), response \
         FROM attempts WHERE event_id = '{event}' ORDER BY number"
    );
    eventually(SOON, "the attempts in history", async || {
        let rows = stack.database.sql(&select).await;
        if rows.len() < count {
            return Err(format!("{rows:?}"));
        }
        Ok(rows
            .into_iter()
            .map(|row| row.try_into().unwrap())
            .collect())
    })
    .await
}

#[tokio::test]
async fn names_are_left_to_the_proxy_and_exceptions_are_asked_directly() {
    let proxy = ConnectProxy::start().await;
    let (stack, receiver) = start(&proxy, "127.0.0.0/8").await;
    stack
        .client
        .endpoint("acme", &named(&receiver, "/named"))
        .await;
    stack
        .client
        .endpoint("acme", &receiver.url("/direct"))
        .await;
    publish(&stack).await;
    let (named, _) = tokio::join!(
        receiver.wait_for("/named", 1, SOON),
        receiver.wait_for("/direct", 1, SOON)
    );
    let place = format!("{NAME}:{}", receiver.address().port());
    // me:s3cret
    let expected = format!(
        "CONNECT {place} HTTP/1.1\r\nhost: {place}\r\nproxy-authorization: Basic bWU6czNjcmV0\r\n\r\n"
    );
    assert_eq!(proxy.heads(), [expected]);
    assert_eq!(named[0].header("proxy-authorization"), None);
    assert_eq!(named[0].header("host"), Some(&*place));
    stack.stop().await;
}

#[tokio::test]
async fn tls_goes_through_the_proxy_from_end_to_end() {
    let proxy = ConnectProxy::start().await;
    let (stack, receiver) = start(&proxy, "").await;
    let authority = Authority::new("private");
    let front = TlsFront::start(&receiver, &authority, None).await;
    let (endpoint, _) = stack.client.endpoint("acme", &front.url("/hook")).await;
    let path = format!("/app/acme/endpoint/{endpoint}/ca");
    let put = stack
        .client
        .request("PUT", &path)
        .json(&json!({"caCert": authority.pem}));
    assert_eq!(posthorn_e2e::Client::send(put).await.status, 204);
    publish(&stack).await;
    receiver.wait_for("/hook", 1, SOON).await;
    assert_eq!(front.shown().len(), 1);
    assert!(!proxy.heads().is_empty());
    stack.stop().await;
}

#[tokio::test]
async fn a_literal_address_inside_the_network_is_not_even_asked_of_the_proxy() {
    let proxy = ConnectProxy::start().await;
    let (stack, receiver) = start(&proxy, "").await;
    let canary = Canary::everywhere().await;
    let (endpoint, _) = stack.client.endpoint("acme", &receiver.url("/hook")).await;
    let update = format!(
        "UPDATE endpoints SET url = 'http://127.0.0.2:{}/' WHERE id = '{endpoint}'",
        canary.port()
    );
    stack.database.sql(&update).await;
    let path = format!("/app/acme/endpoint/{endpoint}");
    let patch = stack
        .client
        .request("PATCH", &path)
        .json(&json!({"description": "x"}));
    assert_eq!(posthorn_e2e::Client::send(patch).await.status, 200);
    eventually(SOON, "an attempt that asks nobody", async || {
        let event = publish(&stack).await;
        let [_, _, class, words] = attempts(&stack, &event, 1).await.remove(0);
        if class == "blocked_address" {
            Ok(())
        } else {
            Err(words)
        }
    })
    .await;
    assert_eq!(canary.connections(), 0);
    assert!(!proxy.heads().iter().any(|head| head.contains("127.0.0.2")));
    stack.stop().await;
}

#[tokio::test]
async fn what_keeps_the_proxy_from_connecting_spends_no_attempt() {
    let mut proxy = ConnectProxy::start().await;
    let (stack, receiver) = start(&proxy, "").await;
    stack
        .client
        .endpoint("acme", &named(&receiver, "/hook"))
        .await;
    proxy.close().await;
    let event = publish(&stack).await;
    // Longer than all attempts of the schedule's beginning would take.
    tokio::time::sleep(Duration::from_secs(2)).await;
    proxy.refuse(Some("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
    proxy.reopen().await;
    eventually(SOON, "a request that is refused", async || {
        if proxy.heads().is_empty() {
            Err(String::new())
        } else {
            Ok(())
        }
    })
    .await;
    proxy.refuse(Some("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    let asked = proxy.heads().len();
    eventually(SOON, "another request that is refused", async || {
        if proxy.heads().len() == asked {
            Err(String::new())
        } else {
            Ok(())
        }
    })
    .await;
    assert_eq!(receiver.total(), 0);
    proxy.refuse(None);
    receiver.wait_for("/hook", 1, SOON).await;
    let attempts = attempts(&stack, &event, 1).await;
    let expected = ["1", "200", "", ""].map(str::to_owned);
    assert_eq!(attempts, [expected]);
    stack.stop().await;
}

#[tokio::test]
async fn what_the_proxy_says_of_the_receiver_is_the_receivers_failure() {
    let proxy = ConnectProxy::start().await;
    let (stack, receiver) = start(&proxy, "").await;
    stack
        .client
        .endpoint("acme", &named(&receiver, "/hook"))
        .await;
    let unknown = "HTTP/1.1 502 Bad Gateway\r\nproxy-status: p; error=dns_error\r\n\r\n";
    proxy.refuse(Some(unknown));
    let event = publish(&stack).await;
    let [number, status, class, words] = attempts(&stack, &event, 1).await.remove(0);
    assert_eq!(
        [number.as_str(), status.as_str(), class.as_str()],
        ["1", "", "dns"]
    );
    assert_eq!(words, "the host name did not resolve");
    proxy.refuse(Some("HTTP/1.1 503 Service Unavailable\r\n\r\n"));
    let event = publish(&stack).await;
    let [_, _, class, words] = attempts(&stack, &event, 1).await.remove(0);
    assert!(class == "connect" || class == "dns", "{class}: {words}");
    proxy.refuse(None);
    receiver.wait_for("/hook", 2, SOON).await;
    stack.stop().await;
}
