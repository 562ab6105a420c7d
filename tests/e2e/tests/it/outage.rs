//! PostgreSQL away for a minute: deliveries go on, and history is complete afterwards.

use std::time::Duration;

use crate::WHOLE_MACHINE;
use posthorn_e2e::{Fleet, Load, Producer, Settings, report};
use posthorn_harness::{DedicatedPostgres, Receiver, TestNats, eventually};
use posthorn_store::{StoreConfig, migrate};

/// Events per second while PostgreSQL is away.
const RATE: u32 = 200;
/// How long it is away.
const AWAY: Duration = Duration::from_secs(60);
/// Deliveries must have gone on in each of so many parts of that time. How many there are in all is
/// reported and not judged: that measures the machine.
const LOOKS: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_go_on_without_postgresql_and_history_catches_up() {
    let _machine = WHOLE_MACHINE.lock().await;
    let (nats, mut postgres, receiver) = tokio::join!(
        TestNats::start(),
        DedicatedPostgres::start(),
        Receiver::start()
    );
    migrate::migrate(&StoreConfig::from_url(&postgres.url()).unwrap())
        .await
        .unwrap();
    let fleet = Fleet::start(Settings::new(&nats.url(), &postgres.url())).await;
    let client = fleet.client();
    let app = client.application("acme").await;
    client.endpoint(&app, &receiver.url("/hook")).await;
    let load = Load::start(Producer::connect(&nats.url()).await, &app, "outage", RATE);
    receiver
        .wait_for("/hook", 100, Duration::from_secs(30))
        .await;

    postgres.stop().await;
    let before = receiver.count("/hook");
    for look in 1..=LOOKS {
        let so_far = receiver.count("/hook");
        tokio::time::sleep(AWAY / LOOKS).await;
        let now = receiver.count("/hook");
        assert!(
            now > so_far,
            "nothing was delivered in part {look} of {LOOKS}"
        );
    }
    let during = receiver.count("/hook") - before;
    let refused = client.get(&format!("/app/{app}/msg")).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    postgres.restart().await;

    let sent = load.end().await;
    let tally = sent.wait_delivered(&receiver, &["/hook"]).await;
    report(&format!(
        "PostgreSQL away for {AWAY:?}: {} events accepted at {:.0}/s, {during} delivered \
         meanwhile, 0 lost, {} duplicates",
        tally.accepted, tally.rate, tally.duplicates
    ));
    let database = StoreConfig::from_url(&postgres.url()).unwrap();
    let store = posthorn_store::Store::connect(&database).unwrap();
    let app = posthorn_event_schema::ApplicationId::parse(&app).unwrap();
    eventually(Duration::from_secs(120), "a complete history", async || {
        let mut missing = 0;
        for id in &sent.accepted {
            let id = posthorn_event_schema::EventId::parse(id).unwrap();
            let attempts = attempts(&store, &app, &id).await;
            missing += usize::from(attempts == 0);
        }
        if missing == 0 {
            Ok(())
        } else {
            Err(format!("{missing} events without an attempt"))
        }
    })
    .await;
    fleet.stop().await;
}

/// How many attempts of an event history has.
async fn attempts(
    store: &posthorn_store::Store,
    app: &posthorn_event_schema::ApplicationId,
    id: &posthorn_event_schema::EventId,
) -> usize {
    use posthorn_store::Page;
    use posthorn_store::history::{AttemptFilter, Content};
    let Ok(Some(event)) = store.event(app, id, Content::Skip).await else {
        return 0;
    };
    let (filter, page) = (AttemptFilter::default(), Page::first(10));
    let found = store
        .list_event_attempts(&event.place(), &filter, Content::Skip, &page)
        .await;
    found.map_or(0, |slice| slice.items.len())
}
