//! Outcomes seen the moment they are stored.

use std::time::Duration;

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
            (seen.sequence, seen.outcome),
            (sequence, Some(outcome(number)))
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
    bus.ensure().await.unwrap();
    let (mut live, last) = bus.live_outcomes().await.unwrap();
    bus.publish_outcome(&outcome(2)).await.unwrap();
    let seen = timeout(SOON, live.next()).await.unwrap().unwrap();
    assert_eq!(seen.sequence, last + 1);
}
