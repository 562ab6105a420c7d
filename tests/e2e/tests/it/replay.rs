//! Recovering an endpoint that was down, also while the process that does it is killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use posthorn_e2e::client::text;
use posthorn_e2e::stack::database;
use posthorn_e2e::{Client, Fleet, Producer, Role, Settings, Stack};
use posthorn_event_schema::Timestamp;
use posthorn_harness::{Behaviour, Received, Receiver, TestNats, eventually};
use serde_json::{Value, json};

use crate::SOON;

const SCHEDULE: &str = "50ms";

/// Deliveries are exhausted at once: no breaker spares the endpoint.
fn failing_fast(settings: Settings) -> Settings {
    settings
        .with("POSTHORN_RETRY_SCHEDULE", SCHEDULE)
        .with("POSTHORN_BREAKER_OPEN", "0s")
}
const SINCE: &str = "2025-01-01T00:00:00Z";

/// Publishes events that all fail, and waits until history knows that they did.
async fn exhaust(client: &Client, producer: &Producer, endpoint: &str, count: usize) {
    for number in 0..count {
        let event = format!(r#"{{"id":"event_{number}","data":{number}}}"#);
        producer.publish("posthorn.events.acme.a", event).await;
    }
    let path = format!("/app/acme/endpoint/{endpoint}/msg?status=2&limit=250");
    eventually(SOON, "all deliveries exhausted", async || {
        let answer = client.get(&path).await;
        match answer.body["data"].as_array().map(Vec::len) {
            Some(found) if found == count => Ok(()),
            found => Err(format!("{found:?} of {count}")),
        }
    })
    .await;
}

/// Asks for a recovery of the last ten days.
async fn recover(client: &Client, endpoint: &str) -> String {
    let path = format!("/app/acme/endpoint/{endpoint}/recover");
    let refused = client.post(&path, &json!({"since": SINCE})).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let since = now().minus(Duration::from_secs(10 * 24 * 3_600));
    let asked = json!({"since": since.to_rfc3339_micros()});
    let task = client.post(&path, &asked).await;
    assert_eq!(task.status, 202, "{task:?}");
    assert_eq!(task.body["task"], "endpoint.recover");
    text(&task.body["id"])
}

fn now() -> Timestamp {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_unix_micros(i64::try_from(now.as_micros()).unwrap())
}

async fn task(client: &Client, id: &str) -> Value {
    let answer = client.get(&format!("/background-task/{id}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

async fn finished(client: &Client, id: &str, count: usize) {
    let done = eventually(Duration::from_secs(60), "the task's end", async || {
        let found = task(client, id).await;
        if found["status"] == "running" {
            return Err(found.to_string());
        }
        Ok(found)
    })
    .await;
    assert_eq!(done["status"], "finished", "{done}");
    let counts = json!({"total": count, "sent": count, "withoutPayload": 0});
    assert_eq!(done["data"], counts);
}

/// Each event arrived once since the receiver works.
async fn each_once(receiver: &Receiver, count: usize) {
    receiver.wait_for("/hook", count, SOON).await;
    // A second delivery would come within moments.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for request in receiver.received("/hook") {
        let id = request.header("svix-id").unwrap().to_owned();
        *arrived.entry(id).or_default() += 1;
    }
    assert_eq!(arrived.len(), count);
    assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
}

#[tokio::test]
async fn a_recovered_endpoint_receives_each_failed_event_once() {
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::Status(500));
    let stack = Stack::start_with(failing_fast).await;
    let app = stack.client.application("acme").await;
    let (endpoint, _) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    exhaust(&stack.client, &producer, &endpoint, 25).await;

    receiver.clear();
    receiver.set("/hook", Behaviour::Status(200));
    let id = recover(&stack.client, &endpoint).await;
    finished(&stack.client, &id, 25).await;
    each_once(&receiver, 25).await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_api_goes_on_with_a_recovery_and_repeats_nothing() {
    const COUNT: usize = 60;
    let (nats, database, receiver) = tokio::join!(TestNats::start(), database(), Receiver::start());
    receiver.set("/hook", Behaviour::Status(500));
    let settings = failing_fast(Settings::new(&nats.url(), database.url()));
    let settings = settings.with("POSTHORN_API_REPLAY_RATE", "10");
    let mut fleet = Fleet::start(settings).await;
    let client = fleet.client();
    let app = client.application("acme").await;
    let (endpoint, _) = client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = Producer::connect(&nats.url()).await;
    exhaust(&client, &producer, &endpoint, COUNT).await;

    receiver.clear();
    receiver.set("/hook", Behaviour::Status(200));
    let id = recover(&client, &endpoint).await;
    // In the middle of a page, with pages before and after it.
    receiver.wait_for("/hook", 15, SOON).await;
    fleet.kill(Role::Api);
    fleet.restart(Role::Api).await;
    let after = task(&client, &id).await;
    assert_eq!(
        after["status"], "running",
        "it was killed too late: {after}"
    );
    finished(&client, &id, COUNT).await;
    each_once(&receiver, COUNT).await;
    fleet.stop().await;
}

#[tokio::test]
async fn what_was_called_off_ends_without_another_attempt_and_can_be_resent() {
    let receiver = Receiver::start().await;
    receiver.set(
        "/hook",
        Behaviour::with_headers(500, &[("x-shop", "closed")]),
    );
    let schedule = |settings: Settings| settings.with("POSTHORN_RETRY_SCHEDULE", "3s,3s");
    let stack = Stack::start_with(schedule).await;
    let app = stack.client.application("acme").await;
    let made = json!({"url": receiver.url("/hook"), "headers": {"X-Key-Token": "hush"}});
    let (endpoint, _) = stack.client.endpoint_with(&app, &made).await;
    let producer = stack.producer().await;
    let event = r#"{"id":"event_1","data":1}"#;
    producer.publish("posthorn.events.acme.a", event).await;

    let attempts = stack.client.attempts(&app, "event_1", 1).await;
    let attempt = text(&attempts[0]["id"]);
    let path = format!("/app/{app}/msg/event_1/attempt/{attempt}/headers");
    let headers = stack.client.get(&path).await.body;
    assert_eq!(headers["sentHeaders"]["svix-id"], "event_1", "{headers}");
    assert_eq!(headers["sensitive"], json!(["x-key-token"]));
    assert!(!headers.to_string().contains("hush"), "{headers}");
    let received = headers["responseHeaders"].as_array().unwrap();
    assert!(received.contains(&json!(["x-shop", "closed"])), "{headers}");

    let path = format!("/app/{app}/endpoint/{endpoint}");
    let before = json!({"createdBefore": now().to_rfc3339_micros()});
    let cancel = format!("{path}/cancel-msgs");
    assert_eq!(stack.client.post(&cancel, &before).await.status, 204);
    let ended = format!("{path}/msg?status=4&expanded_statuses=true");
    eventually(SOON, "the end in history", async || {
        let answer = stack.client.get(&ended).await;
        let found = answer.body["data"].as_array().map(Vec::len);
        (found == Some(1))
            .then_some(())
            .ok_or(format!("{answer:?}"))
    })
    .await;
    assert_eq!(receiver.count("/hook"), 1);

    let resend = format!("/app/{app}/msg/event_1/endpoint/{endpoint}/resend");
    assert_eq!(stack.client.post(&resend, &json!({})).await.status, 202);
    receiver.wait_for("/hook", 2, SOON).await;
    stack.stop().await;
}

#[tokio::test]
async fn a_fresh_event_overtakes_a_replay() {
    const REPLAYED: usize = 60;
    let receiver = Receiver::start().await;
    receiver.set("/hook", Behaviour::Status(500));
    let one_at_a_time = |settings| {
        failing_fast(settings)
            .with("POSTHORN_SENDER_ENDPOINT_IN_FLIGHT", "1")
            .with("POSTHORN_API_REPLAY_RATE", "1000")
    };
    let stack = Stack::start_with(one_at_a_time).await;
    let app = stack.client.application("acme").await;
    let (endpoint, _) = stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    exhaust(&stack.client, &producer, &endpoint, REPLAYED).await;

    receiver.clear();
    let slowly = Behaviour::Delay {
        wait: Duration::from_millis(100),
        then: Box::new(Behaviour::Status(200)),
    };
    receiver.set("/hook", slowly);
    let id = recover(&stack.client, &endpoint).await;
    finished(&stack.client, &id, REPLAYED).await;
    let replayed = receiver.count("/hook");
    assert!(replayed < REPLAYED / 2, "{replayed} were replayed already");
    let fresh = r#"{"id":"event_fresh","data":1}"#;
    producer.publish("posthorn.events.acme.a", fresh).await;
    receiver.wait_for("/hook", REPLAYED + 1, SOON).await;
    let arrived = receiver.received("/hook");
    let is_fresh = |request: &Arc<Received>| request.header("svix-id") == Some("event_fresh");
    let place = arrived.iter().position(is_fresh);
    let place = place.expect("the fresh event arrived");
    // Those that went out while it was on its way, which takes about one of them.
    assert!(
        place < replayed + 20,
        "{replayed} of the replay came before it was published, {place} in all"
    );
    each_once(&receiver, REPLAYED + 1).await;
    stack.stop().await;
}
