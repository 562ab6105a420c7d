//! A consumer read in batches.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use posthorn_bus::batches::Limits;
use posthorn_bus::topology::Reader;
use posthorn_bus::{Batches, Bus, Role};
use posthorn_event_schema::{Event, EventId, FanoutVerdict, Outcome};
use posthorn_harness::TestNats;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::{SOON, samples};

/// Longer than any test waits.
const NEVER: Duration = Duration::from_secs(600);

fn limits(messages: usize, age: Duration) -> Limits {
    Limits {
        messages,
        bytes: 16 * 1024 * 1024,
        age,
    }
}

async fn publish(bus: &Bus, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let event = samples::event(&format!("event_{number}"));
        bus.publish_event(&event).await.unwrap();
    }
}

/// The events of the next batch, which is acked.
async fn next(batches: &mut Batches, limits: Limits) -> Vec<String> {
    let batch = timeout(SOON, batches.next(limits)).await.expect("a batch");
    let mut ids = Vec::new();
    for message in batch {
        assert_eq!(message.delivered(), 1);
        let event = Event::decode(message.payload()).unwrap();
        ids.push(event.meta.id.to_string());
        message.ack().await;
    }
    ids
}

fn ids(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("event_{number}")).collect()
}

#[tokio::test]
async fn a_batch_holds_what_came_while_its_first_message_waited() {
    let (_nats, bus) = crate::start().await;
    let mut batches = bus.batches(Reader::RecorderEvents).await.unwrap();
    let late = async {
        // The pull stands by then.
        tokio::time::sleep(Duration::from_millis(200)).await;
        publish(&bus, 0..5).await;
    };
    let age = Duration::from_secs(2);
    let (found, ()) = tokio::join!(next(&mut batches, limits(10, age)), late);
    assert_eq!(found, ids(0..5));
    let begun = Instant::now();
    publish(&bus, 5..6).await;
    assert_eq!(next(&mut batches, limits(10, age)).await, ids(5..6));
    assert!(begun.elapsed() >= age, "after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_full_batch_waits_for_nothing() {
    let (_nats, bus) = crate::start().await;
    publish(&bus, 0..7).await;
    let mut batches = bus.batches(Reader::RecorderEvents).await.unwrap();
    let mut found = next(&mut batches, limits(3, NEVER)).await;
    found.extend(next(&mut batches, limits(3, NEVER)).await);
    assert_eq!(found, ids(0..6));
    let most = Limits {
        bytes: 1,
        ..limits(3, NEVER)
    };
    let large = vec![b'x'; bus.max_message_bytes() / 2];
    for number in [7, 8, 9] {
        let mut event = samples::event(&format!("event_{number}"));
        event.body = large.clone().into();
        bus.publish_event(&event).await.unwrap();
    }
    // As many bytes as two of the largest messages, and not as few as it says.
    assert_eq!(next(&mut batches, most).await, ids(6..9));
    assert_eq!(next(&mut batches, limits(1, NEVER)).await, ids(9..10));
}

#[tokio::test]
async fn two_readers_share_what_comes_and_miss_nothing() {
    let (_nats, bus) = crate::start().await;
    let (found, mut all) = unbounded_channel();
    let limits = limits(10, Duration::from_millis(10));
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        let mut batches = bus.batches(Reader::RecorderEvents).await.unwrap();
        let found = found.clone();
        readers.spawn(async move {
            loop {
                for message in batches.next(limits).await {
                    let event = Event::decode(message.payload()).unwrap();
                    found.send((message.delivered(), event.meta.id)).unwrap();
                    message.ack().await;
                }
            }
        });
    }
    publish(&bus, 0..200).await;
    let mut ids = BTreeSet::new();
    while ids.len() < 200 {
        let one = timeout(SOON, all.recv()).await.expect("another one");
        let (delivered, id) = one.unwrap();
        assert_eq!(delivered, 1);
        assert!(ids.insert(id), "twice");
    }
}

#[tokio::test]
async fn it_goes_on_after_a_restart_of_nats_which_forgets_the_consumer() {
    let mut nats = TestNats::start().await;
    let bus = crate::connect(&nats).await;
    bus.ensure(&Role::ALL).await.unwrap();
    let mut batches = bus.batches(Reader::RecorderOutcomes).await.unwrap();
    let [before, after] = ["event_1", "event_2"].map(|id| {
        let Outcome::Fanout(verdict) = samples::fanout() else {
            unreachable!("a decision");
        };
        Outcome::Fanout(FanoutVerdict {
            event: EventId::parse(id).unwrap(),
            ..verdict
        })
    });
    let limits = limits(10, Duration::from_millis(10));
    bus.publish_outcome(&before).await.unwrap();
    let first = timeout(SOON, batches.next(limits)).await.expect("a batch");
    assert_eq!(first.len(), 1);
    first[0].ack().await;
    let (second, ()) = tokio::join!(timeout(SOON, batches.next(limits)), async {
        nats.kill();
        nats.restart().await;
        while bus.publish_outcome(&after).await.is_err() {}
    });
    assert!(!second.expect("a batch").is_empty());
}
