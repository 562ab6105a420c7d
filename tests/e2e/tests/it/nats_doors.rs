//! Bad input at the NATS doors is kept with its reason, answered where somebody waits, and stops
//! nothing.

use bytes::Bytes;
use posthorn_e2e::client::text;
use posthorn_e2e::{Producer, Settings, Stack};
use posthorn_event_schema::Rejection;
use posthorn_event_schema::detail::MAX_DETAIL_CHARS;
use posthorn_harness::eventually;

use crate::SOON;

/// What was rejected, once there are `count` of them and INBOX is empty.
pub(crate) async fn rejections(producer: &Producer, count: u64) -> Vec<Rejection> {
    let inbox = producer.jetstream().get_stream("INBOX").await.unwrap();
    let stream = producer.jetstream().get_stream("REJECTED").await.unwrap();
    eventually(SOON, "the rejections", async || {
        let waiting = inbox.get_info().await.unwrap().state.messages;
        let stored = stream.get_info().await.unwrap().state.messages;
        if waiting == 0 && stored >= count {
            Ok(())
        } else {
            Err(format!(
                "{stored} rejections, {waiting} messages in the inbox"
            ))
        }
    })
    .await;
    let mut rejections = Vec::new();
    let last = stream.get_info().await.unwrap().state.last_sequence;
    for sequence in 1..=last {
        let message = stream.direct_get(sequence).await.unwrap();
        let rejection = Rejection::decode(&message.payload).unwrap();
        let detail = &rejection.meta.detail;
        assert!(detail.chars().count() <= MAX_DETAIL_CHARS, "{detail}");
        rejections.push(rejection);
    }
    rejections
}

/// A subject, headers, a body, and the code that it is refused with.
type Case<'a> = (
    &'a str,
    &'a [(&'a str, &'a str)],
    &'static str,
    &'static str,
);

fn codes(rejections: &[Rejection]) -> Vec<&str> {
    rejections.iter().map(|r| r.meta.code.as_str()).collect()
}

#[tokio::test]
async fn bad_input_over_nats_requests_is_answered_and_kept() {
    let stack = Stack::start().await;
    stack.client.application("acme").await;
    let producer = stack.producer().await;
    let good = r#"{"type":"a","data":1}"#;
    let long_key = "k".repeat(257);
    let acme = "posthorn.publish.acme";
    let cases: [Case<'_>; 12] = [
        (acme, &[], "{", "invalid_json"),
        (acme, &[], r#"{"data":1}"#, "invalid_event"),
        (acme, &[], r#"["a",1,null,null]"#, "invalid_event"),
        (acme, &[], r#"{"type":1,"data":1}"#, "invalid_event"),
        (
            acme,
            &[],
            r#"{"type":"a","data":1,"Id":"e"}"#,
            "invalid_event",
        ),
        (
            "posthorn.publish.nobody",
            &[],
            good,
            "application_not_found",
        ),
        ("posthorn.publish.a*b", &[], good, "invalid_subject"),
        (acme, &[("Posthorn-App", "a b")], good, "invalid_header"),
        (
            acme,
            &[("Posthorn-App", "other")],
            good,
            "application_not_found",
        ),
        (
            acme,
            &[("Posthorn-Organization", "acme")],
            good,
            "invalid_header",
        ),
        (
            acme,
            &[("Posthorn-Organization", "org_x")],
            good,
            "application_not_found",
        ),
        (acme, &[("Nats-Msg-Id", &long_key)], good, "invalid_header"),
    ];
    for (number, (subject, headers, body, code)) in (1..).zip(cases) {
        let answer = producer.request_with(subject, headers, body).await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(!text(&answer["error"]["detail"]).is_empty());
        // The answer comes before the copy is kept: one after the other, so that the order is sure.
        let kept = rejections(&producer, number).await;
        let kept = kept.last().unwrap();
        assert_eq!(
            (kept.meta.code.as_str(), &*kept.input),
            (code, body.as_bytes())
        );
        assert_eq!(kept.meta.detail, text(&answer["error"]["detail"]));
    }
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
        ("posthorn.events.acme.a", "[1]"),
        ("posthorn.events.acme", r#"{"type":"b","data":1}"#),
    ] {
        producer.publish(subject, body).await;
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
    let rejections = rejections(&producer, 5).await;
    let mut codes = codes(&rejections);
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "application_not_found",
            "invalid_event",
            "invalid_event",
            "invalid_json",
            "invalid_subject"
        ]
    );
    stack.stop().await;
}

#[tokio::test]
async fn a_long_text_is_not_repeated_by_its_reason() {
    let stack = Stack::start().await;
    stack.client.application("acme").await;
    let producer = stack.producer().await;
    let long = format!("\"{}\"", "x".repeat(500_000));
    let bodies = [
        long.clone(),
        format!(r#"{{"type":{long},"data":1}}"#),
        format!(r#"{{"data":1,{long}:1}}"#),
    ];
    for body in &bodies {
        let answer = producer
            .request("posthorn.publish.acme", body.clone())
            .await;
        assert_eq!(answer["error"]["code"], "invalid_event");
        let detail = text(&answer["error"]["detail"]);
        assert!(detail.chars().count() <= MAX_DETAIL_CHARS, "{detail}");
        producer
            .publish("posthorn.events.acme.a", body.clone())
            .await;
    }
    let kept = rejections(&producer, 6).await;
    assert_eq!(codes(&kept), ["invalid_event"; 6]);
    assert!(kept.iter().all(|one| !one.meta.truncated));
    stack.stop().await;
}

#[tokio::test]
async fn an_input_as_large_as_a_message_is_rejected_once() {
    let stack = Stack::start().await;
    stack.client.application("acme").await;
    let producer = stack.producer().await;
    // With the reason added it is larger than a message may be.
    let garbage = Bytes::from(vec![b'x'; producer.max_payload() - 64]);
    producer
        .publish("posthorn.events.acme.a", garbage.clone())
        .await;
    let kept = rejections(&producer, 1).await;
    assert_eq!(codes(&kept), ["invalid_json"]);
    assert!(kept[0].meta.truncated);
    assert!(kept[0].input.len() > garbage.len() - 1_024);
    assert!(garbage.starts_with(&kept[0].input));

    let answer = producer.request("posthorn.publish.acme", garbage).await;
    assert_eq!(answer["error"]["code"], "invalid_json", "{answer}");
    let kept = rejections(&producer, 2).await;
    assert_eq!(codes(&kept), ["invalid_json"; 2]);
    // Twice the time after which it would come again.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(rejections(&producer, 2).await.len(), 2);
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
    let is_stored = |answer: &&serde_json::Value| answer["id"].is_string();
    let stored = answers.iter().filter(is_stored).count();
    let busy = answers.iter().filter(|answer| !is_stored(answer));
    assert!(stored > 0 && stored < 200, "{stored} of 200 were stored");
    for answer in busy {
        assert_eq!(answer["error"]["code"], "unavailable");
    }
    stack.stop().await;
}
