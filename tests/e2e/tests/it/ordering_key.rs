//! Events with an ordering key: those with the same one go out in order, the others beside them.

use std::collections::BTreeMap;
use std::time::Duration;

use posthorn_e2e::stack::database;
use posthorn_e2e::{Fleet, Producer, Role, Settings, Stack, report};
use posthorn_harness::{Behaviour, Receiver, TestNats, eventually};
use serde_json::{Value, json};

use crate::{SOON, WHOLE_MACHINE};

/// The numbers of the events that arrived, in order, repetitions included.
fn arrived(receiver: &Receiver) -> Vec<u64> {
    let number = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        body["data"]["n"].as_u64().unwrap()
    };
    let received = receiver.received("/hook");
    received.iter().map(|one| number(&one.body)).collect()
}

/// Waits until so many different events have arrived.
async fn all_of(receiver: &Receiver, count: usize) -> Vec<u64> {
    eventually(SOON, "all deliveries", async || {
        let numbers = arrived(receiver);
        let mut different = numbers.clone();
        different.sort_unstable();
        different.dedup();
        match different.len() {
            found if found == count => Ok(numbers),
            found => Err(format!("{found} of {count}")),
        }
    })
    .await
}

/// Has an event accepted: the order that counts is that of acceptance.
async fn publish(producer: &Producer, key: u64, number: u64) {
    let event =
        json!({"type": "a", "data": {"n": number}, "ordering_key": format!("document {key}")});
    let answer = producer
        .request("posthorn.publish.acme", event.to_string())
        .await;
    assert!(answer["id"].is_string(), "{answer}");
}

#[tokio::test]
async fn a_failing_delivery_holds_back_those_of_its_key_alone() {
    let receiver = Receiver::start().await;
    let stack =
        Stack::start_with(|settings| settings.with("POSTHORN_RETRY_SCHEDULE", "2s,2s")).await;
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let answers = [503, 200].map(Behaviour::Status).to_vec();
    receiver.set("/hook", Behaviour::Sequence(answers));
    let producer = stack.producer().await;
    publish(&producer, 1, 0).await;
    receiver.wait_for("/hook", 1, SOON).await;
    publish(&producer, 1, 1).await;
    publish(&producer, 2, 2).await;
    producer
        .publish("posthorn.events.acme.a", r#"{"data":{"n":3}}"#)
        .await;
    // With the second attempt of the first one.
    receiver.wait_for("/hook", 5, SOON).await;
    let numbers = arrived(&receiver);
    let mut beside = numbers[1..3].to_vec();
    beside.sort_unstable();
    assert_eq!(beside, [2, 3], "{numbers:?}");
    assert_eq!(numbers[3..], [0, 1], "{numbers:?}");

    let refused = producer
        .request(
            "posthorn.publish.acme",
            r#"{"type":"a","data":1,"ordering_key":""}"#,
        )
        .await;
    assert_eq!(refused["error"]["code"], "invalid_event", "{refused}");
    let message =
        json!({"eventType": "a", "payload": {"data": {"n": 4}}, "orderingKey": "document 1"});
    let path = format!("/app/{app}/msg");
    let accepted = stack.client.post(&path, &message).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    receiver.wait_for("/hook", 6, SOON).await;
    let bad = json!({"eventType": "a", "payload": {}, "orderingKey": "a\nb"});
    let refused = stack.client.post(&path, &bad).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_keys_order_is_kept_over_failures_and_crashes() {
    const KEYS: u64 = 7;
    let _machine = WHOLE_MACHINE.lock().await;
    let (nats, database, receiver) = tokio::join!(TestNats::start(), database(), Receiver::start());
    let settings = Settings::new(&nats.url(), database.url())
        .with("POSTHORN_RETRY_SCHEDULE", "50ms,100ms,200ms,400ms")
        .with("POSTHORN_BREAKER_OPEN", "0s");
    let mut fleet = Fleet::start(settings).await;
    let mut second_sender = fleet.another(Role::Sender);
    let _second_fanout = fleet.another(Role::Fanout);
    let client = fleet.client();
    let app = client.application("acme").await;
    client.endpoint(&app, &receiver.url("/hook")).await;
    // Every eleventh request fails, and the answers take their time.
    let answer = |request| Behaviour::Delay {
        wait: Duration::from_millis(8),
        then: Box::new(Behaviour::Status(if request % 11 == 10 {
            503
        } else {
            200
        })),
    };
    let mut answers: Vec<_> = (0..2_000).map(answer).collect();
    answers.push(Behaviour::Status(200));
    receiver.set("/hook", Behaviour::Sequence(answers));
    let producer = Producer::connect(&nats.url()).await;
    let mut next = 0;
    let mut some = async |more: u64| {
        for number in next..next + more {
            publish(&producer, number % KEYS, number).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        next += more;
    };
    some(300).await;
    fleet.kill(Role::Sender);
    fleet.kill(Role::Fanout);
    some(300).await;
    fleet.restart(Role::Fanout).await;
    fleet.restart(Role::Sender).await;
    some(300).await;
    second_sender.sigkill();
    some(300).await;
    let numbers = all_of(&receiver, 1_200).await;
    let mut of_key: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for number in &numbers {
        of_key.entry(number % KEYS).or_default().push(*number);
    }
    let mut repeated = 0;
    for (key, numbers) in of_key {
        assert!(numbers.is_sorted(), "document {key}: {numbers:?}");
        let mut different = numbers.clone();
        different.dedup();
        repeated += numbers.len() - different.len();
    }
    assert!(
        receiver.most_at_once("/hook") > 1,
        "keys wait for each other"
    );
    report(&format!(
        "ordering keys: 1200 events of {KEYS} keys, both senders and a fan-out killed meanwhile, \
         0 lost, 0 inversions, {repeated} requests were further attempts or repetitions"
    ));
    fleet.stop().await;
}
