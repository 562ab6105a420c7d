//! Idempotency keys: one winner, whoever tries and however often.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::future::join_all;
use posthorn_bus::idempotency::{Claim, Claimed};
use posthorn_bus::topology::Bucket;
use posthorn_bus::{Bus, BusConfig, BusError, Role};
use posthorn_event_schema::{EventId, Shard, Timestamp};
use posthorn_harness::{TestNats, eventually};
use tokio::time::Instant;

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
    let attempts = join_all((0..16).map(async |n| {
        let keys = crate::connect(&nats)
            .await
            .idempotency_keys()
            .await
            .unwrap();
        let ours = claim(&format!("event_{n}"));
        match keys.claim("00ff", &ours).await.unwrap() {
            Claimed::Ours(_) => (true, ours.event),
            Claimed::Taken(found, _) => (false, found.event),
            Claimed::Again(_) => panic!("nobody claims twice"),
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
    let first = keys.claim("00ff", &ours).await.unwrap();
    assert!(matches!(first, Claimed::Ours(_)), "{first:?}");
    let Claimed::Again(mark) = keys.claim("00ff", &ours).await.unwrap() else {
        panic!("the same claim, made again, is not ours");
    };
    keys.mark_published(&mark, &ours, false).await.unwrap();
    let Claimed::Taken(found, _) = keys.claim("00ff", &claim("event_2")).await.unwrap() else {
        panic!("the key is free");
    };
    assert!(found.published);
    assert_eq!(found.event, ours.event);
}

#[tokio::test]
async fn marks_of_many_keys_share_messages_and_everybody_sees_them() {
    const KEYS: usize = 300;
    let (nats, bus) = crate::start().await;
    let keys = bus.idempotency_keys().await.unwrap();
    let claims = (0..KEYS).map(|n| (format!("{n:04x}"), claim(&format!("event_{n}"))));
    let claimed =
        join_all(claims.map(
            async |(key, claim)| match keys.claim(&key, &claim).await.unwrap() {
                Claimed::Ours(mark) => (key, mark, claim),
                other => panic!("{other:?}"),
            },
        ))
        .await;
    // All but one of them are stored.
    let (left, stored) = claimed.split_first().unwrap();
    let marking = stored
        .iter()
        .map(|(_, mark, claim)| keys.mark_published(mark, claim, false));
    for marked in join_all(marking).await {
        marked.unwrap();
    }
    let other = crate::connect(&nats)
        .await
        .idempotency_keys()
        .await
        .unwrap();
    for (key, _, claim) in stored {
        let (found, _) = other.look(key).await.unwrap().unwrap();
        assert!(found.published, "{found:?}");
        assert_eq!(found.event, claim.event);
    }
    let (found, mark) = other.look(&left.0).await.unwrap().unwrap();
    assert!(!found.published, "{found:?}");
    // Somebody else had it stored: the claim itself says so then.
    other.mark_published(&mark, &found, false).await.unwrap();
    let (found, _) = keys.look(&left.0).await.unwrap().unwrap();
    assert!(found.published, "{found:?}");

    let jetstream = async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let mut made = 0;
    for shard in Shard::ALL {
        let stream = Bucket::Idempotency(shard).stream_name();
        let stream = jetstream.get_stream(stream).await.unwrap();
        let stored = usize::try_from(stream.cached_info().state.last_sequence).unwrap();
        assert!(stored > KEYS / 5, "{stored} in {shard}");
        made += stored;
    }
    assert!(made < KEYS + KEYS / 4, "{made} messages for {KEYS} keys");
}

#[tokio::test]
async fn of_claims_that_come_at_once_each_hears_of_its_own() {
    const KEYS: usize = 500;
    let (nats, bus) = crate::start().await;
    let keys = bus.idempotency_keys().await.unwrap();
    let other = crate::connect(&nats)
        .await
        .idempotency_keys()
        .await
        .unwrap();
    let name = |n: usize| format!("{n:04x}");
    let of = |n: usize| claim(&format!("event_{n}"));
    for taken in [[].as_slice(), &[KEYS + 100, KEYS + 400]] {
        for n in taken {
            let theirs = other
                .claim(&name(*n), &claim("event_theirs"))
                .await
                .unwrap();
            assert!(matches!(theirs, Claimed::Ours(_)), "{theirs:?}");
        }
        // Each twice: by two callers of this process.
        let base = if taken.is_empty() { 0 } else { KEYS };
        let claiming = (base..base + KEYS).flat_map(|n| [n, n]);
        let claimed = claiming.map(async |n| (n, keys.claim(&name(n), &of(n)).await.unwrap()));
        let (mut ours, mut again) = (HashMap::new(), HashSet::new());
        for (n, claimed) in join_all(claimed).await {
            match claimed {
                Claimed::Ours(mark) => assert!(ours.insert(n, mark).is_none(), "{n} twice"),
                Claimed::Again(_) => assert!(again.insert(n), "{n} never"),
                Claimed::Taken(found, _) => {
                    assert_eq!(found.event.as_str(), "event_theirs");
                    assert!(taken.contains(&n), "{n}");
                }
            }
        }
        assert_eq!(ours.len(), KEYS - taken.len());
        assert_eq!(again.len(), KEYS - taken.len());
        // The revision that each heard is that of its own claim.
        for (n, mark) in ours {
            let changed = Claim {
                digest: "other".to_owned(),
                ..of(n)
            };
            keys.replace(&mark, &changed).await.unwrap();
            let (found, _) = other.look(&name(n)).await.unwrap().unwrap();
            assert_eq!(found, changed);
        }
    }
}

/// There was one bucket then.
#[tokio::test]
async fn what_an_earlier_build_claimed_and_marked_counts() {
    let nats = TestNats::start().await;
    let jetstream = async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let config = async_nats::jetstream::kv::Config {
        bucket: "idempotency".to_owned(),
        ..Default::default()
    };
    let bucket = jetstream.create_key_value(config).await.unwrap();
    let value = |published| {
        format!(
            r#"{{"event":"event_1","accepted_at":1700000000000000,"digest":"d","published":{published}}}"#
        )
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    let bus = crate::connect(&nats).await;
    bus.ensure(&Role::ALL).await.unwrap();
    let keys = bus.idempotency_keys().await.unwrap();
    // One for each bucket.
    for key in ["00fc", "00fd", "00fe", "00ff"] {
        for published in [false, true] {
            bucket.put(key, value(published).into()).await.unwrap();
            let expected = Claim {
                published,
                ..claim("event_1")
            };
            let (found, mark) = keys.look(key).await.unwrap().unwrap();
            assert_eq!(found, expected);
            let ours = claim("event_2");
            let Claimed::Taken(found, _) = keys.claim(key, &ours).await.unwrap() else {
                panic!("{key} is free");
            };
            assert_eq!(found, expected);
            keys.mark_published(&mark, &found, false).await.unwrap();
            let (found, _) = keys.look(key).await.unwrap().unwrap();
            assert!(found.published, "{found:?}");
        }
    }
    let free = keys.claim("00fb", &claim("event_2")).await.unwrap();
    assert!(matches!(free, Claimed::Ours(_)), "{free:?}");
}

#[tokio::test]
async fn marks_survive_an_outage_and_whoever_waits_hears_of_it_in_time() {
    let (mut nats, _bus) = crate::start().await;
    let mut config = BusConfig::for_url(&nats.url());
    config.publish_timeout = Duration::from_secs(2);
    let bus = Bus::connect(&config, "test").await.unwrap();
    let keys = bus.idempotency_keys().await.unwrap();
    let mut claimed = Vec::new();
    for n in 0..3 {
        let ours = claim(&format!("event_{n}"));
        match keys.claim(&format!("{n:04x}"), &ours).await.unwrap() {
            Claimed::Ours(mark) => claimed.push((mark, ours)),
            other => panic!("{other:?}"),
        }
    }
    nats.kill();
    let begun = Instant::now();
    // The first is being written while the others wait.
    let marking = claimed
        .iter()
        .zip([0, 100, 200])
        .map(async |((mark, ours), late)| {
            tokio::time::sleep(Duration::from_millis(late)).await;
            let error = keys.mark_published(mark, ours, true).await.unwrap_err();
            (error, begun.elapsed())
        });
    for (error, after) in join_all(marking).await {
        assert!(matches!(error, BusError::Request { .. }), "{error}");
        assert!(after < config.publish_timeout * 3 / 2, "{after:?}");
    }
    // Nobody knows what became of the page, so the claims themselves are marked.
    nats.restart().await;
    for (mark, ours) in &claimed {
        eventually(crate::SOON, "a mark", async || {
            let marked = keys.mark_published(mark, ours, true).await;
            marked.map_err(|error| error.to_string())
        })
        .await;
    }
    let client = async_nats::connect(nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    for n in 0..3 {
        let bucket = Bucket::Idempotency(Shard::ALL[n]).name();
        let bucket = jetstream.get_key_value(bucket).await.unwrap();
        let value = bucket.get(format!("{n:04x}")).await.unwrap().unwrap();
        let value = String::from_utf8_lossy(&value);
        assert!(value.contains(r#""published":true"#), "{value}");
    }
}
