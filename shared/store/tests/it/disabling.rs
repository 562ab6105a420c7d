//! What attempts mean beyond their deliveries: endpoints to disable, and what organisations are told.

use std::time::Duration;

use posthorn_event_schema::{
    ApplicationId, AttemptId, AttemptRecord, EndpointId, Event, OrganizationId, Outcome,
    ProducerKey, Progress, ReceiverWish, Timestamp, Trigger, Uid, Wish,
};
use posthorn_store::Store;
use posthorn_store::application::{ApplicationRow, Metadata, NewApplication, Saved};
use posthorn_store::disabling::{DisabledBy, Patience};
use posthorn_store::endpoint::{
    EndpointChange, EndpointRef, EndpointRow, EndpointSettings, NewEndpoint,
};
use posthorn_store::operational_notice::{About, Notice};

use crate::sample::{application, attempt, endpoint, event, now, store};

pub(crate) const HOUR: u64 = 3_600;
pub(crate) const DAY: u64 = 24 * HOUR;
pub(crate) const PATIENCE: Patience = Patience {
    failing_for: Duration::from_secs(5 * DAY),
    at_least_apart: Duration::from_secs(12 * HOUR),
};
const LEASE: Duration = Duration::from_secs(15);

fn organization() -> OrganizationId {
    OrganizationId::parse("org_1").unwrap()
}

pub(crate) fn ago(seconds: u64) -> Timestamp {
    now().minus(Duration::from_secs(seconds))
}

pub(crate) async fn create_application(store: &Store) {
    let new = NewApplication {
        id: application(),
        organization: organization(),
        uid: Some(Uid::parse("shop").unwrap()),
        name: "shop".to_owned(),
        throttle_rate: None,
        metadata: Metadata::new(),
        at: now(),
    };
    store.create_application(&new).await.unwrap();
}

pub(crate) async fn create_endpoint(
    store: &Store,
    application: &ApplicationId,
    name: &str,
) -> EndpointRow {
    let new = NewEndpoint {
        id: endpoint(name),
        application: application.clone(),
        organization: organization(),
        settings: EndpointSettings {
            uid: None,
            url: "https://example.com/".to_owned(),
            description: String::new(),
            event_types: None,
            channels: None,
            disabled: false,
            throttle_rate: None,
            fifo: false,
            metadata: Metadata::new(),
        },
        sealed_secret: vec![1],
        sealed_headers: None,
        sealed_credentials: None,
        at: now(),
    };
    match store.create_endpoint(&new).await.unwrap() {
        Saved::Row(row) => row,
        other => panic!("{other:?}"),
    }
}

/// The organisation's hidden application with an endpoint that wants to know everything.
pub(crate) async fn create_listener(store: &Store) -> ApplicationId {
    let id = ApplicationId::parse("app_hidden").unwrap();
    let hidden = ApplicationRow {
        id: id.clone(),
        organization: organization(),
        uid: None,
        name: "Operational events".to_owned(),
        throttle_rate: None,
        metadata: Metadata::new(),
        version: 0,
        created_at: now(),
        updated_at: now(),
        deleted: false,
    };
    store.create_hidden_application(&hidden).await.unwrap();
    create_endpoint(store, &id, "listener").await;
    id
}

/// An attempt that began then; each has an id of its own.
pub(crate) fn made(event: &Event, number: u16, at: Timestamp, progress: Progress) -> AttemptRecord {
    let Outcome::Attempt(record) = attempt(event, "a", number) else {
        panic!("no attempt");
    };
    AttemptRecord {
        id: AttemptId::generate(at, [u8::try_from(number).unwrap(); 15]),
        started_at: at,
        progress,
        ..record
    }
}

fn asking(event: &Event, asks: Wish, endpoint_version: i64) -> Outcome {
    let wish = Some(ReceiverWish {
        asks,
        endpoint_version,
    });
    let record = made(event, 1, event.meta.accepted_at, Progress::Exhausted);
    Outcome::Attempt(AttemptRecord { wish, ..record })
}

pub(crate) fn waiting(event: &Event, number: u16, at: Timestamp) -> Outcome {
    let next_attempt_at = at.plus(Duration::from_secs(60));
    Outcome::Attempt(made(
        event,
        number,
        at,
        Progress::Waiting { next_attempt_at },
    ))
}

async fn stored(store: &Store, id: &EndpointId) -> EndpointRow {
    let reference = EndpointRef::Id(id.clone());
    let found = store.endpoint(&application(), &reference).await.unwrap();
    found.unwrap()
}

pub(crate) async fn change(store: &Store, change: EndpointChange) -> EndpointRow {
    let id = endpoint("a");
    match store
        .update_endpoint(&application(), &id, &change, now())
        .await
        .unwrap()
    {
        Saved::Row(row) => row,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn enabling() -> EndpointChange {
    EndpointChange {
        disabled: Some(false),
        ..EndpointChange::default()
    }
}

/// Carries out the only order and forgets it; tells whether it changed anything.
async fn carry_out(store: &Store) -> bool {
    let orders = store.disable_orders(10).await.unwrap();
    assert_eq!(orders.len(), 1, "{orders:?}");
    let changed = store.carry_out(&orders[0], now()).await.unwrap();
    assert!(!store.carry_out(&orders[0], now()).await.unwrap(), "twice");
    store.forget_disable_order(&orders[0]).await.unwrap();
    assert!(store.disable_orders(10).await.unwrap().is_empty());
    changed
}

pub(crate) async fn notices(store: &Store) -> Vec<Notice> {
    store.take_notices(LEASE, 100).await.unwrap()
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_and_it_is_said_why_and_when() {
    let (_database, store) = store().await;
    create_application(&store).await;
    let before = create_endpoint(&store, &application(), "a").await;
    assert_eq!(before.auto_disabled, None);
    let event = event(ago(60), 1);
    let aborted = asking(&event, Wish::AbortMessage, before.version);
    store.write_outcomes(&[aborted]).await.unwrap();
    assert!(store.disable_orders(10).await.unwrap().is_empty());

    let event = self::event(ago(50), 3);
    let gone = asking(&event, Wish::Gone, before.version);
    store.write_outcomes(&[gone]).await.unwrap();
    assert!(carry_out(&store).await);
    let after = stored(&store, &before.id).await;
    let how = after.auto_disabled.unwrap();
    assert!(after.settings.disabled);
    assert_eq!(how.by, DisabledBy::Gone);
    assert!(how.fail_since < how.at, "{how:?}");
    assert_eq!(after.version, before.version + 1);

    let enabled = change(&store, enabling()).await;
    assert!(!enabled.settings.disabled);
    assert_eq!(enabled.auto_disabled, None);
}

#[tokio::test]
async fn an_old_wish_does_not_override_who_enabled_the_endpoint() {
    let (_database, store) = store().await;
    create_application(&store).await;
    let row = create_endpoint(&store, &application(), "a").await;
    let event = event(ago(60), 1);
    let gone = asking(&event, Wish::Gone, row.version);
    store
        .write_outcomes(std::slice::from_ref(&gone))
        .await
        .unwrap();
    assert!(carry_out(&store).await);
    let enabled = change(&store, enabling()).await;

    // The same wish once more, and one that was on its way when the endpoint was enabled.
    store.write_outcomes(&[gone]).await.unwrap();
    assert!(store.disable_orders(10).await.unwrap().is_empty());
    let late = asking(&self::event(ago(50), 3), Wish::Gone, row.version);
    store.write_outcomes(&[late]).await.unwrap();
    assert!(!carry_out(&store).await);
    assert!(!stored(&store, &row.id).await.settings.disabled);

    // A change that is no enabling does not make it new, another URL does.
    let described = EndpointChange {
        description: Some("changed".to_owned()),
        ..EndpointChange::default()
    };
    change(&store, described).await;
    let again = asking(&self::event(ago(40), 5), Wish::Disable, enabled.version);
    store.write_outcomes(&[again]).await.unwrap();
    assert!(carry_out(&store).await);
    let how = stored(&store, &row.id).await.auto_disabled.unwrap();
    assert_eq!(how.by, DisabledBy::Receiver);
    let enabled = change(&store, enabling()).await;
    let moved = EndpointChange {
        url: Some("https://example.com/moved".to_owned()),
        ..EndpointChange::default()
    };
    change(&store, moved).await;
    let of_the_old_url = asking(&self::event(ago(30), 7), Wish::Gone, enabled.version);
    store.write_outcomes(&[of_the_old_url]).await.unwrap();
    assert!(!carry_out(&store).await);
}

/// Whether an endpoint with these attempts is to be disabled now.
async fn ordered(outcomes: &[Outcome], before: Option<EndpointChange>) -> bool {
    let (_database, store) = store().await;
    create_application(&store).await;
    create_endpoint(&store, &application(), "a").await;
    if let Some(wish) = before {
        change(&store, wish).await;
        change(&store, enabling()).await;
    }
    for outcome in outcomes {
        let one = std::slice::from_ref(outcome);
        store.write_outcomes(one).await.unwrap();
    }
    store.order_failing(now(), PATIENCE).await.unwrap();
    store.order_failing(now(), PATIENCE).await.unwrap();
    let orders = store.disable_orders(10).await.unwrap();
    if orders.is_empty() {
        return false;
    }
    assert_eq!(orders[0].reason, DisabledBy::Failures);
    assert!(carry_out(&store).await);
    let row = stored(&store, &endpoint("a")).await;
    let how = row.auto_disabled.unwrap();
    assert!(how.fail_since < ago(5 * DAY), "{how:?}");
    assert_eq!(store.order_failing(now(), PATIENCE).await.unwrap(), 0);
    true
}

#[tokio::test]
async fn an_endpoint_that_only_fails_for_days_is_disabled() {
    let first = event(ago(6 * DAY), 1);
    let second = event(ago(4 * DAY), 3);
    let started = |event: &Event| event.meta.accepted_at;
    let begin = waiting(&first, 1, started(&first));
    let last = |at| Outcome::Attempt(made(&second, 9, at, Progress::Exhausted));
    let success = |number: u8, trigger| {
        let event = event(ago(5 * DAY), number);
        let record = made(&event, 2, started(&event), Progress::Delivered);
        Outcome::Attempt(AttemptRecord {
            trigger,
            failure: None,
            ..record
        })
    };
    let end = last(ago(2 * DAY));
    assert!(ordered(&[begin.clone(), end.clone()], None).await);
    // In the other order, too.
    assert!(ordered(&[end.clone(), begin.clone()], None).await);
    // A success in between, also one that a person asked for.
    for trigger in [Trigger::Scheduled, Trigger::Manual] {
        let healed = [begin.clone(), success(5, trigger), end.clone()];
        assert!(!ordered(&healed, None).await, "{trigger:?}");
    }
    // No delivery failed for good.
    let waits = waiting(&second, 2, ago(2 * DAY));
    assert!(!ordered(&[begin.clone(), waits], None).await);
    // One bad night.
    let night = last(ago(6 * DAY - 11 * HOUR));
    assert!(!ordered(&[begin.clone(), night], None).await);
    // Not long enough.
    let recent = waiting(&event(ago(4 * DAY), 7), 1, ago(4 * DAY));
    assert!(!ordered(&[recent, end.clone()], None).await);
    // What a person tried by hand is no failure.
    let record = made(&first, 1, started(&first), Progress::Exhausted);
    let by_hand = Outcome::Attempt(AttemptRecord {
        trigger: Trigger::Manual,
        ..record
    });
    assert!(!ordered(&[by_hand, end.clone()], None).await);
    // It was enabled since.
    let disabling = EndpointChange {
        disabled: Some(true),
        ..EndpointChange::default()
    };
    assert!(!ordered(&[begin, end], Some(disabling)).await);
}

#[tokio::test]
async fn a_batch_that_is_written_again_changes_nothing() {
    let (_database, store) = store().await;
    create_application(&store).await;
    let row = create_endpoint(&store, &application(), "a").await;
    create_listener(&store).await;
    let (first, second) = (event(ago(6 * DAY), 1), event(ago(4 * DAY), 3));
    let failed = [
        waiting(&first, 4, ago(6 * DAY)),
        Outcome::Attempt(made(&second, 9, ago(2 * DAY), Progress::Exhausted)),
    ];
    let delivered = made(&first, 5, ago(DAY), Progress::Delivered);
    let healed = [Outcome::Attempt(delivered)];
    for batch in [&failed[..], &healed, &failed] {
        store.write_outcomes(batch).await.unwrap();
    }
    assert_eq!(store.order_failing(now(), PATIENCE).await.unwrap(), 0);
    let told = notices(&store).await;
    let kinds: Vec<&str> = told.iter().map(|notice| notice.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "message.attempt.failing",
            "message.attempt.exhausted",
            "message.attempt.recovered"
        ]
    );
    // Taken ones are left alone, forgotten ones do not come back.
    assert!(notices(&store).await.is_empty());
    let ids: Vec<i64> = told.iter().map(|notice| notice.id).collect();
    store.forget_notices(&ids).await.unwrap();
    for batch in [&failed[..], &healed] {
        store.write_outcomes(batch).await.unwrap();
    }
    let left = store.take_notices(Duration::ZERO, 100).await.unwrap();
    assert_eq!(left, []);
    assert!(!stored(&store, &row.id).await.settings.disabled);
}

#[tokio::test]
async fn only_who_listens_is_told_and_never_of_what_is_told_there() {
    let (_database, store) = store().await;
    create_application(&store).await;
    let row = create_endpoint(&store, &application(), "a").await;
    let first = event(ago(60), 1);
    let exhausted =
        |event: &Event, number| Outcome::Attempt(made(event, number, ago(30), Progress::Exhausted));
    store.write_outcomes(&[exhausted(&first, 7)]).await.unwrap();
    assert_eq!(notices(&store).await, []);

    let hidden = create_listener(&store).await;
    let mut second = event(ago(50), 3);
    second.meta.producer_key = Some(ProducerKey::parse("invoice-42").unwrap());
    store
        .write_events(std::slice::from_ref(&second))
        .await
        .unwrap();
    let mut of_hidden = event(ago(40), 5);
    of_hidden.meta.application = hidden;
    // Of a delivery that is not told as failing, it is not told that it recovered either.
    let quick = event(ago(35), 7);
    let delivered = Outcome::Attempt(made(&quick, 4, ago(30), Progress::Delivered));
    let batch = [exhausted(&second, 8), exhausted(&of_hidden, 9), delivered];
    store.write_outcomes(&batch).await.unwrap();
    let told = notices(&store).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].kind, "message.attempt.exhausted");
    assert_eq!(told[0].application_uid, Some(Uid::parse("shop").unwrap()));
    let About::Attempt {
        event,
        producer_key,
        status,
        ..
    } = &told[0].about
    else {
        panic!("{told:?}");
    };
    assert_eq!(event, &second.meta.id);
    assert_eq!(producer_key.as_deref(), Some("invoice-42"));
    assert_eq!(*status, Some(503));

    let gone = asking(&self::event(ago(20), 9), Wish::Gone, row.version);
    store.write_outcomes(&[gone]).await.unwrap();
    assert!(carry_out(&store).await);
    let kinds: Vec<String> = notices(&store).await.into_iter().map(|n| n.kind).collect();
    assert_eq!(kinds, ["message.attempt.exhausted", "endpoint.disabled"]);
}
