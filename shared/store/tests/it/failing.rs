//! Warnings of endpoints that only fail.

use std::time::Duration;

use posthorn_event_schema::{Outcome, Progress, Timestamp};
use posthorn_harness::TestDatabase;
use posthorn_store::Store;
use posthorn_store::endpoint::EndpointChange;
use posthorn_store::operational_notice::{About, Notice};

use crate::disabling::{
    DAY, HOUR, PATIENCE, ago, change, create_application, create_endpoint, create_listener,
    enabling, made, notices, waiting,
};
use crate::sample::{application, event, now, store};

const DISABLED_AFTER: Option<Duration> = Some(Duration::from_secs(5 * DAY));

/// Notes warnings after a day and after three, at this moment.
async fn look(store: &Store, at: Timestamp) -> u64 {
    let mut warned = 0;
    for days in [3, 1] {
        let age = Duration::from_secs(days * DAY);
        warned += store.note_failing(age, DISABLED_AFTER, at).await.unwrap();
    }
    warned
}

/// What is to be told of endpoints that fail.
async fn warnings(store: &Store) -> Vec<Notice> {
    let mut found = notices(store).await;
    let ids: Vec<i64> = found.iter().map(|notice| notice.id).collect();
    store.forget_notices(&ids).await.unwrap();
    found.retain(|notice| notice.kind == "endpoint.failing");
    found
}

/// A store with an endpoint, and somebody who wants to know of it.
async fn listening() -> (TestDatabase, Store) {
    let (database, store) = store().await;
    create_application(&store).await;
    create_endpoint(&store, &application(), "a").await;
    create_listener(&store).await;
    (database, store)
}

async fn write(store: &Store, outcome: Outcome) {
    store.write_outcomes(&[outcome]).await.unwrap();
}

/// Failures at these times before now, in hours.
async fn fail(store: &Store, hours: &[u64]) {
    for hours in hours {
        let at = ago(hours * HOUR);
        let number = u8::try_from(*hours).unwrap();
        write(store, waiting(&event(at, number), 1, at)).await;
    }
}

#[tokio::test]
async fn a_warning_is_noted_once_in_a_streak_of_failures() {
    let (_database, store) = listening().await;
    fail(&store, &[100, 80, 60, 40, 20]).await;
    let day = |days: u64| ago(100 * HOUR).plus(Duration::from_secs(days * DAY + 60));
    assert_eq!(
        look(&store, day(1).minus(Duration::from_secs(120))).await,
        0
    );
    let (one, two) = tokio::join!(look(&store, day(1)), look(&store, day(1)));
    assert_eq!(one + two, 1);
    let told = warnings(&store).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let About::Failing {
        fail_since,
        disable_at,
    } = told[0].about
    else {
        panic!("{told:?}");
    };
    // The first of them ended a moment after it began, which was a minute before `day(0)`.
    let off = day(0).since(fail_since);
    assert!(off < Duration::from_secs(90), "{off:?}");
    assert_eq!(disable_at, Some(fail_since.plus(PATIENCE.failing_for)));
    assert_eq!(look(&store, day(2)).await, 0);
    assert_eq!(look(&store, day(3)).await, 1);
    assert_eq!(look(&store, day(4)).await, 0);
    let later = warnings(&store).await;
    assert_eq!(later.len(), 1);
    assert_ne!(later[0].subject, told[0].subject);

    // A success ends the streak; the next one is warned of anew.
    let healed = made(&event(ago(10), 200), 1, ago(10), Progress::Delivered);
    write(&store, Outcome::Attempt(healed)).await;
    assert_eq!(
        look(&store, now().plus(Duration::from_secs(4 * DAY))).await,
        0
    );
    fail(&store, &[48, 12]).await;
    assert_eq!(look(&store, now()).await, 1);
    assert_eq!(warnings(&store).await.len(), 1);
}

#[tokio::test]
async fn who_was_not_looked_at_for_days_gets_the_last_warning_alone() {
    let (_database, store) = listening().await;
    fail(&store, &[90, 10]).await;
    assert_eq!(look(&store, now()).await, 1);
    assert_eq!(look(&store, now()).await, 0);
    let told = warnings(&store).await;
    assert!(told[0].subject.ends_with("/259200"), "{told:?}");
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn one_bad_hour_is_no_reason_for_a_warning() {
    let (_database, store) = listening().await;
    fail(&store, &[70, 69]).await;
    assert_eq!(look(&store, now()).await, 0);
    fail(&store, &[20]).await;
    assert_eq!(look(&store, now()).await, 1);
}

#[tokio::test]
async fn what_failed_before_the_endpoint_was_enabled_does_not_count() {
    let (_database, store) = listening().await;
    fail(&store, &[60, 30]).await;
    assert_eq!(look(&store, now()).await, 1);
    let disabling = EndpointChange {
        disabled: Some(true),
        ..EndpointChange::default()
    };
    change(&store, disabling).await;
    assert_eq!(look(&store, now()).await, 0);
    change(&store, enabling()).await;
    assert_eq!(look(&store, now()).await, 0);
    // The old failures are still known, and so is that they were warned of.
    let later = |hours: u64| now().plus(Duration::from_secs(hours * HOUR));
    write(&store, waiting(&event(now(), 201), 1, later(20))).await;
    assert_eq!(look(&store, later(23)).await, 0);
    assert_eq!(look(&store, later(25)).await, 1);
    assert_eq!(warnings(&store).await.len(), 2);
}

#[tokio::test]
async fn nobody_is_told_who_does_not_listen() {
    let (_database, store) = store().await;
    create_application(&store).await;
    create_endpoint(&store, &application(), "a").await;
    fail(&store, &[60, 30]).await;
    assert_eq!(look(&store, now()).await, 1);
    assert!(warnings(&store).await.is_empty());
}
