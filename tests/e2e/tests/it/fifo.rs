//! Endpoints that get their deliveries in order, one at a time.

use std::time::Duration;

use futures::future::try_join_all;
use posthorn_e2e::stack::database;
use posthorn_e2e::{Client, Fleet, Producer, Role, Settings, Stack, report};
use posthorn_event_schema::{ApplicationId, Event, subject};
use posthorn_harness::{Behaviour, Receiver, TestNats, eventually};
use posthorn_ingest::config::DEFAULT_ORGANIZATION;
use serde_json::{Value, json};

use crate::{SOON, WHOLE_MACHINE};

/// The numbers that arrived, in order, repetitions included.
fn arrived(receiver: &Receiver) -> Vec<u64> {
    let number = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        body["data"]["n"].as_u64().unwrap()
    };
    let received = receiver.received("/hook");
    received.iter().map(|one| number(&one.body)).collect()
}

/// Waits until the numbers below `count` have arrived and been answered.
async fn all_of(receiver: &Receiver, count: u64) -> Vec<u64> {
    eventually(SOON, "all deliveries", async || {
        let numbers = arrived(receiver);
        match numbers.last() {
            Some(last) if last + 1 == count => Ok(numbers),
            last => Err(format!("{} requests, the last is {last:?}", numbers.len())),
        }
    })
    .await
}

/// Checks that nothing came before what belongs before it, and nothing is missing; returns how many
/// requests were repetitions.
fn assert_order(numbers: &[u64], count: u64) -> usize {
    let inversions: Vec<_> = numbers.windows(2).filter(|two| two[0] > two[1]).collect();
    assert!(inversions.is_empty(), "{inversions:?} of {numbers:?}");
    let mut different = numbers.to_vec();
    different.dedup();
    assert_eq!(different, (0..count).collect::<Vec<_>>());
    numbers.len() - different.len()
}

async fn in_order(client: &Client, receiver: &Receiver) -> (String, String) {
    let app = client.application("acme").await;
    let settings = json!({"url": receiver.url("/hook"), "fifo": true});
    let (endpoint, _) = client.endpoint_with(&app, &settings).await;
    (app, endpoint)
}

/// Has an event accepted: the order that counts is that of acceptance.
async fn publish(producer: &Producer, number: u64) {
    let event = format!(r#"{{"type":"a","data":{{"n":{number}}}}}"#);
    let answer = producer.request("posthorn.publish.acme", event).await;
    assert!(answer["id"].is_string(), "{answer}");
}

#[tokio::test]
async fn each_waits_until_the_one_before_it_has_ended() {
    let receiver = Receiver::start().await;
    let stack = Stack::start_with(|settings| {
        settings
            .with("POSTHORN_RETRY_SCHEDULE", "100ms,150ms")
            .with("POSTHORN_BREAKER_OPEN", "0s")
    })
    .await;
    let (app, endpoint) = in_order(&stack.client, &receiver).await;
    // Every fifth request fails, and in the middle one delivery for good.
    let mut answers = Vec::new();
    for request in 0..100 {
        let fails = request % 5 == 4 || (50..53).contains(&request);
        answers.push(Behaviour::Status(if fails { 503 } else { 200 }));
    }
    answers.push(Behaviour::Status(200));
    receiver.set("/hook", Behaviour::Sequence(answers));
    let producer = stack.producer().await;
    for number in 0..120 {
        publish(&producer, number).await;
    }
    let numbers = all_of(&receiver, 120).await;
    let repeated = assert_order(&numbers, 120);
    assert_eq!(repeated, 22, "each failure but the one that was the last");
    assert_eq!(receiver.most_at_once("/hook"), 1);

    let path = format!("/app/{app}/endpoint/{endpoint}");
    let unaware = json!({"url": receiver.url("/hook"), "description": "by another client"});
    let put = stack.client.request("PUT", &path).json(&unaware);
    let put = Client::send(put).await;
    assert_eq!(put.body["fifo"], json!(true), "{put:?}");
    let off = stack.client.request("PATCH", &path);
    let off = Client::send(off.json(&json!({"fifo": false}))).await;
    assert_eq!(off.body["fifo"], json!(false), "{off:?}");
    stack.stop().await;
}

/// Two fan-outs have many messages in hand at a time, and jobs of one endpoint wait for each other.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_kept_when_events_come_at_once() {
    const EVENTS: u64 = 600;
    let _machine = WHOLE_MACHINE.lock().await;
    let (nats, database, receiver) = tokio::join!(TestNats::start(), database(), Receiver::start());
    let settings = Settings::new(&nats.url(), database.url());
    let fleet = Fleet::start(settings).await;
    let _second_fanout = fleet.another(Role::Fanout);
    let (app, _endpoint) = in_order(&fleet.client(), &receiver).await;
    let application = ApplicationId::parse(&app).unwrap();
    let jetstream = Producer::connect(&nats.url()).await.jetstream().clone();
    // Each a message of EVENTS by itself, whose order there is theirs.
    let mut acks = Vec::new();
    for number in 0..EVENTS {
        let payload = event(&app, number).encode();
        let ack = jetstream.publish(subject::event(&application), payload);
        acks.push(ack.await.unwrap().into_future());
    }
    try_join_all(acks).await.unwrap();
    let numbers = all_of(&receiver, EVENTS).await;
    assert_eq!(assert_order(&numbers, EVENTS), 0);
    assert_eq!(receiver.most_at_once("/hook"), 1);
    fleet.stop().await;
}

fn event(app: &str, number: u64) -> Event {
    let meta = json!({
        "v": 1,
        "id": format!("event_{number}"),
        "organization": DEFAULT_ORGANIZATION,
        "application": app,
        "type": "a",
        "accepted_at": posthorn_e2e::settings::now().as_unix_micros(),
        "retention_hours": 1,
    });
    Event {
        meta: serde_json::from_value(meta).unwrap(),
        body: format!(r#"{{"data":{{"n":{number}}}}}"#).into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_kept_over_failures_and_crashes() {
    let _machine = WHOLE_MACHINE.lock().await;
    let (nats, database, receiver) = tokio::join!(TestNats::start(), database(), Receiver::start());
    let settings = Settings::new(&nats.url(), database.url());
    let mut fleet = Fleet::start(settings).await;
    let mut second_sender = fleet.another(Role::Sender);
    let _second_fanout = fleet.another(Role::Fanout);
    in_order(&fleet.client(), &receiver).await;
    receiver.set(
        "/hook",
        Behaviour::Delay {
            wait: Duration::from_millis(3),
            then: Box::new(Behaviour::Status(200)),
        },
    );
    let producer = Producer::connect(&nats.url()).await;
    let mut next = 0;
    let mut some = async |more: u64| {
        for number in next..next + more {
            publish(&producer, number).await;
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
    let repeated = assert_order(&numbers, 1_200);
    assert_eq!(receiver.most_at_once("/hook"), 1);
    report(&format!(
        "fifo: 1200 events, both senders and a fan-out killed meanwhile, 0 lost, 0 inversions, \
         {repeated} repeated"
    ));
    fleet.stop().await;
}
