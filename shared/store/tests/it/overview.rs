//! Figures, and what waits: kept beside history, and never apart from it.

use std::time::{Duration, Instant};

use posthorn_event_schema::{
    AttemptRecord, CancelReason, DeliveryCancelled, DeliveryId, Event, OrganizationId, Outcome,
    Progress, SchemaVersion, Timestamp,
};
use posthorn_store::history::{Audience, Counts, Overview, Range, Resolution, WaitingAt};
use posthorn_store::{Page, Store};

use crate::disabling::create_application;
use crate::sample::{application, attempt, endpoint, event, now, store, verdict};

const MINUTE: Duration = Duration::from_secs(60);

fn hour() -> Range {
    let micros = now().as_unix_micros();
    let current = Timestamp::from_unix_micros(micros - micros.rem_euclid(60_000_000));
    Range {
        since: current.minus(MINUTE * 59),
        step: MINUTE,
        count: 60,
        resolution: Resolution::Minute,
    }
}

async fn fold(store: &Store) {
    while store.fold_figures(now()).await.unwrap() {}
}

async fn overview(store: &Store) -> Overview {
    let app = application();
    let audience = Audience::Application(&app);
    store.overview(audience, &hour(), now()).await.unwrap()
}

fn ago(seconds: u64) -> Timestamp {
    now().minus(Duration::from_secs(seconds))
}

fn exhausted(event: &Event, to: &str) -> Outcome {
    let Outcome::Attempt(record) = attempt(event, to, 2) else {
        panic!("no attempt");
    };
    Outcome::Attempt(AttemptRecord {
        progress: Progress::Exhausted,
        ..record
    })
}

fn expired(event: &Event, to: &str) -> Outcome {
    Outcome::Cancelled(DeliveryCancelled {
        version: SchemaVersion,
        delivery: DeliveryId::scheduled(&event.meta.id, &endpoint(to)),
        event: event.meta.id.clone(),
        organization: event.meta.organization.clone(),
        application: event.meta.application.clone(),
        endpoint: endpoint(to),
        accepted_at: event.meta.accepted_at,
        at: now(),
        reason: CancelReason::Expired,
    })
}

#[tokio::test]
async fn figures_count_each_attempt_once() {
    let (_database, store) = store().await;
    let events = [event(ago(120), 1), event(ago(60), 2), event(ago(60), 3)];
    let outcomes = [
        verdict(&events[0], &["a"], &[]),
        attempt(&events[0], "a", 1),
        attempt(&events[0], "a", 2),
        attempt(&events[0], "a", 3),
        attempt(&events[1], "b", 1),
        exhausted(&events[1], "b"),
        attempt(&events[2], "c", 1),
        expired(&events[2], "c"),
    ];
    for _ in 0..2 {
        store.write_events(&events).await.unwrap();
        for outcome in &outcomes {
            store
                .write_outcomes(std::slice::from_ref(outcome))
                .await
                .unwrap();
        }
        store.write_outcomes(&outcomes).await.unwrap();
        // Two processes at once.
        tokio::join!(fold(&store), fold(&store));
        fold(&store).await;
    }
    let found = overview(&store).await;
    let expected = Counts {
        events: 3,
        delivered: 1,
        failing: 4,
        exhausted: 1,
        cancelled: 0,
        expired: 1,
    };
    assert_eq!(found.totals, expected);
    let busy = found.buckets.iter().filter(|b| **b != Counts::default());
    assert!((2..=5).contains(&busy.count()), "{:?}", found.buckets);
    assert!(
        (4.5..5.7).contains(&found.latency.unwrap().p99),
        "{found:?}"
    );
    let worst: Vec<_> = found
        .worst
        .iter()
        .map(|w| (w.endpoint.as_str(), w.failed))
        .collect();
    assert_eq!(worst, [("ep_a", 2), ("ep_b", 2), ("ep_c", 1)]);
    assert_eq!(found.failures.len(), 5);
    assert!(found.failures.is_sorted_by(|one, next| one.id >= next.id));
    assert_eq!(found.summary.waiting, 0);

    store.prune_figures(now()).await.unwrap();
    assert_eq!(overview(&store).await.totals, expected);
    store
        .prune_figures(now().plus(Duration::from_secs(3 * 3_600)))
        .await
        .unwrap();
    let kept = overview(&store).await.totals;
    assert_eq!((kept.events, kept.delivered, kept.failing), (0, 0, 0));
}

#[tokio::test]
async fn an_organisation_sees_its_own_applications_alone() {
    let (_database, store) = store().await;
    let event = event(ago(60), 1);
    store
        .write_outcomes(&[attempt(&event, "a", 1)])
        .await
        .unwrap();
    fold(&store).await;
    let attempts = async |name: &str| {
        let organization = OrganizationId::parse(name).unwrap();
        let audience = Audience::Organization(&organization);
        let found = store.overview(audience, &hour(), now()).await.unwrap();
        (
            found.totals.failing,
            found.failures.len(),
            found.summary.waiting,
        )
    };
    assert_eq!(
        attempts("org_1").await,
        (0, 0, 0),
        "the application is not there yet"
    );
    create_application(&store).await;
    assert_eq!(attempts("org_1").await, (1, 1, 1));
    assert_eq!(attempts("org_2").await, (0, 0, 0));
}

/// What waits for an endpoint: event and attempts so far.
async fn waiting(store: &Store, to: &str) -> Vec<(String, u16)> {
    let page = Page::<WaitingAt>::first(10);
    let (app, endpoint) = (application(), endpoint(to));
    let slice = store.waiting_deliveries(&app, &endpoint, &page).await;
    let items = slice.unwrap().items.into_iter();
    items
        .map(|item| (item.event.to_string(), item.attempts))
        .collect()
}

#[tokio::test]
async fn what_waits_is_what_history_says_in_any_order() {
    let (_database, store) = store().await;
    let event = event(ago(60), 1);
    let id = event.meta.id.to_string();
    let [one, two, three] = [1, 2, 3].map(|number| attempt(&event, "a", number));
    let write = async |outcome: &Outcome| {
        store
            .write_outcomes(std::slice::from_ref(outcome))
            .await
            .unwrap();
    };
    write(&verdict(&event, &["a"], &[])).await;
    assert!(waiting(&store, "a").await.is_empty());
    write(&two).await;
    write(&one).await;
    assert_eq!(waiting(&store, "a").await, [(id, 2)]);
    write(&three).await;
    assert!(waiting(&store, "a").await.is_empty());
    write(&two).await;
    assert!(waiting(&store, "a").await.is_empty());
    // A delivery that ends without another request waits no more either.
    let other = self::event(ago(60), 2);
    write(&attempt(&other, "a", 1)).await;
    assert_eq!(waiting(&store, "a").await.len(), 1);
    write(&expired(&other, "a")).await;
    assert!(waiting(&store, "a").await.is_empty());
}

#[tokio::test]
async fn writers_of_one_delivery_leave_nothing_waiting_that_is_over() {
    let (_database, store) = store().await;
    let mut left = Vec::new();
    for number in 0..20_u8 {
        let event = event(ago(60), number);
        let [failed, delivered] = [1, 3].map(|n| [attempt(&event, "a", n)]);
        let (one, two) = tokio::join!(
            store.write_outcomes(&failed),
            store.write_outcomes(&delivered)
        );
        one.unwrap();
        two.unwrap();
        left.extend(waiting(&store, "a").await);
    }
    assert_eq!(left, []);
}

#[tokio::test]
async fn a_calendar_tells_what_is_late_from_what_is_to_come() {
    let (_database, store) = store().await;
    let due = |number: u8, to: &str, at: Timestamp| {
        let event = event(ago(600), number);
        let Outcome::Attempt(record) = attempt(&event, to, 1) else {
            panic!("no attempt");
        };
        let progress = Progress::Waiting {
            next_attempt_at: at,
        };
        Outcome::Attempt(AttemptRecord { progress, ..record })
    };
    let later = |seconds: u64| now().plus(Duration::from_secs(seconds));
    let outcomes = [
        due(1, "a", ago(300)),
        due(2, "a", ago(5)),
        due(3, "a", later(30)),
        due(4, "b", later(3_600 + 60)),
        due(5, "b", later(50 * 3_600)),
    ];
    store.write_outcomes(&outcomes).await.unwrap();
    let app = application();
    let calendar = store
        .waiting_calendar(Audience::Application(&app), now(), MINUTE * 60, 48)
        .await
        .unwrap();
    assert_eq!(
        (calendar.total, calendar.past_due, calendar.later),
        (5, 1, 1)
    );
    assert_eq!(calendar.buckets[..3], [2, 1, 0]);
    let endpoints: Vec<_> = calendar
        .endpoints
        .iter()
        .map(|e| (e.endpoint.as_str(), e.count, e.past_due))
        .collect();
    assert_eq!(endpoints, [("ep_a", 3, 1), ("ep_b", 2, 0)]);
    assert!(!calendar.more_endpoints);

    let first = Page::first(2);
    let list = |page| {
        let (store, app) = (store.clone(), app.clone());
        async move {
            let slice = store.waiting_deliveries(&app, &endpoint("a"), &page).await;
            slice.unwrap()
        }
    };
    let one = list(first.clone()).await;
    assert!(!one.done);
    let two = list(first.following(one.items[1].at.clone())).await;
    assert_eq!((one.items.len(), two.items.len(), two.done), (2, 1, true));
    assert!(one.items[1].at.next_attempt_at < two.items[0].at.next_attempt_at);
}

/// Far more than it takes, since the machine may be busy; of five looks, the quickest counts.
const PATIENCE: Duration = Duration::from_secs(1);

/// 100,000 messages of the last week at 20 endpoints: one of 50 attempts failed, one of 100 waits.
const SEED: [&str; 4] = [
    "SELECT history_create_day((now() - n * interval '1 day')::date) FROM generate_series(0, 8) n",
    "INSERT INTO attempts (started_at, duration_ms, day, number, status, state, trigger, truncated, \
         application_id, event_id, id, endpoint_id, delivery_id, event_type, failure, url, response) \
     SELECT at, 5 + n % 90, at::date, 1, CASE WHEN n % 50 = 0 THEN 500 ELSE 200 END, \
         CASE WHEN n % 50 = 0 THEN 1 ELSE 4 END, 0, false, 'app_1', 'msg_' || n, \
         'atmpt_' || lpad((100000 - n)::text, 27, '0'), 'ep_' || n % 20, \
         'msg_' || n || '.ep_' || n % 20, 'a.b', CASE WHEN n % 50 = 0 THEN 'status_5xx' END, '', '' \
     FROM (SELECT n, now() - n * interval '6 s' AS at FROM generate_series(0, 99999) n) AS made",
    "INSERT INTO waiting_deliveries \
     SELECT now() + n * interval '1 s', now(), now()::date, 1, 'app_1', 'msg_' || n || '.ep_1', \
         'msg_' || n, 'ep_' || n % 20, 'a.b' FROM generate_series(0, 99999) n",
    "INSERT INTO figures_pending \
     SELECT date_trunc('minute', started_at), count(*), state, \
         1 + floor(4 * log(2, duration_ms::numeric)), application_id, endpoint_id \
     FROM attempts GROUP BY 1, 3, 4, 5, 6",
];

#[tokio::test]
async fn an_overview_does_not_read_all_of_100_000_messages() {
    let (database, store) = store().await;
    create_application(&store).await;
    for statement in SEED {
        database.sql(statement).await;
    }
    fold(&store).await;
    database.sql("ANALYZE").await;
    let hours = |step: u64, count: u16| {
        let micros = now().as_unix_micros();
        let current = Timestamp::from_unix_micros(micros - micros.rem_euclid(3_600_000_000));
        let step = Duration::from_secs(step * 3_600);
        Range {
            since: current.minus(step * u32::from(count - 1)),
            step,
            count,
            resolution: Resolution::Hour,
        }
    };
    let (app, organization) = (application(), OrganizationId::parse("org_1").unwrap());
    let audiences = [
        Audience::Application(&app),
        Audience::Organization(&organization),
    ];
    for audience in audiences {
        for range in [hour(), hours(1, 24), hours(2, 84)] {
            let mut took = Vec::new();
            for _ in 0..5 {
                let begun = Instant::now();
                let found = store.overview(audience, &range, now()).await.unwrap();
                took.push(begun.elapsed());
                assert!(
                    found.totals.delivered > 500 && found.failures.len() > 10,
                    "{found:?}"
                );
                assert_eq!(found.summary.waiting, 100_000);
            }
            took.sort();
            println!("{audience:?}, {} buckets: {took:?}", range.count);
            assert!(took[0] < PATIENCE, "{took:?}");
        }
        let mut took = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            let calendar = store.waiting_calendar(audience, now(), MINUTE * 60, 48);
            assert_eq!(calendar.await.unwrap().total, 100_000);
            took.push(begun.elapsed());
        }
        took.sort();
        println!("{audience:?}, what waits: {took:?}");
        assert!(took[0] < PATIENCE, "{took:?}");
    }
}
