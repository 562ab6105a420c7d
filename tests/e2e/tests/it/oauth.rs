//! Tokens of an OAuth client: fetched once, sent with each delivery, fetched anew when refused.

use std::time::Duration;

use posthorn_e2e::client::{Answer, text};
use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Behaviour, Canary, Receiver, eventually};
use serde_json::{Value, json};

use crate::SOON;
use crate::tls_front::{Authority, TlsFront};

const SECRET: &str = "s3cret of the client";

/// A fleet with an application, a token server and a receiver.
async fn start() -> (Stack, Receiver, Receiver) {
    let (stack, id, receiver) = tokio::join!(Stack::start(), Receiver::start(), Receiver::start());
    stack.client.application("acme").await;
    (stack, id, receiver)
}

fn token(value: &str, more: &str) -> Behaviour {
    let json = format!(r#"{{"access_token":"{value}","token_type":"Bearer"{more}}}"#);
    Behaviour::with_body(200, json)
}

fn client(url: &str) -> Value {
    json!({"tokenUrl": url, "clientId": "me", "clientSecret": SECRET, "scope": "a b"})
}

async fn put(stack: &Stack, endpoint: &str, what: &str, body: &Value) -> Answer {
    let path = format!("/app/acme/endpoint/{endpoint}/{what}");
    Client::send(stack.client.request("PUT", &path).json(body)).await
}

async fn set(stack: &Stack, endpoint: &str, what: &str, body: &Value) {
    let answer = put(stack, endpoint, what, body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// Makes an endpoint with a client.
async fn endpoint(stack: &Stack, receiver: &Receiver, token_url: &str) -> String {
    let (endpoint, _) = stack.client.endpoint("acme", &receiver.url("/hook")).await;
    set(stack, &endpoint, "oauth", &client(token_url)).await;
    endpoint
}

async fn publish(stack: &Stack) -> String {
    let event = json!({"eventType": "a", "payload": {}});
    let sent = stack.client.post("/app/acme/msg", &event).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    text(&sent.body["id"])
}

/// The attempts of an event, once there are `count`: status, failure class, words.
async fn attempts(stack: &Stack, event: &str, count: usize) -> Vec<[String; 3]> {
    let select = format!(
        "SELECT coalesce(status::text, ''), coalesce(failure, ''), response FROM attempts \
         WHERE event_id = '{event}' ORDER BY number"
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

fn authorizations(receiver: &Receiver) -> Vec<String> {
    let received = receiver.received("/hook");
    let values = received
        .iter()
        .map(|request| request.header("authorization").unwrap_or_default());
    values.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_token_is_fetched_once_and_sent_with_each_delivery() {
    let (stack, id, receiver) = start().await;
    // Slow, so that deliveries of the same moment meet.
    id.set(
        "/token",
        token("one", ",\"expires_in\":3600").after(Duration::from_millis(300)),
    );
    let endpoint = endpoint(&stack, &receiver, &id.url("/token")).await;
    for _ in 0..5 {
        publish(&stack).await;
    }
    receiver.wait_for("/hook", 5, SOON).await;
    assert_eq!(authorizations(&receiver), ["Bearer one"; 5]);
    assert_eq!(id.total(), 1);
    let asked = id.received("/token")[0].clone();
    // me:s3cret+of+the+client
    let basic = "Basic bWU6czNjcmV0K29mK3RoZStjbGllbnQ=";
    assert_eq!(asked.header("authorization"), Some(basic));
    assert_eq!(asked.text(), "grant_type=client_credentials&scope=a+b");

    // Neither the secret nor the token is to be read anywhere.
    let shown = stack
        .client
        .get(&format!("/app/acme/endpoint/{endpoint}/oauth"))
        .await
        .body;
    assert_eq!(shown["clientId"], "me");
    assert_eq!(shown["scopes"], json!(["a", "b"]));
    let event = publish(&stack).await;
    attempts(&stack, &event, 1).await;
    for table in ["endpoint_access", "attempts"] {
        let select = format!("SELECT {table}::text FROM {table}");
        let rows = format!("{:?}", stack.database.sql(&select).await);
        for secret in [SECRET, "Bearer one"] {
            assert!(
                !rows.contains(secret) && !shown.to_string().contains(secret),
                "{rows}"
            );
        }
    }

    // The customer's own header goes before it; without either, nothing is sent.
    let own = json!({"headers": {"Authorization": "Basic own"}});
    set(&stack, &endpoint, "headers", &own).await;
    until_sent(&stack, &receiver, "Basic own").await;
    set(&stack, &endpoint, "headers", &json!({"headers": {}})).await;
    until_sent(&stack, &receiver, "Bearer one").await;
    let path = format!("/app/acme/endpoint/{endpoint}/oauth");
    let removed = Client::send(stack.client.request("DELETE", &path)).await;
    assert_eq!(removed.status, 204, "{removed:?}");
    until_sent(&stack, &receiver, "").await;
    assert_eq!(id.total(), 1);
    stack.stop().await;
}

/// Publishes until a delivery carries this header.
async fn until_sent(stack: &Stack, receiver: &Receiver, value: &str) {
    eventually(SOON, "a delivery with the header", async || {
        let before = receiver.count("/hook");
        publish(stack).await;
        receiver.wait_for("/hook", before + 1, SOON).await;
        let last = authorizations(receiver).pop().unwrap_or_default();
        if last == value { Ok(()) } else { Err(last) }
    })
    .await;
}

#[tokio::test]
async fn a_token_that_the_endpoint_refuses_is_fetched_anew_once() {
    let (stack, id, receiver) = start().await;
    id.set("/token", token("one", ",\"expires_in\":3600"));
    endpoint(&stack, &receiver, &id.url("/token")).await;
    publish(&stack).await;
    receiver.wait_for("/hook", 1, SOON).await;
    id.set("/token", token("two", ",\"expires_in\":3600"));
    receiver.set(
        "/hook",
        Behaviour::Sequence(vec![Behaviour::Status(401), Behaviour::Status(200)]),
    );
    let event = publish(&stack).await;
    let [status, failure, _] = attempts(&stack, &event, 1).await.remove(0);
    assert_eq!([status.as_str(), failure.as_str()], ["200", ""]);
    assert_eq!(
        authorizations(&receiver),
        ["Bearer one", "Bearer one", "Bearer two"]
    );

    // One that takes no token at all is asked at most twice in an attempt, and fails like any other.
    receiver.set("/hook", Behaviour::Status(401));
    let (asked, fetched) = (receiver.count("/hook"), id.total());
    let event = publish(&stack).await;
    let [status, failure, _] = attempts(&stack, &event, 1).await.remove(0);
    assert_eq!([status.as_str(), failure.as_str()], ["401", "status_4xx"]);
    let (asked, fetched) = (receiver.count("/hook") - asked, id.total() - fetched);
    assert!(
        asked >= 2 && fetched >= 1 && fetched <= asked.div_ceil(2),
        "{asked} {fetched}"
    );
    stack.stop().await;
}

#[tokio::test]
async fn without_a_token_the_attempt_fails_in_its_own_words_and_asks_nobody() {
    let (stack, id, receiver) = start().await;
    let refusal = format!(r#"{{"error":"invalid_client","error_description":"{SECRET}"}}"#);
    id.set("/token", Behaviour::with_body(401, refusal));
    endpoint(&stack, &receiver, &id.url("/token")).await;
    let event = publish(&stack).await;
    let [status, failure, words] = attempts(&stack, &event, 1).await.remove(0);
    assert_eq!([status.as_str(), failure.as_str()], ["", "auth"]);
    assert_eq!(
        words,
        "no token could be had: the token server answered 401, invalid_client"
    );
    assert_eq!(receiver.total(), 0);
    // Repaired, it is delivered with a retry.
    id.set("/token", token("one", ""));
    receiver.wait_for("/hook", 1, SOON).await;
    stack.stop().await;
}

#[tokio::test]
async fn a_token_server_that_hangs_or_floods_costs_one_deadline() {
    let (stack, id, receiver) = start().await;
    id.set("/hangs", Behaviour::Hang);
    let long = format!(
        r#"{{"access_token":"x","pad":"{}"}}"#,
        "x".repeat(64 * 1024)
    );
    id.set("/floods", Behaviour::with_body(200, long));
    for (path, expected) in [
        ("/hangs", "no token could be had: no"),
        (
            "/floods",
            "no token could be had: the token server's answer is too long",
        ),
    ] {
        let endpoint = endpoint(&stack, &receiver, &id.url(path)).await;
        let event = publish(&stack).await;
        let [_, failure, words] = attempts(&stack, &event, 1).await.remove(0);
        assert_eq!(failure, "auth", "{words}");
        assert!(words.starts_with(expected), "{words}");
        let path = format!("/app/acme/endpoint/{endpoint}");
        Client::send(stack.client.request("DELETE", &path)).await;
    }
    let longest = "SELECT max(duration_ms)::text FROM attempts";
    let longest: u64 = stack.database.sql(longest).await[0][0].parse().unwrap();
    // `POSTHORN_SENDER_TIMEOUT` is 2 s.
    assert!(longest < 3_000, "{longest} ms");
    assert_eq!(receiver.total(), 0);
    stack.stop().await;
}

#[tokio::test]
async fn a_token_server_inside_the_network_is_never_asked() {
    let settings =
        |settings: posthorn_e2e::Settings| settings.with("POSTHORN_EGRESS_ALLOW", "127.0.0.1");
    let (stack, receiver, canary) = tokio::join!(
        Stack::start_with(settings),
        Receiver::start(),
        Canary::everywhere()
    );
    stack.client.application("acme").await;
    let (endpoint, _) = stack.client.endpoint("acme", &receiver.url("/hook")).await;
    let forbidden = format!("http://127.0.0.2:{}/token", canary.port());
    let refused = put(&stack, &endpoint, "oauth", &client(&forbidden)).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(
        refused.body["detail"][0]["loc"],
        json!(["body", "tokenUrl"])
    );
    assert_eq!(refused.body["detail"][0]["type"], "url.address_not_allowed");
    // What is written past the API is not asked either.
    set(&stack, &endpoint, "oauth", &client(&receiver.url("/token"))).await;
    let update = format!(
        "UPDATE endpoint_access SET shown = replace(shown, '{}', '{forbidden}')",
        receiver.url("/token")
    );
    stack.database.sql(&update).await;
    // Any change has the entry written anew.
    let path = format!("/app/acme/endpoint/{endpoint}");
    let patch = stack
        .client
        .request("PATCH", &path)
        .json(&json!({"description": "x"}));
    assert_eq!(Client::send(patch).await.status, 200);
    eventually(SOON, "an attempt that asks nobody", async || {
        let event = publish(&stack).await;
        let [_, failure, words] = attempts(&stack, &event, 1).await.remove(0);
        let expected = "no token could be had: address not allowed";
        if failure == "auth" && words == expected {
            Ok(())
        } else {
            Err(words)
        }
    })
    .await;
    assert_eq!((canary.connections(), receiver.count("/hook")), (0, 0));
    stack.stop().await;
}

#[tokio::test]
async fn the_token_server_is_asked_with_the_endpoints_own_tls() {
    let (stack, id, receiver) = start().await;
    let authority = Authority::new("private");
    let front = TlsFront::start(&id, &authority, Some(&authority)).await;
    id.set("/token", token("one", ""));
    let endpoint = endpoint(&stack, &receiver, &front.url("/token")).await;
    let event = publish(&stack).await;
    let [_, failure, words] = attempts(&stack, &event, 1).await.remove(0);
    assert_eq!(failure, "auth", "{words}");
    set(&stack, &endpoint, "ca", &json!({"caCert": authority.pem})).await;
    let (certificate, key) = authority.client("one");
    let identity = json!({"identity": certificate + &key});
    set(&stack, &endpoint, "mtls", &identity).await;
    receiver.wait_for("/hook", 1, SOON).await;
    assert_eq!(authorizations(&receiver), ["Bearer one"]);
    stack.stop().await;
}
