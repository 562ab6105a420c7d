//! Outcomes seen the moment they are stored.

use std::time::Duration;

use posthorn_bus::Role;
use posthorn_event_schema::{Outcome, Timestamp};
use tokio::time::timeout;

use crate::samples;

const SOON: Duration = Duration::from_secs(30);

fn outcome(number: u8) -> Outcome {
    let Outcome::Fanout(mut verdict) = samples::fanout() else {
        panic!("no verdict");
    };
    verdict.part = u32::from(number);
    verdict.decided_at = Timestamp::from_unix_micros(i64::from(number));
    Outcome::Fanout(verdict)
}

#[tokio::test]
async fn a_stored_outcome_is_seen_once_with_its_place() {
    let (nats, bus) = crate::start().await;
    bus.publish_outcome(&outcome(1)).await.unwrap();
    let (mut live, last) = bus.live_outcomes().await.unwrap();
    assert_eq!(last, 1);
    let other = crate::connect(&nats).await;
    for number in [2, 2, 3] {
        other.publish_outcome(&outcome(number)).await.unwrap();
    }
    for (sequence, number) in [(2, 2), (3, 3)] {
        let seen = timeout(SOON, live.next()).await.unwrap().unwrap();
        assert_eq!(
            (seen.sequence, seen.outcomes),
            (sequence, vec![Some(outcome(number))])
        );
    }
    let more = timeout(Duration::from_millis(200), live.next()).await;
    assert!(more.is_err(), "what was stored once is seen once: {more:?}");
}

#[tokio::test]
async fn a_stream_of_an_older_build_begins_to_be_seen() {
    let (nats, bus) = crate::start().await;
    crate::samples::forget_republish(&nats).await;
    bus.publish_outcome(&outcome(1)).await.unwrap();
    bus.ensure(&Role::ALL).await.unwrap();
    let (mut live, last) = bus.live_outcomes().await.unwrap();
    bus.publish_outcome(&outcome(2)).await.unwrap();
    let seen = timeout(SOON, live.next()).await.unwrap().unwrap();
    assert_eq!(seen.sequence, last + 1);
}

#[tokio::test]
async fn outcomes_that_wait_together_travel_together_and_none_is_lost() {
    let (_nats, bus) = crate::start().await;
    let (mut live, _last) = bus.live_outcomes().await.unwrap();
    let all: Vec<_> = (0..200).map(outcome).collect();
    let stored = futures::future::join_all(all.iter().map(|one| bus.publish_outcome(one))).await;
    assert!(stored.iter().all(Result::is_ok));
    let (mut messages, mut seen) = (0, Vec::new());
    while seen.len() < all.len() {
        let next = timeout(SOON, live.next()).await.unwrap().unwrap();
        messages += 1;
        seen.extend(next.outcomes.into_iter().map(Option::unwrap));
    }
    assert_eq!(seen, all, "each once, in the order they came in");
    // The first goes alone; the others waited for its ack.
    assert!(messages < all.len() / 10, "{messages} messages");
}

#[tokio::test]
async fn no_outcome_is_said_to_be_stored_while_nobody_can_store_it() {
    let (mut nats, _bus) = crate::start().await;
    let mut config = posthorn_bus::BusConfig::for_url(&nats.url());
    config.publish_timeout = Duration::from_millis(300);
    let bus = posthorn_bus::Bus::connect(&config, "test").await.unwrap();
    nats.kill();
    let all: Vec<_> = (0..20).map(outcome).collect();
    let stored = futures::future::join_all(all.iter().map(|one| bus.publish_outcome(one))).await;
    assert!(
        stored
            .into_iter()
            .all(|stored| stored.unwrap_err().is_transient())
    );
}
