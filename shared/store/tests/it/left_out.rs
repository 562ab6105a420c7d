//! Whom an event left out: named one by one as long as they are few, else as a roster.

use std::time::Instant;

use posthorn_event_schema::{
    EndpointId, EndpointVerdict, Event, Mismatch, Outcome, Timestamp, Verdict,
};
use posthorn_store::history::{Concerned, Content, FanoutDecision, day_of};
use posthorn_store::{Page, Position, Store};

use crate::sample::{application, by_roster, endpoint, event, now, store, verdict};

async fn decided(store: &Store, event: &Event, page: &Page<EndpointId>) -> Vec<FanoutDecision> {
    let (app, id) = (application(), &event.meta.id);
    let stored = store.event(&app, id, Content::Skip).await.unwrap().unwrap();
    let decisions = store.fanout_decisions(&stored.place(), page).await;
    decisions.unwrap().items
}

/// A decision with every reason in it.
fn mixed(event: &Event) -> Outcome {
    let mut outcome = verdict(event, &["b"], &["a", "c", "d", "e"]);
    if let Outcome::Fanout(verdict) = &mut outcome {
        verdict
            .endpoints
            .sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        for (decision, reason) in verdict.endpoints[2..].iter_mut().zip([
            Mismatch::EventType,
            Mismatch::EventType,
            Mismatch::Disabled,
        ]) {
            decision.verdict = Verdict::NotMatched { reason };
        }
    }
    outcome
}

#[tokio::test]
async fn a_roster_tells_the_same_as_names_and_may_come_later_than_what_counts_on_it() {
    let (_database, store) = store().await;
    let events = [1, 2, 3].map(|number| event(now(), number));
    store.write_events(&events).await.unwrap();
    let [named, known, brought] = &events;
    store.write_outcomes(&[mixed(named)]).await.unwrap();
    // Twice, and before the roster.
    let counting_on_it = [by_roster(&mixed(known), false)];
    store.write_outcomes(&counting_on_it).await.unwrap();
    store.write_outcomes(&counting_on_it).await.unwrap();
    let page = Page::first(10);
    assert_eq!(decided(&store, known, &page).await.len(), 1, "who matched");
    let bringing_it = [by_roster(&mixed(brought), true)];
    store.write_outcomes(&bringing_it).await.unwrap();
    store.write_outcomes(&bringing_it).await.unwrap();

    let told = |decisions: Vec<FanoutDecision>| -> Vec<_> {
        let told = decisions.into_iter();
        told.map(|decision| EndpointVerdict {
            endpoint: decision.endpoint,
            verdict: decision.verdict,
        })
        .collect()
    };
    let Outcome::Fanout(expected) = mixed(named) else {
        panic!("no decision");
    };
    for event in &events {
        assert_eq!(
            told(decided(&store, event, &page).await),
            expected.endpoints
        );
    }
    let after = Page {
        position: Position::Following(endpoint("b")),
        ..Page::first(2)
    };
    let second = told(decided(&store, known, &after).await);
    assert_eq!(second, expected.endpoints[2..4]);

    // The explanation has them all, whatever the application has now.
    let app = application();
    let stored = store.event(&app, &known.meta.id, Content::Skip).await;
    let place = stored.unwrap().unwrap().place();
    let (all, delivered) = (
        expected.endpoints.clone(),
        expected.endpoints[1..2].to_vec(),
    );
    let others = [&all[..1], &all[2..]].concat();
    for (which, expected) in [
        (Concerned::All, all),
        (Concerned::Receivers, delivered),
        (Concerned::Others, others),
    ] {
        let explained = store.endpoints_of_event(&place, which, &page).await;
        let explained = explained.unwrap().items.into_iter();
        let explained: Vec<_> = explained
            .map(|one| EndpointVerdict {
                endpoint: one.endpoint,
                verdict: one.decision.unwrap().0,
            })
            .collect();
        assert_eq!(explained, expected, "{which:?}");
    }
}

#[tokio::test]
async fn of_two_decisions_about_one_event_the_earlier_stands_however_each_is_told() {
    let event = event(now(), 1);
    let earlier = by_roster(&verdict(&event, &[], &["a", "b"]), true);
    let mut later = verdict(&event, &[], &["c"]);
    if let Outcome::Fanout(verdict) = &mut later {
        let micros = event.meta.accepted_at.as_unix_micros() + 9;
        verdict.decided_at = Timestamp::from_unix_micros(micros);
    }
    for order in [[&earlier, &later], [&later, &earlier]] {
        let (_database, store) = store().await;
        store
            .write_events(std::slice::from_ref(&event))
            .await
            .unwrap();
        for outcome in order {
            store
                .write_outcomes(std::slice::from_ref(outcome))
                .await
                .unwrap();
        }
        let decided = decided(&store, &event, &Page::first(10)).await;
        let names: Vec<_> = decided.iter().map(|one| one.endpoint.as_str()).collect();
        assert_eq!(names, ["ep_a", "ep_b"]);
    }
}

/// An endpoint's id as it is made, with a random part that cannot be compressed.
fn made(n: u64) -> EndpointId {
    let mut state = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let random = std::array::from_fn(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    });
    let micros = 1_700_000_000_000_000 + i64::try_from(n).unwrap() * 5_000;
    EndpointId::generate(Timestamp::from_unix_micros(micros), random)
}

#[tokio::test]
async fn a_thousand_endpoints_left_out_cost_an_event_a_few_bytes() {
    const SIZE: &str = "SELECT sum(pg_total_relation_size(inhrelid))::text FROM pg_inherits \
        WHERE inhparent IN ('fanouts'::regclass, 'fanout_rosters'::regclass)";
    let reason = Mismatch::EventType;
    let decisions = |matched: u64| {
        let decision = |n| EndpointVerdict {
            endpoint: made(n),
            verdict: if n == matched {
                Verdict::Matched
            } else {
                Verdict::NotMatched { reason }
            },
        };
        (0..1_000).map(decision).collect::<Vec<_>>()
    };
    let named: Vec<_> = (0_u8..200)
        .map(|n| {
            let mut outcome = verdict(&event(now(), n), &[], &[]);
            if let Outcome::Fanout(verdict) = &mut outcome {
                verdict.endpoints = decisions(u64::from(n) * 5);
            }
            outcome
        })
        .collect();
    let told = named.iter().enumerate();
    let told: Vec<_> = told.map(|(n, one)| by_roster(one, n == 0)).collect();
    let mut bytes = Vec::new();
    for (form, outcomes) in [("by name", named), ("as a roster", told)] {
        let (database, store) = store().await;
        let days = [day_of(now())].into();
        store.ensure_days(&days).await.unwrap();
        let empty: u64 = database.sql(SIZE).await[0][0].parse().unwrap();
        let begun = Instant::now();
        store.write_outcomes(&outcomes).await.unwrap();
        let took = begun.elapsed();
        let size: u64 = database.sql(SIZE).await[0][0].parse().unwrap();
        let wire: usize = outcomes.iter().map(|one| one.encode().len()).sum();
        bytes.push((size - empty, wire));
        eprintln!(
            "{form}: {} bytes of history and {} bytes on the wire an event, written in {took:?}",
            (size - empty) / 200,
            wire / 200
        );
    }
    let [(named, named_wire), (told, told_wire)] = bytes[..] else {
        panic!("two forms");
    };
    assert!(told * 30 < named, "{told} and {named} bytes");
    assert!(told_wire * 30 < named_wire, "{told_wire} and {named_wire}");
}
