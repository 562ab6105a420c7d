//! History: written twice, in any order, and read back.

use std::time::Duration;

use posthorn_event_schema::{
    AttemptRecord, DeliveryId, Event, EventType, Outcome, Progress, RunId, Verdict,
};
use posthorn_store::history::{
    AttemptFilter, Body, Content, DeliveryState, EndpointEventFilter, EventFilter, Fate, Replay,
    ReplayPosition, StoredDelivery, StoredEvent, StoredHeaders, day_of,
};
use posthorn_store::{Page, Position, Store};

use crate::sample::{application, attempt, endpoint, event, now, store, verdict};

async fn only_event(store: &Store) -> StoredEvent {
    let page = Page::first(10);
    let filter = EventFilter::default();
    let slice = store
        .list_events(&application(), &filter, Content::Read, &page)
        .await
        .unwrap();
    assert_eq!(slice.items.len(), 1);
    slice.items.into_iter().next().unwrap()
}

async fn deliveries(store: &Store, event: &StoredEvent) -> Vec<StoredDelivery> {
    let page = Page::first(10);
    store
        .deliveries_of_event(&event.place(), &page)
        .await
        .unwrap()
        .items
}

#[tokio::test]
async fn writing_events_twice_changes_nothing() {
    let (_database, store) = store().await;
    let event = event(now(), 1);
    assert_eq!(
        store
            .write_events(std::slice::from_ref(&event))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        store
            .write_events(&[event.clone(), event.clone()])
            .await
            .unwrap(),
        0
    );

    let stored = only_event(&store).await;
    assert_eq!(stored.body, Body::Bytes(event.body.clone()));
    assert_eq!(stored.channels, event.meta.channels);
    assert_eq!(stored.tags, event.meta.tags);
    assert_eq!(stored.accepted_at, event.meta.accepted_at);
    let found = store
        .event(&application(), &event.meta.id, Content::Skip)
        .await
        .unwrap();
    assert_eq!(found.unwrap().body, Body::Skipped);
}

#[tokio::test]
async fn any_order_of_outcomes_ends_in_the_same_rows() {
    let event = event(now(), 1);
    let outcomes = [
        verdict(&event, &["a"], &["b"]),
        attempt(&event, "a", 1),
        attempt(&event, "a", 2),
        attempt(&event, "a", 3),
    ];
    let mut seen = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let (_database, store) = store().await;
        for index in order {
            // Twice, and before their event.
            store
                .write_outcomes(&outcomes[index..=index])
                .await
                .unwrap();
            store
                .write_outcomes(&outcomes[index..=index])
                .await
                .unwrap();
        }
        store
            .write_events(std::slice::from_ref(&event))
            .await
            .unwrap();
        let stored = only_event(&store).await;
        seen.push(deliveries(&store, &stored).await);
    }
    // All at once.
    let (_database, store) = store().await;
    store.write_outcomes(&outcomes).await.unwrap();
    store
        .write_events(std::slice::from_ref(&event))
        .await
        .unwrap();
    let stored = only_event(&store).await;
    seen.push(deliveries(&store, &stored).await);

    let delivery = &seen[0][0];
    assert_eq!(
        (delivery.state, delivery.attempts),
        (DeliveryState::Delivered, 3)
    );
    assert_eq!(delivery.last.as_ref().unwrap().status, Some(204));
    assert_eq!(delivery.next_attempt_at, None);
    assert!(
        seen.iter().all(|deliveries| *deliveries == seen[0]),
        "{seen:#?}"
    );

    let decided = store
        .fanout_decisions(&stored.place(), &Page::first(10))
        .await
        .unwrap()
        .items;
    assert_eq!(decided.len(), 2);
    assert_eq!(
        (&decided[0].endpoint, decided[0].verdict),
        (&endpoint("a"), Verdict::Matched)
    );
    assert!(matches!(decided[1].verdict, Verdict::NotMatched { .. }));
    let at = store.fanout_decided_at(&stored.place()).await.unwrap();
    assert_eq!(at, Some(event.meta.accepted_at));
}

/// The first attempt, which succeeds.
fn success(event: &Event, to: &str) -> Outcome {
    let Outcome::Attempt(record) = attempt(event, to, 1) else {
        panic!("no attempt");
    };
    Outcome::Attempt(AttemptRecord {
        progress: Progress::Delivered,
        ..record
    })
}

#[tokio::test]
async fn a_success_at_once_ends_in_the_same_rows_however_it_is_cut_and_repeated() {
    let (one, other) = (event(now(), 1), event(now(), 2));
    let decided = verdict(&one, &["a"], &[]);
    let succeeded = success(&one, "a");
    // Each with another event's outcomes beside it in the last batch, which are new.
    let beside = [verdict(&other, &["a"], &[]), success(&other, "a")];
    let cuts: [&[&[&Outcome]]; 6] = [
        &[&[&decided, &succeeded]],
        &[&[&decided], &[&succeeded]],
        &[&[&succeeded], &[&decided]],
        &[&[&decided, &succeeded], &[&succeeded, &decided]],
        &[&[&decided, &succeeded, &succeeded, &decided]],
        &[&[&succeeded], &[&decided, &succeeded]],
    ];
    let mut seen = Vec::new();
    for cut in cuts {
        let (database, store) = store().await;
        let (last, before) = cut.split_last().unwrap();
        for batch in before {
            let batch: Vec<Outcome> = batch.iter().copied().cloned().collect();
            store.write_outcomes(&batch).await.unwrap();
        }
        let mut batch: Vec<Outcome> = last.iter().copied().cloned().collect();
        batch.extend(beside.clone());
        store.write_outcomes(&batch).await.unwrap();

        let mut rows = Vec::new();
        for what in [
            "* FROM deliveries ORDER BY id",
            "* FROM attempts ORDER BY event_id, id",
            "sum(count) FROM figures_pending",
            "DISTINCT state, attempts FROM deliveries",
        ] {
            rows.extend(database.sql(&format!("SELECT {what}")).await);
        }
        assert_eq!(rows.len(), 2 + 2 + 1 + 1, "{rows:#?}");
        assert_eq!(rows[4], ["2"]);
        assert_eq!(rows[5], ["4", "1"]);
        seen.push(rows);
    }
    assert!(seen.iter().all(|rows| *rows == seen[0]), "{seen:#?}");
}

#[tokio::test]
async fn events_are_listed_newest_first_in_both_directions() {
    let (_database, store) = store().await;
    let base = now().minus(Duration::from_secs(3 * 24 * 3600));
    let events: Vec<_> = (0_u8..6)
        .map(|n| event(base.plus(Duration::from_secs(u64::from(n) * 12 * 3600)), n))
        .collect();
    store.write_events(&events).await.unwrap();
    let list = async |filter: EventFilter, position| {
        let page = Page { limit: 2, position };
        let slice = store
            .list_events(&application(), &filter, Content::Skip, &page)
            .await
            .unwrap();
        let numbers = slice
            .items
            .iter()
            .map(|e| e.tags[0].clone())
            .collect::<Vec<_>>();
        (numbers.join(" "), slice.done)
    };
    let id = |n: usize| events[n].meta.id.clone();
    let all = EventFilter::default();

    assert_eq!(
        list(all.clone(), Position::Start).await,
        ("tag-5 tag-4".into(), false)
    );
    assert_eq!(
        list(all.clone(), Position::Following(id(4))).await,
        ("tag-3 tag-2".into(), false)
    );
    assert_eq!(
        list(all.clone(), Position::Following(id(2))).await,
        ("tag-1 tag-0".into(), true)
    );
    assert_eq!(
        list(all.clone(), Position::Preceding(id(1))).await,
        ("tag-3 tag-2".into(), false)
    );
    let after = EventFilter {
        after: Some(events[1].meta.accepted_at),
        ..all.clone()
    };
    assert_eq!(
        list(after, Position::Start).await,
        ("tag-3 tag-2".into(), false)
    );
    let odd = EventFilter {
        event_types: vec![EventType::parse("odd").unwrap()],
        ..all.clone()
    };
    assert_eq!(
        list(odd, Position::Start).await,
        ("tag-5 tag-3".into(), false)
    );
    let tagged = EventFilter {
        tag: Some("tag-0".into()),
        ..all
    };
    assert_eq!(list(tagged, Position::Start).await, ("tag-0".into(), true));
}

/// One event that was delivered at the third attempt, and one that waits for its second.
async fn two_events(store: &Store) -> (Event, Event) {
    let (one, other) = (
        event(now().minus(Duration::from_secs(60)), 1),
        event(now(), 2),
    );
    store
        .write_events(&[one.clone(), other.clone()])
        .await
        .unwrap();
    let mut outcomes = vec![verdict(&one, &["a"], &[]), verdict(&other, &["a"], &[])];
    outcomes.extend((1..=3).map(|number| attempt(&one, "a", number)));
    outcomes.push(attempt(&other, "a", 1));
    store.write_outcomes(&outcomes).await.unwrap();
    (one, other)
}

#[tokio::test]
async fn attempts_are_found_by_filter() {
    let (_database, store) = store().await;
    let (one, other) = two_events(&store).await;
    let list = async |filter: AttemptFilter, position| {
        let page = Page {
            limit: 10,
            position,
        };
        let (app, a) = (application(), endpoint("a"));
        let slice = store
            .list_endpoint_attempts(&app, &a, &filter, Content::Read, &page)
            .await;
        slice.unwrap().items
    };

    let all = list(AttemptFilter::default(), Position::Start).await;
    assert_eq!(all.len(), 4);
    assert_eq!((&all[0].event, all[0].number), (&other.meta.id, 1));
    assert_eq!(all[0].response.as_deref(), Some("a\u{fffd}b"));
    let class = AttemptFilter {
        status_class: Some(2),
        ..Default::default()
    };
    assert_eq!(list(class, Position::Start).await.len(), 1);
    let channel = AttemptFilter {
        channels: other.meta.channels.clone(),
        ..Default::default()
    };
    assert_eq!(
        list(channel, Position::Following(all[0].id.clone()))
            .await
            .len(),
        3
    );

    let found = store
        .event(&application(), &one.meta.id, Content::Skip)
        .await
        .unwrap();
    let place = found.unwrap().place();
    let headers = store.attempt_headers(&place, &all[1].id).await.unwrap();
    let Some(StoredHeaders::Kept(headers)) = headers else {
        panic!("{headers:?}");
    };
    let server = ("server".to_owned(), "a\0b".to_owned());
    assert_eq!(headers.received, Some(vec![server]));
    let filter = AttemptFilter {
        endpoint: Some(endpoint("b")),
        ..Default::default()
    };
    let page = Page::first(10);
    let none = store
        .list_event_attempts(&place, &filter, Content::Skip, &page)
        .await
        .unwrap();
    assert!(none.items.is_empty());
    assert_eq!(
        store.attempt(&place, &all[1].id).await.unwrap().as_ref(),
        Some(&all[1])
    );
}

#[tokio::test]
async fn an_endpoints_events_are_found_by_state() {
    let (_database, store) = store().await;
    let (_delivered, other) = two_events(&store).await;
    let waiting = EndpointEventFilter {
        states: vec![DeliveryState::Waiting],
        ..Default::default()
    };
    let page = Page::first(10);
    let found = store
        .list_endpoint_events(
            &application(),
            &endpoint("a"),
            &waiting,
            Content::Read,
            &page,
        )
        .await
        .unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].event.id, other.meta.id);
    assert!(found.items[0].delivery.next_attempt_at.is_some());
}

#[tokio::test]
async fn an_expunged_body_does_not_come_back() {
    let (_database, store) = store().await;
    let event = event(now(), 1);
    store
        .write_events(std::slice::from_ref(&event))
        .await
        .unwrap();
    let place = only_event(&store).await.place();
    assert!(store.expunge_body(&place).await.unwrap());
    store.write_events(&[event]).await.unwrap();
    assert_eq!(only_event(&store).await.body, Body::Expunged);
}

#[tokio::test]
async fn retention_drops_whole_days_and_nothing_else() {
    let (_database, store) = store().await;
    let day = Duration::from_secs(24 * 3600);
    let (old, new) = (event(now().minus(day * 5), 1), event(now(), 2));
    store
        .write_events(&[old.clone(), new.clone()])
        .await
        .unwrap();
    let dropped = store
        .drop_before(day_of(new.meta.accepted_at))
        .await
        .unwrap();
    assert_eq!(dropped.days, 1);
    assert_eq!(only_event(&store).await.id, new.meta.id);
    // A late message of a dropped day gets its partition again.
    store.write_events(&[old]).await.unwrap();
}

#[tokio::test]
async fn a_replay_that_is_done_once_more_knows_what_it_has_delivered() {
    let (_database, store) = store().await;
    let (_delivered, other) = two_events(&store).await;
    let run = RunId::parse("run_1").unwrap();
    let waiting = Fate::Delivery {
        states: vec![DeliveryState::Waiting],
        status_class: None,
    };
    let found = async |fate: &Fate, name: &str| {
        let replay = Replay {
            application: application(),
            endpoint: endpoint(name),
            run: run.clone(),
            event_types: Vec::new(),
            channels: Vec::new(),
            tag: None,
            fate: fate.clone(),
        };
        let start = now().minus(Duration::from_secs(3_600));
        let from = ReplayPosition {
            at: start,
            event: None,
        };
        let end = now().plus(Duration::from_secs(1));
        let events = store.replay_events(&replay, &from, end, 10).await.unwrap();
        let count = store.count_replay(&replay, start, end).await.unwrap();
        assert_eq!(usize::try_from(count).unwrap(), events.len());
        let fates = events
            .iter()
            .map(|event| (event.id == other.meta.id, event.done));
        fates.collect::<Vec<_>>()
    };
    assert_eq!(found(&waiting, "a").await, [(true, false)]);
    assert_eq!(found(&Fate::NotMatched, "a").await, [(true, true); 0]);
    assert_eq!(
        found(&Fate::NotMatched, "b").await,
        [(false, false), (true, false)]
    );

    for name in ["a", "b"] {
        let mut replayed = attempt(&other, name, 3);
        let Outcome::Attempt(record) = &mut replayed else {
            unreachable!("it is an attempt");
        };
        record.delivery = DeliveryId::manual(&other.meta.id, &endpoint(name), &run);
        store.write_outcomes(&[replayed]).await.unwrap();
    }
    assert_eq!(found(&waiting, "a").await, [(true, true)]);
    assert_eq!(
        found(&Fate::NotMatched, "b").await,
        [(false, false), (true, true)]
    );
}
