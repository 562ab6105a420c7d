//! No redirect, edit or bad row makes the fleet ask inside a network, and history says why not.

use std::time::Duration;

use posthorn_e2e::client::text;
use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Behaviour, Canary, Receiver, eventually};
use serde_json::json;

use crate::SOON;

/// Where receivers are; nothing else that is not public may be asked.
const ALLOWED: &str = "127.0.0.1";
/// Longer than the hot path needs to see a change.
const IN_FORCE: Duration = Duration::from_secs(1);

/// An attempt as history has it: its URL, status, failure class and words.
type Attempt = [String; 4];

/// A fleet that repairs its snapshot from the database all the time, and a canary.
async fn start(schedule: &str) -> (Stack, Receiver, Canary) {
    let settings = |settings: posthorn_e2e::Settings| {
        settings
            .with("POSTHORN_EGRESS_ALLOW", ALLOWED)
            .with("POSTHORN_API_RECONCILE_INTERVAL", "200ms")
            .with("POSTHORN_RETRY_SCHEDULE", schedule)
    };
    tokio::join!(
        Stack::start_with(settings),
        Receiver::start(),
        Canary::everywhere()
    )
}

async fn publish(stack: &Stack, id: &str) {
    let event = format!(r#"{{"id":"{id}","data":1}}"#);
    let producer = stack.producer().await;
    producer.publish("posthorn.events.acme.a", event).await;
}

/// The attempts of an event, oldest first, once there are `count` of them.
async fn attempts(stack: &Stack, event: &str, count: usize) -> Vec<Attempt> {
    let columns = "url, coalesce(status::text, ''), coalesce(failure, ''), response";
    let select =
        format!("SELECT {columns} FROM attempts WHERE event_id = '{event}' ORDER BY number, id");
    eventually(SOON, "the attempts in history", async || {
        let rows = stack.database.sql(&select).await;
        if rows.len() < count {
            return Err(format!("{rows:?}"));
        }
        let attempts = rows.into_iter().map(|row| row.try_into().unwrap());
        Ok(attempts.collect())
    })
    .await
}

/// Writes a URL straight into an endpoint's row, past every check, and waits until it is in the
/// snapshot.
async fn write_url(stack: &Stack, endpoint: &str, url: &str) {
    let update = format!(
        "UPDATE endpoints SET url = '{url}', version = version + 1 WHERE id = '{endpoint}'"
    );
    stack.database.sql(&update).await;
    let producer = stack.producer().await;
    let bucket = producer.jetstream().get_key_value("config").await.unwrap();
    eventually(SOON, "the URL in the snapshot", async || {
        let mut keys = bucket.keys().await.unwrap();
        let quoted = json!(url).to_string();
        while let Some(key) = futures::StreamExt::next(&mut keys).await {
            let entry = bucket.get(key.unwrap()).await.unwrap().unwrap_or_default();
            if String::from_utf8_lossy(&entry).contains(&quoted) {
                return Ok(());
            }
        }
        Err(format!("no entry with {quoted}"))
    })
    .await;
}

#[tokio::test]
async fn no_redirect_is_followed_and_each_is_a_failure() {
    let (stack, receiver, canary) = start("1h,2h").await;
    stack.client.application("acme").await;
    let port = canary.port();
    let places = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("http://127.0.0.2:{port}/"),
        format!("//127.0.0.2:{port}/"),
        receiver.url("/elsewhere"),
        "/elsewhere".to_owned(),
        "elsewhere".to_owned(),
    ];
    let mut asked = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        for (n, place) in places.iter().enumerate() {
            let path = format!("/{status}/{n}");
            let headers = [
                ("location", place.as_str()),
                ("refresh", "0; url=/elsewhere"),
            ];
            receiver.set(&path, Behaviour::with_headers(status, &headers));
            stack.client.endpoint("acme", &receiver.url(&path)).await;
            asked.push((receiver.url(&path), status.to_string()));
        }
    }
    publish(&stack, "event_1").await;
    let mut seen = Vec::new();
    for [url, status, failure, _body] in attempts(&stack, "event_1", asked.len()).await {
        assert_eq!(failure, "redirect", "{url}");
        seen.push((url, status));
    }
    seen.sort();
    asked.sort();
    assert_eq!(seen, asked);
    assert_eq!(receiver.total(), asked.len());
    assert_eq!(canary.connections(), 0);
    stack.stop().await;
}

#[tokio::test]
async fn a_header_that_asks_to_go_elsewhere_is_not_heard() {
    let (stack, receiver, canary) = start("1h,2h").await;
    stack.client.application("acme").await;
    let elsewhere = format!("http://127.0.0.2:{}/", canary.port());
    let refresh = format!("0; url={elsewhere}");
    let headers = [
        ("refresh", refresh.as_str()),
        ("content-location", &elsewhere),
    ];
    for status in [200, 300, 304, 500] {
        let path = format!("/{status}");
        receiver.set(&path, Behaviour::with_headers(status, &headers));
        stack.client.endpoint("acme", &receiver.url(&path)).await;
    }
    publish(&stack, "event_1").await;
    let attempts = attempts(&stack, "event_1", 4).await;
    let mut ends: Vec<_> = attempts
        .iter()
        .map(|[_, status, failure, _]| (status.as_str(), failure.as_str()))
        .collect();
    ends.sort_unstable();
    // 2xx is a success whatever else it says, and nothing else is.
    let expected = [
        ("200", ""),
        ("300", "redirect"),
        ("304", "redirect"),
        ("500", "status_5xx"),
    ];
    assert_eq!(ends, expected);
    assert_eq!((receiver.total(), canary.connections()), (4, 0));
    stack.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_was_edited_into_the_network_is_not_asked() {
    let (stack, receiver, canary) = start("4s,4s").await;
    stack.client.application("acme").await;
    receiver.set("/hook", Behaviour::Status(503));
    let (endpoint, _) = stack.client.endpoint("acme", &receiver.url("/hook")).await;
    publish(&stack, "event_1").await;
    receiver.wait_for("/hook", 1, SOON).await;
    // The second attempt waits. The API refuses the edit, the database does not.
    let forbidden = format!("http://127.0.0.2:{}/", canary.port());
    let edit = stack
        .client
        .request("PATCH", &format!("/app/acme/endpoint/{endpoint}"));
    let refused = Client::send(edit.json(&json!({"url": forbidden}))).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    write_url(&stack, &endpoint, &forbidden).await;
    let attempts = attempts(&stack, "event_1", 3).await;
    assert_eq!(attempts[0][1..3], ["503", "status_5xx"]);
    for attempt in &attempts[1..] {
        let expected = [&forbidden, "", "blocked_address", "address not allowed"];
        assert_eq!(*attempt, expected);
    }
    assert_eq!((receiver.total(), canary.connections()), (1, 0));
    // The customer reads the same.
    let shown = stack.client.attempts("acme", "event_1", 3).await;
    assert_eq!(text(&shown[2]["response"]), "address not allowed");
    stack.stop().await;
}

#[tokio::test]
async fn a_row_that_no_check_has_seen_is_not_asked_and_its_failure_has_a_name() {
    let (stack, receiver, canary) = start("1h,2h").await;
    stack.client.application("acme").await;
    let port = canary.port();
    let not_allowed = ("blocked_address", "address not allowed");
    let rows = [
        (format!("http://127.0.0.2:{port}/"), not_allowed),
        (format!("http://0x7f.2:{port}/"), not_allowed),
        (format!("http://[::ffff:127.0.0.2]:{port}/"), not_allowed),
        (format!("http://[::1]:{port}/"), not_allowed),
        (format!("http://user:secret@127.0.0.2:{port}/"), not_allowed),
        ("http://169.254.169.254/latest/".to_owned(), not_allowed),
        ("http://10.0.0.1:6443/".to_owned(), not_allowed),
        (
            format!("gopher://127.0.0.2:{port}/"),
            ("request", "the URL cannot be asked"),
        ),
        (
            "file:///etc/passwd".to_owned(),
            ("request", "the URL cannot be asked"),
        ),
        (
            "http://[fe80::1%25eth0]/".to_owned(),
            ("request", "the endpoint's URL does not parse"),
        ),
    ];
    let mut expected: Vec<Attempt> = Vec::new();
    for (n, (url, (failure, words))) in rows.iter().enumerate() {
        let good = receiver.url(&format!("/good/{n}"));
        let (endpoint, _) = stack.client.endpoint("acme", &good).await;
        write_url(&stack, &endpoint, url).await;
        expected.push([url, "", failure, words].map(str::to_owned));
    }
    tokio::time::sleep(IN_FORCE).await;
    publish(&stack, "event_1").await;
    let mut attempts = attempts(&stack, "event_1", rows.len()).await;
    attempts.sort();
    expected.sort();
    assert_eq!(attempts, expected);
    assert_eq!((receiver.total(), canary.connections()), (0, 0));
    stack.stop().await;
}
