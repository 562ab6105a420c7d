//! The configuration snapshot: written if newer, followed by every process.

use std::time::Duration;

use posthorn_bus::config_bucket::Written;
use posthorn_chassis::Shutdown;
use posthorn_event_schema::{ApplicationRef, OrganizationId, Uid};
use posthorn_harness::eventually;

use crate::samples::{application_entry, endpoint, endpoint_entry};

#[tokio::test]
async fn an_older_entry_never_replaces_a_newer_one() {
    let (_nats, bus) = crate::start().await;
    let bucket = bus.config_bucket().await.unwrap();
    let put = async |version, url| {
        bucket
            .put_endpoint(&endpoint_entry(version, url))
            .await
            .unwrap()
    };
    assert_eq!(put(2, "http://two").await, Written::Stored);
    assert_eq!(put(1, "http://one").await, Written::Superseded);
    assert_eq!(put(3, "http://three").await, Written::Stored);
    let versions = bucket.versions().await.unwrap();
    assert_eq!(versions.into_values().collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn a_change_reaches_the_snapshot_and_a_deletion_too() {
    let (_nats, bus) = crate::start().await;
    let bucket = bus.config_bucket().await.unwrap();
    bucket.put_application(&application_entry(1)).await.unwrap();
    let shutdown = Shutdown::new();
    let snapshot = bus.snapshot(&shutdown).await.unwrap();

    let organization = OrganizationId::parse("org_1").unwrap();
    let by_uid = ApplicationRef::Uid(Uid::parse("acme").unwrap());
    let found = snapshot.application(&organization, &by_uid).unwrap();
    let stranger = OrganizationId::parse("org_2").unwrap();
    assert!(snapshot.application(&stranger, &by_uid).is_none());
    let by_id = ApplicationRef::Id(found.id.clone());
    assert!(
        snapshot.application(&stranger, &by_id).is_none(),
        "an id of somebody else"
    );

    bucket
        .put_endpoint(&endpoint_entry(1, "http://one"))
        .await
        .unwrap();
    snapshot.catch_up(Duration::from_secs(5)).await.unwrap();
    assert_eq!(
        snapshot.endpoint(&found.id, &endpoint("1")).unwrap().url,
        "http://one"
    );

    let mut deleted = endpoint_entry(2, "http://one");
    deleted.deleted = true;
    bucket.put_endpoint(&deleted).await.unwrap();
    snapshot.catch_up(Duration::from_secs(5)).await.unwrap();
    assert!(snapshot.endpoint(&found.id, &endpoint("1")).is_none());
    shutdown.trigger();
    shutdown.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_snapshot_stays_in_force_while_nats_is_away_and_follows_again_afterwards() {
    let (mut nats, bus) = crate::start().await;
    let bucket = bus.config_bucket().await.unwrap();
    bucket
        .put_endpoint(&endpoint_entry(1, "http://one"))
        .await
        .unwrap();
    let shutdown = Shutdown::new();
    let snapshot = bus.snapshot(&shutdown).await.unwrap();
    let url = || {
        let application = application_entry(1).id;
        snapshot
            .endpoint(&application, &endpoint("1"))
            .map(|endpoint| endpoint.url.clone())
    };
    nats.kill();
    assert_eq!(url().as_deref(), Some("http://one"));
    assert!(snapshot.catch_up(Duration::from_millis(200)).await.is_err());

    nats.restart().await;
    eventually(Duration::from_secs(20), "the new address", async || {
        let written = bucket.put_endpoint(&endpoint_entry(2, "http://two")).await;
        match url().as_deref() {
            Some("http://two") => Ok(()),
            other => Err(format!("{other:?}, {written:?}")),
        }
    })
    .await;
    shutdown.trigger();
}
