//! Several events in one message of EVENTS, and several jobs in one of JOBS.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use futures::StreamExt;
use futures::future::join_all;
use posthorn_bus::topology::{self, ACK_WAIT};
use posthorn_e2e::{Producer, Stack};
use posthorn_event_schema::batch::{self, Part};
use posthorn_event_schema::{Event, EventId, Shard, TraceHeaders, subject};
use posthorn_harness::{Behaviour, Receiver, eventually};
use serde_json::{Value, json};

use crate::SOON;

const EVENTS: usize = 100;

/// Everything that comes to EVENTS from now on.
async fn tap(producer: &Producer) -> PullConsumer {
    let stream = producer.jetstream().get_stream("EVENTS").await.unwrap();
    let config = pull::Config {
        ack_policy: AckPolicy::None,
        ..pull::Config::default()
    };
    // EVENTS keeps what an interested consumer has not acked, so it sees all.
    stream.create_consumer(config).await.unwrap()
}

/// The events of each message that came, until there are `count`.
async fn messages(tap: &PullConsumer, count: usize) -> Vec<Vec<Event>> {
    let mut incoming = tap.messages().await.unwrap();
    let mut found = Vec::new();
    while found.iter().map(Vec::len).sum::<usize>() < count {
        let message = tokio::time::timeout(SOON, incoming.next()).await;
        let message = message.expect("a message").unwrap().unwrap();
        let parts = batch::split(&message.payload).unwrap();
        found.push(
            parts
                .iter()
                .map(|part| Event::decode(&part.frame).unwrap())
                .collect(),
        );
    }
    found
}

async fn left_in(producer: &Producer, stream: &str) -> (u64, u64) {
    let mut stream = producer.jetstream().get_stream(stream).await.unwrap();
    let state = &stream.info().await.unwrap().state;
    (state.messages, state.last_sequence)
}

/// The same of all of JOBS.
async fn jobs_left(producer: &Producer) -> (u64, u64) {
    let (mut left, mut made) = (0, 0);
    for shard in Shard::ALL {
        let own = left_in(producer, topology::Stream::Jobs(shard).name()).await;
        left += own.0;
        made += own.1;
    }
    (left, made)
}

fn number(body: &[u8]) -> u64 {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["data"]["n"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_at_once_share_messages_and_reach_everybody_once_and_in_order() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    let ordered = json!({"url": receiver.url("/ordered"), "fifo": true});
    stack.client.endpoint_with(&app, &ordered).await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    let producer = stack.producer().await;
    let tap = tap(&producer).await;
    let requests = (0..EVENTS).map(|number| {
        let mut event = json!({"type": "a", "data": {"n": number}});
        if number % 2 == 0 {
            // A key stands for it.
            event["id"] = format!("own-{number}").into();
        }
        producer.request("posthorn.publish.acme", event.to_string())
    });
    for answer in join_all(requests).await {
        assert!(answer["id"].is_string(), "{answer}");
    }
    let messages = messages(&tap, EVENTS).await;
    assert!(messages.len() < EVENTS, "none shared a message");
    let with_key = |event: &Event| event.meta.id.as_str().starts_with("own-");
    let shared = messages.iter().filter(|events| events.len() > 1).flatten();
    assert!(
        shared.filter(|event| with_key(event)).count() > 1,
        "none with a key did"
    );
    let order: Vec<u64> = messages
        .iter()
        .flatten()
        .map(|event| number(&event.body))
        .collect();

    receiver.wait_for("/hook", EVENTS, SOON).await;
    receiver.wait_for("/ordered", EVENTS, SOON).await;
    let arrived = |path| -> Vec<u64> {
        let received = receiver.received(path);
        received.iter().map(|one| number(&one.body)).collect()
    };
    assert_eq!(arrived("/ordered"), order);
    let (mut everybody, mut all) = (arrived("/hook"), order);
    everybody.sort_unstable();
    all.sort_unstable();
    assert_eq!(everybody, all);
    let (_, jobs) = jobs_left(&producer).await;
    assert!(jobs < 2 * EVENTS as u64, "no jobs shared a message: {jobs}");
    for event in messages.iter().flatten() {
        stack.client.attempts(&app, event.meta.id.as_str(), 2).await;
    }
    stack.stop().await;
}

/// As ingest may have published them before it died, and again when it had come back.
#[tokio::test]
async fn an_event_that_was_stored_twice_is_delivered_once() {
    let (stack, receiver) = tokio::join!(Stack::start(), Receiver::start());
    let app = stack.client.application("acme").await;
    stack.client.endpoint(&app, &receiver.url("/hook")).await;
    // Some are in flight when they come the second time, and some have ended.
    let slow = Behaviour::Delay {
        wait: Duration::from_secs(1),
        then: Box::new(Behaviour::Status(200)),
    };
    receiver.set(
        "/hook",
        Behaviour::Sequence(vec![Behaviour::Status(200), slow]),
    );
    let producer = stack.producer().await;
    let tap = tap(&producer).await;
    let first = json!({"type": "a", "data": {"n": 0}}).to_string();
    producer.request("posthorn.publish.acme", first).await;
    let like = messages(&tap, 1).await.remove(0).remove(0);
    receiver.wait_for("/hook", 1, SOON).await;

    let part = |id: &str| {
        let mut event = like.clone();
        event.meta.id = EventId::parse(id).unwrap();
        Part {
            trace: TraceHeaders::default(),
            frame: event.encode(),
        }
    };
    let one = part(like.meta.id.as_str());
    for together in [
        vec![one.clone(), part("event_2"), part("event_3")],
        vec![part("event_3"), one, part("event_4")],
        vec![part("event_4"), part("event_2")],
    ] {
        let message = batch::join(&together);
        let published = producer
            .jetstream()
            .publish(subject::EVENTS_TOGETHER, message);
        published.await.unwrap().await.unwrap();
    }
    eventually(
        SOON + ACK_WAIT * 2,
        "nothing left to do",
        async || match jobs_left(&producer).await {
            (0, made) if made >= 4 => Ok(()),
            left => Err(format!("{left:?} jobs")),
        },
    )
    .await;
    assert_eq!(receiver.count("/hook"), 4);
    for id in ["event_2", "event_3", "event_4"] {
        stack.client.attempts(&app, id, 1).await;
    }
    stack.stop().await;
}
