//! What follows a failed attempt.

use std::time::Duration;

use posthorn_e2e::{Client, Stack};
use posthorn_harness::{Behaviour, Receiver, eventually};
use serde_json::json;

use crate::SOON;

/// A stack with one endpoint at `/hook`, and an event that was published.
async fn published(receiver: &Receiver, schedule: &str) -> (Stack, String, String) {
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_RETRY_SCHEDULE", schedule)).await;
    let app = stack.client.application("acme").await;
    let (endpoint, _) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    producer
        .publish("posthorn.events.acme.a", r#"{"id":"event_1","data":1}"#)
        .await;
    (stack, app, endpoint)
}

#[tokio::test]
async fn a_failing_endpoint_is_retried_after_each_wait_until_it_works() {
    let receiver = Receiver::start().await;
    receiver.set(
        "/hook",
        Behaviour::FailThenOk {
            failures: 3,
            status: 503,
        },
    );
    let (stack, app, _) = published(&receiver, "300ms,600ms,900ms,2s").await;

    let requests = receiver.wait_for("/hook", 4, SOON).await;
    for (pair, wait) in requests.windows(2).zip([300, 600, 900]) {
        let gap = pair[1].arrived - pair[0].arrived;
        assert!(
            gap >= Duration::from_millis(wait * 9 / 10),
            "{gap:?} instead of {wait} ms"
        );
        assert_eq!(pair[0].header("svix-id"), pair[1].header("svix-id"));
        assert_eq!(pair[0].body, pair[1].body);
    }
    let attempts = stack.client.attempts(&app, "event_1", 4).await;
    let statuses: Vec<_> = attempts
        .iter()
        .map(|a| a["responseStatusCode"].clone())
        .collect();
    assert_eq!(statuses, [json!(503), json!(503), json!(503), json!(200)]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        receiver.count("/hook"),
        4,
        "a delivered event is not sent again"
    );
    stack.stop().await;
}

#[tokio::test]
async fn history_tells_when_the_next_attempt_comes() {
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::Status(500));
    let (stack, app, endpoint) = published(&receiver, "1h,2h").await;
    let path = format!("/app/{app}/msg/event_1/endpoint");
    let next = eventually(SOON, "the next attempt in history", async || {
        let answer = stack.client.get(&path).await;
        let found = answer.body["data"]
            .as_array()
            .and_then(|list| list.iter().find(|item| item["id"] == json!(endpoint)));
        let next = found.and_then(|item| item["nextAttempt"].as_str().map(str::to_owned));
        next.ok_or_else(|| format!("{answer:?}"))
    })
    .await;
    assert!(next.ends_with('Z'), "{next}");
    stack.stop().await;
}

#[tokio::test]
async fn the_last_failure_exhausts_the_delivery() {
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::with_body(500, "out of order"));
    let (stack, app, _) = published(&receiver, "50ms,100ms").await;
    let attempts = stack.client.attempts(&app, "event_1", 3).await;
    assert!(
        attempts.iter().all(|attempt| attempt["status"] == 2),
        "{attempts:?}"
    );
    assert_eq!(attempts[2]["response"], "out of order");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.count("/hook"), 3);
    stack.stop().await;
}

#[tokio::test]
async fn retry_after_lengthens_a_wait() {
    let receiver = Receiver::start().await;
    let busy = Behaviour::with_headers(429, &[("retry-after", "2")]);
    receiver.set(
        "/hook",
        Behaviour::Sequence(vec![busy, Behaviour::Status(200)]),
    );
    let (stack, _, _) = published(&receiver, "50ms,100ms").await;
    let requests = receiver.wait_for("/hook", 2, SOON).await;
    let gap = requests[1].arrived - requests[0].arrived;
    assert!(gap >= Duration::from_millis(1_900), "{gap:?}");
    stack.stop().await;
}

#[tokio::test]
async fn hostile_answers_are_failures_within_the_deadline_and_bounded() {
    let receiver = Receiver::start().await;
    let drip = Behaviour::SlowDrip(Duration::from_millis(50));
    let answers = vec![
        Behaviour::Redirect(receiver.url("/elsewhere")),
        Behaviour::Reset,
        Behaviour::Hang,
        Behaviour::Garbage,
        drip,
        Behaviour::Status(204),
    ];
    receiver.set("/hook", Behaviour::Sequence(answers));
    let (stack, app, _) = published(&receiver, "50ms,50ms,50ms,50ms,50ms,50ms").await;
    let attempts = stack.client.attempts(&app, "event_1", 6).await;
    let codes: Vec<_> = attempts
        .iter()
        .map(|a| a["responseStatusCode"].clone())
        .collect();
    assert_eq!(codes[0], json!(302));
    assert_eq!(codes[5], json!(204));
    assert_eq!(receiver.count("/elsewhere"), 0, "a redirect was followed");
    for attempt in &attempts {
        let took = attempt["responseDurationMs"].as_u64().unwrap();
        assert!(took < 15_000, "{attempt}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::EndlessBody);
    let (stack, app, _) = published(&receiver, "1h").await;
    let attempts = stack.client.attempts(&app, "event_1", 1).await;
    assert!(
        attempts[0]["response"].as_str().unwrap().len() <= 64 * 1024,
        "kept too much"
    );
    stack.stop().await;
}

#[tokio::test]
async fn an_endpoints_own_schedule_holds_for_all_that_it_receives() {
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::Status(500));
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_RETRY_SCHEDULE", "1500ms,2h")).await;
    let app = stack.client.application("acme").await;
    let (endpoint, _) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let put = |path: String, waits: serde_json::Value| {
        let request = stack.client.request("PUT", &path);
        Client::send(request.json(&json!({"retrySchedule": waits})))
    };
    let made = json!({"name": "slow", "description": "may wait"});
    assert_eq!(stack.client.post("/event-type", &made).await.status, 201);
    let slow = put("/event-type/slow/retry-schedule".to_owned(), json!([3600]));
    assert_eq!(slow.await.status, 200);

    let path = format!("/app/{app}/endpoint/{endpoint}/retry-schedule");
    let shown = stack.client.get(&path).await.body;
    assert_eq!(shown["retrySchedule"], json!(null));
    assert_eq!(shown["serverSchedule"], json!([1.5, 7200.0]), "{shown}");
    let of_type = json!([{"name": "slow", "retrySchedule": [3600.0]}]);
    assert_eq!(shown["eventTypes"], of_type);
    let server = stack.client.get("/server").await.body;
    assert_eq!(server["retrySchedule"], json!([1.5, 7200.0]));

    // It goes before the type's.
    let set = put(path.clone(), json!([1, 1])).await;
    assert_eq!(
        (set.status, &set.body["retrySchedule"]),
        (200, &json!([1.0, 1.0]))
    );
    let producer = stack.producer().await;
    producer
        .publish("posthorn.events.acme.slow", r#"{"id":"event_1","data":1}"#)
        .await;
    assert_eq!(stack.client.attempts(&app, "event_1", 3).await.len(), 3);

    for bad in [
        json!([60, 5]),
        json!([0, 5]),
        json!([172_800]),
        json!("soon"),
    ] {
        assert_eq!(put(path.clone(), bad).await.status, 422);
    }
    // Without it, the type's holds again.
    assert_eq!(put(path, json!(null)).await.status, 200);
    producer
        .publish("posthorn.events.acme.slow", r#"{"id":"event_2","data":1}"#)
        .await;
    stack.client.attempts(&app, "event_2", 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stack.client.attempts(&app, "event_2", 1).await.len(), 1);
    stack.stop().await;
}

#[tokio::test]
async fn an_event_types_schedule_holds_for_its_events_alone() {
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::Status(500));
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_RETRY_SCHEDULE", "1h,2h")).await;
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let made = json!({"name": "urgent", "description": "must not wait"});
    assert_eq!(stack.client.post("/event-type", &made).await.status, 201);
    let path = "/event-type/urgent/retry-schedule";
    let schedule = |waits: serde_json::Value| {
        let request = stack.client.request("PUT", path);
        Client::send(request.json(&json!({"retrySchedule": waits})))
    };
    assert_eq!(schedule(json!([1, 1])).await.status, 200);
    let producer = stack.producer().await;
    // The first waits for an hour, in a lane of its own.
    for (event_type, id) in [("patient", "event_1"), ("urgent", "event_2")] {
        let subject = format!("posthorn.events.acme.{event_type}");
        let event = format!(r#"{{"id":"{id}","data":1}}"#);
        producer.publish(&subject, event).await;
    }
    let urgent = stack.client.attempts(&app, "event_2", 3).await;
    assert_eq!(urgent.len(), 3);
    assert_eq!(stack.client.attempts(&app, "event_1", 1).await.len(), 1);

    // Without it, the deployment's schedule holds again.
    assert_eq!(schedule(json!(null)).await.status, 200);
    producer
        .publish(
            "posthorn.events.acme.urgent",
            r#"{"id":"event_3","data":1}"#,
        )
        .await;
    stack.client.attempts(&app, "event_3", 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stack.client.attempts(&app, "event_3", 1).await.len(), 1);
    stack.stop().await;
}
