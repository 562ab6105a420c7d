//! Bad input at the HTTP doors gets a precise error, and without JetStream nothing is accepted.

use posthorn_e2e::client::{Answer, text};
use posthorn_e2e::{Client, Stack};
use posthorn_harness::eventually;
use serde_json::json;

use crate::SOON;

/// A body for a door, and what is wrong with it.
struct Bad {
    door: &'static str,
    body: String,
    status: u16,
    /// The problem's place below `body`, or the error's code.
    place: &'static [&'static str],
}

fn bad(
    door: &'static str,
    body: impl Into<String>,
    status: u16,
    place: &'static [&'static str],
) -> Bad {
    let body = body.into();
    Bad {
        door,
        body,
        status,
        place,
    }
}

fn bad_events() -> Vec<Bad> {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let event = |more: &str| format!(r#"{{"type":"a","data":1{more}}}"#);
    let long = format!("\"{}\"", "x".repeat(500_000));
    vec![
        bad("events", "{", 400, &["invalid_json"]),
        bad("events", "", 400, &["invalid_json"]),
        bad("events", r#"["a",1,null,null]"#, 422, &[]),
        bad("events", &*long, 422, &[]),
        bad("events", r#"{"data":1}"#, 422, &["type"]),
        bad("events", r#"{"type":"a b","data":1}"#, 422, &["type"]),
        bad("events", r#"{"type":1,"data":1}"#, 422, &["type"]),
        bad("events", format!(r#"{{"type":{long}}}"#), 422, &["type"]),
        bad("events", r#"{"type":"a"}"#, 422, &["data"]),
        bad(
            "events",
            format!(r#"{{"type":"a","data":{deep}}}"#),
            422,
            &["data"],
        ),
        bad("events", event(r#","id":"a b""#), 422, &["id"]),
        bad("events", event(r#","id":{}"#), 422, &["id"]),
        bad(
            "events",
            event(r#","timestamp":"now""#),
            422,
            &["timestamp"],
        ),
        bad("events", event(r#","timestamp":1"#), 422, &["timestamp"]),
        bad("events", event(r#","Id":"e1""#), 422, &["Id"]),
        bad("events", event(r#","data":2"#), 422, &["data"]),
    ]
}

fn bad_messages() -> Vec<Bad> {
    let message = |more: &str| format!(r#"{{"eventType":"a","payload":{{}}{more}}}"#);
    let long = format!("\"{}\"", "x".repeat(500_000));
    vec![
        bad(
            "msg",
            r#"{"eventType":"a","payload":{}"#,
            400,
            &["invalid_json"],
        ),
        bad("msg", r#"["a",{}]"#, 422, &[]),
        bad("msg", "null", 422, &[]),
        bad("msg", &*long, 422, &[]),
        bad("msg", r#"{"payload":{}}"#, 422, &[]),
        bad(
            "msg",
            r#"{"eventType":1,"payload":{}}"#,
            422,
            &["eventType"],
        ),
        bad(
            "msg",
            r#"{"eventType":"a..b","payload":{}}"#,
            422,
            &["eventType"],
        ),
        bad(
            "msg",
            r#"{"eventType":"a","payload":[]}"#,
            422,
            &["payload"],
        ),
        bad(
            "msg",
            message(r#","channels":["ok","a b"]"#),
            422,
            &["channels", "[1]"],
        ),
        bad(
            "msg",
            message(r#","channels":["ok",1]"#),
            422,
            &["channels", "[1]"],
        ),
        bad(
            "msg",
            message(&format!(r#","channels":{:?}"#, ["a"; 11])),
            422,
            &["channels"],
        ),
        bad("msg", message(r#","tags":["a,b"]"#), 422, &["tags", "[0]"]),
        bad("msg", message(r#","eventId":"msg_1""#), 422, &["eventId"]),
        bad("msg", message(r#","eventId":"a b""#), 422, &["eventId"]),
        bad(
            "msg",
            message(r#","payloadRetentionPeriod":91"#),
            422,
            &["payloadRetentionPeriod"],
        ),
    ]
}

/// The errors of an answer, which must have one of Svix's two shapes.
#[track_caller]
fn assert_told(answer: &Answer, bad: &Bad) {
    let what = format!("{} {:.100} {answer:?}", bad.door, bad.body);
    assert_eq!(answer.status, bad.status, "{what}");
    let bytes = answer.body.to_string().len();
    assert!(bytes < 600, "{bytes} bytes: {what}");
    if bad.status == 400 {
        assert_eq!(answer.body["code"], bad.place[0], "{what}");
        return assert!(answer.body["detail"].is_string(), "{what}");
    }
    let problem = &answer.body["detail"][0];
    let place: Vec<_> = ["body"].iter().chain(bad.place).collect();
    assert_eq!(problem["loc"], json!(place), "{what}");
    assert!(text(&problem["type"]).starts_with("value_error"), "{what}");
    assert!(!text(&problem["msg"]).is_empty(), "{what}");
}

#[tokio::test]
async fn bad_input_over_http_is_told_precisely() {
    let stack = Stack::start().await;
    let app = stack.client.application("acme").await;
    for base in [stack.client.clone(), stack.client.at(&stack.ingest_url)] {
        for bad in bad_events().into_iter().chain(bad_messages()) {
            let request = base.request("POST", &format!("/app/{app}/{}", bad.door));
            let answer = Client::send(request.body(bad.body.clone())).await;
            assert_told(&answer, &bad);
        }
        let large = format!(r#"{{"type":"a","data":"{}"}}"#, "x".repeat(3 * 1024 * 1024));
        let request = base.request("POST", &format!("/app/{app}/events"));
        let answer = Client::send(request.body(large)).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (413, &json!("payload_too_large"))
        );
        assert_keys_are_checked(&base, &app).await;
        assert_routes_are_checked(&base, &app).await;
    }
    stack.stop().await;
}

/// An idempotency key has 1 to 256 visible characters, at each door.
async fn assert_keys_are_checked(base: &Client, app: &str) {
    for (door, body) in [
        ("events", r#"{"type":"a","data":1}"#),
        ("msg", r#"{"eventType":"a","payload":{}}"#),
    ] {
        for key in ["", &"k".repeat(257), "schlüssel"] {
            let request = base.request("POST", &format!("/app/{app}/{door}"));
            let key = http::HeaderValue::from_bytes(key.as_bytes()).unwrap();
            let answer = Client::send(request.header("idempotency-key", key).body(body)).await;
            assert_eq!(answer.status, 422, "{answer:?}");
            let problem = &answer.body["detail"][0];
            assert_eq!(problem["loc"], json!(["header", "idempotency-key"]));
            assert_eq!(problem["type"], "value_error");
        }
    }
}

async fn assert_routes_are_checked(base: &Client, app: &str) {
    let body = json!({"type": "a", "data": 1});
    let stranger = base.with_token("nonsense");
    let path = format!("/app/{app}/events");
    for (answer, status, code) in [
        (
            base.post("/app/nobody/events", &body).await,
            404,
            "not_found",
        ),
        (base.post("/app/%ff/events", &body).await, 404, "not_found"),
        (base.post("/app/%ff/msg", &body).await, 404, "not_found"),
        (base.get("/nothing/here").await, 404, "not_found"),
        (
            stranger.post(&path, &body).await,
            401,
            "authentication_failed",
        ),
        (
            Client::send(base.request("DELETE", &path)).await,
            405,
            "method_not_allowed",
        ),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.body["code"], code, "{answer:?}");
    }
}

#[tokio::test]
async fn without_jetstream_nothing_is_accepted_and_the_caller_is_told_when_to_come_again() {
    let mut stack =
        Stack::start_with(|settings| settings.with("POSTHORN_NATS_PUBLISH_TIMEOUT", "500ms")).await;
    let app = stack.client.application("acme").await;
    let body = json!({"type": "a", "data": 1});
    let path = format!("/app/{app}/events");
    assert_eq!(stack.client.post(&path, &body).await.status, 202);
    stack.nats.kill();
    // Whether there is such an application cannot be known now.
    let unknown = stack.client.post("/app/nobody/events", &body).await;
    assert_eq!(unknown.status, 503, "{unknown:?}");
    let started = std::time::Instant::now();
    let refused = stack.client.post(&path, &body).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (503, &json!("unavailable"))
    );
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());

    stack.nats.restart().await;
    eventually(SOON, "an accepted event", async || {
        let answer = stack.client.post(&path, &body).await;
        if answer.status == 202 {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
    stack.stop().await;
}

#[tokio::test]
async fn without_its_stream_an_event_is_refused_at_every_door_that_answers() {
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_NATS_PUBLISH_TIMEOUT", "500ms")).await;
    let app = stack.client.application("acme").await;
    let producer = stack.producer().await;
    producer.jetstream().delete_stream("EVENTS").await.unwrap();
    for (door, body) in [
        ("events", json!({"type": "a", "data": 1})),
        ("msg", json!({"eventType": "a", "payload": {}})),
    ] {
        let refused = stack
            .client
            .post(&format!("/app/{app}/{door}"), &body)
            .await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (503, &json!("unavailable"))
        );
        assert_eq!(refused.retry_after.as_deref(), Some("1"));
    }
    let body = r#"{"type":"a","data":1}"#;
    let answer = producer.request("posthorn.publish.acme", body).await;
    assert_eq!(answer["error"]["code"], "unavailable", "{answer}");
    // It is no fault of the input, so nothing is rejected.
    let rejected = producer.jetstream().get_stream("REJECTED").await.unwrap();
    assert_eq!(rejected.get_info().await.unwrap().state.messages, 0);
    stack.stop().await;
}
