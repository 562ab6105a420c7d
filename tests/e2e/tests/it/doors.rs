//! Bad input at each door gets a precise error, and nothing is lost.

use std::time::Duration;

use posthorn_e2e::{Client, Producer, Settings, Stack};
use posthorn_harness::eventually;
use serde_json::{Value, json};

use crate::SOON;

/// The reasons of what was rejected, once there are `count` of them.
async fn rejections(producer: &Producer, count: u64) -> Vec<String> {
    let stream = producer.jetstream().get_stream("REJECTED").await.unwrap();
    eventually(SOON, "the rejections", async || {
        match stream.get_info().await.unwrap().state.messages {
            stored if stored >= count => Ok(()),
            stored => Err(format!("{stored} rejections")),
        }
    })
    .await;
    let mut codes = Vec::new();
    for sequence in 1..=count {
        let message = stream.direct_get(sequence).await.unwrap();
        let end = message
            .payload
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap();
        let meta: Value = serde_json::from_slice(&message.payload[..end]).unwrap();
        codes.push(posthorn_e2e::client::text(&meta["code"]));
    }
    codes
}

#[tokio::test]
async fn bad_input_over_http_is_told_precisely() {
    let stack = Stack::start().await;
    let app = stack.client.application("acme").await;
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let large = format!(r#"{{"type":"a","data":"{}"}}"#, "x".repeat(3 * 1024 * 1024));
    let cases: [(&str, String, u16, &str); 9] = [
        ("events", "{".to_owned(), 400, "invalid_json"),
        ("events", r#"{"data":1}"#.to_owned(), 422, "type"),
        (
            "events",
            r#"{"type":"a b","data":1}"#.to_owned(),
            422,
            "type",
        ),
        ("events", r#"{"type":"a"}"#.to_owned(), 422, "data"),
        (
            "events",
            r#"{"type":"a","data":1,"id":"a b"}"#.to_owned(),
            422,
            "id",
        ),
        (
            "events",
            format!(r#"{{"type":"a","data":{deep}}}"#),
            422,
            "data",
        ),
        ("events", large, 413, "payload_too_large"),
        (
            "msg",
            r#"{"eventType":"a","payload":[]}"#.to_owned(),
            422,
            "payload",
        ),
        (
            "msg",
            r#"{"eventType":"a","payload":{}"#.to_owned(),
            400,
            "invalid_json",
        ),
    ];
    for base in [stack.client.clone(), stack.client.at(&stack.ingest_url)] {
        for (door, body, status, word) in &cases {
            let request = base.request("POST", &format!("/app/{app}/{door}"));
            let answer = Client::send(request.body(body.clone())).await;
            assert_eq!(answer.status, *status, "{door} {body:.100} {answer:?}");
            assert!(answer.body.to_string().contains(word), "{word}: {answer:?}");
        }
        let body = json!({"type": "a", "data": 1});
        let missing = base.post("/app/nobody/events", &body).await;
        assert_eq!(
            (missing.status, &missing.body["code"]),
            (404, &json!("not_found"))
        );
        let stranger = base
            .with_token("nonsense")
            .post(&format!("/app/{app}/events"), &body)
            .await;
        assert_eq!(stranger.status, 401, "{stranger:?}");
        let method = Client::send(base.request("DELETE", &format!("/app/{app}/events"))).await;
        assert_eq!(
            (method.status, &method.body["code"]),
            (405, &json!("method_not_allowed"))
        );
        let route = base.get("/nothing/here").await;
        assert_eq!(
            (route.status, &route.body["code"]),
            (404, &json!("not_found"))
        );
    }
    stack.stop().await;
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_answered_at_once() {
    let one = |settings: Settings| settings.with("POSTHORN_INGEST_IN_FLIGHT", "1");
    let stack = Stack::start_with(one).await;
    stack.client.application("acme").await;
    let producer = stack.producer().await;
    let ask = || producer.request("posthorn.publish.acme", r#"{"type":"a","data":1}"#);
    let answers = futures::future::join_all((0..200).map(|_| ask())).await;
    let is_stored = |answer: &&Value| answer["id"].is_string();
    let stored = answers.iter().filter(is_stored).count();
    let busy = answers.iter().filter(|answer| !is_stored(answer));
    assert!(stored > 0 && stored < 200, "{stored} of 200 were stored");
    for answer in busy {
        assert_eq!(answer["error"]["code"], "unavailable");
    }
    stack.stop().await;
}

#[tokio::test]
async fn bad_input_over_nats_requests_is_answered_and_kept() {
    let stack = Stack::start().await;
    stack.client.application("acme").await;
    let producer = stack.producer().await;
    let good = r#"{"type":"a","data":1}"#;
    let cases = [
        ("posthorn.publish.acme", "{", "invalid_json"),
        ("posthorn.publish.acme", r#"{"data":1}"#, "invalid_event"),
        ("posthorn.publish.nobody", good, "application_not_found"),
        ("posthorn.publish.a*b", good, "invalid_subject"),
    ];
    let mut expected = Vec::new();
    for (subject, body, code) in cases.iter().take(3) {
        let answer = producer.request(subject, *body).await;
        assert_eq!(answer["error"]["code"], *code, "{answer}");
        assert!(!answer["error"]["detail"].as_str().unwrap().is_empty());
        expected.push((*code).to_owned());
    }
    let headers = [("Posthorn-App", "a b")];
    let answer = producer
        .request_with("posthorn.publish.acme", &headers, good)
        .await;
    assert_eq!(answer["error"]["code"], "invalid_header", "{answer}");
    expected.push("invalid_header".to_owned());
    assert_eq!(rejections(&producer, 4).await, expected);
    stack.stop().await;
}

#[tokio::test]
async fn bad_input_published_on_nats_is_kept_with_its_reason_and_stops_nothing() {
    let stack = Stack::start().await;
    let client = &stack.client;
    let app = client.application("acme").await;
    let producer = stack.producer().await;
    for (subject, body) in [
        ("posthorn.events.acme.a", "not json"),
        ("posthorn.events.nobody.a", r#"{"data":1}"#),
        ("posthorn.events.acme.a", r#"{"type":"b","data":1}"#),
        ("posthorn.events.acme", r#"{"type":"b","data":1}"#),
    ] {
        producer.try_publish(subject, &[], body.into()).await;
    }
    producer
        .publish("posthorn.events.acme.a", r#"{"id":"good","data":1}"#)
        .await;
    eventually(SOON, "the good event in history", async || {
        let read = client.get(&format!("/app/{app}/msg/good")).await;
        if read.status == 200 {
            Ok(())
        } else {
            Err(format!("{read:?}"))
        }
    })
    .await;
    let mut codes = rejections(&producer, 3).await;
    codes.sort();
    assert_eq!(
        codes,
        ["application_not_found", "invalid_event", "invalid_json"]
    );
    let inbox = producer.jetstream().get_stream("INBOX").await.unwrap();
    eventually(SOON, "an empty inbox", async || {
        match inbox.get_info().await.unwrap().state.messages {
            0 => Ok(()),
            count => Err(format!("{count} messages")),
        }
    })
    .await;
    stack.stop().await;
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
    let started = std::time::Instant::now();
    let refused = stack.client.post(&path, &body).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (503, &json!("unavailable"))
    );
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );

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
