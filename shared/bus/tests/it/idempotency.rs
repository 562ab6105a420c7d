//! Idempotency keys: one winner, whoever tries and however often.

use std::collections::HashSet;

use posthorn_bus::idempotency::{Claim, Claimed};
use posthorn_event_schema::{EventId, Timestamp};

fn claim(event: &str) -> Claim {
    Claim {
        event: EventId::parse(event).unwrap(),
        accepted_at: Timestamp::from_unix_micros(1_700_000_000_000_000),
        digest: "d".to_owned(),
        published: false,
    }
}

#[tokio::test]
async fn of_many_concurrent_claims_one_wins_and_all_others_are_told_which() {
    let (nats, _bus) = crate::start().await;
    let attempts = futures::future::join_all((0..16).map(async |n| {
        let keys = crate::connect(&nats)
            .await
            .idempotency_keys()
            .await
            .unwrap();
        let ours = claim(&format!("event_{n}"));
        match keys.claim("00ff", &ours).await.unwrap() {
            Claimed::Ours(_) => (true, ours.event),
            Claimed::Taken(found, _) => (false, found.event),
        }
    }))
    .await;
    assert_eq!(attempts.iter().filter(|(won, _)| *won).count(), 1);
    assert_eq!(
        attempts
            .iter()
            .map(|(_, event)| event)
            .collect::<HashSet<_>>()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_claim_made_again_is_ours_and_a_mark_is_seen() {
    let (_nats, bus) = crate::start().await;
    let keys = bus.idempotency_keys().await.unwrap();
    let ours = claim("event_1");
    assert!(matches!(
        keys.claim("00ff", &ours).await.unwrap(),
        Claimed::Ours(_)
    ));
    let Claimed::Ours(mark) = keys.claim("00ff", &ours).await.unwrap() else {
        panic!("the same claim, made again, is not ours");
    };
    keys.mark_published(&mark, &ours).await.unwrap();
    let Claimed::Taken(found, _) = keys.claim("00ff", &claim("event_2")).await.unwrap() else {
        panic!("the key is free");
    };
    assert!(found.published);
    assert_eq!(found.event, ours.event);
}
