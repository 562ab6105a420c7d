//! Each service makes what is its own, and waits for what others make.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::{self, consumer::pull};
use futures::TryStreamExt;
use futures::future::{join_all, try_join_all};
use posthorn_bus::topology::{Bucket, REVISION, Reader, Stream};
use posthorn_bus::{Bus, BusConfig, BusError, Role};
use posthorn_harness::TestNats;
use tokio::time::sleep;

/// A process that waits so long for others.
async fn patient(nats: &TestNats, patience: Duration) -> Bus {
    let mut config = BusConfig::for_url(&nats.url());
    config.connect_timeout = patience;
    Bus::connect(&config, "test").await.unwrap()
}

async fn server(nats: &TestNats) -> jetstream::Context {
    jetstream::new(async_nats::connect(nats.url()).await.unwrap())
}

async fn streams(nats: &TestNats) -> BTreeSet<String> {
    let server = server(nats).await;
    server.stream_names().try_collect().await.unwrap()
}

/// The consumers that there are, with their streams.
async fn readers(nats: &TestNats) -> BTreeSet<(String, String)> {
    let server = server(nats).await;
    let mut found = BTreeSet::new();
    for name in streams(nats).await {
        let stream = server.get_stream(&name).await.unwrap();
        let names: Vec<String> = stream.consumer_names().try_collect().await.unwrap();
        found.extend(names.into_iter().map(|reader| (name.clone(), reader)));
    }
    found
}

/// What one service makes without any other: streams, and their consumers.
async fn made_alone(role: Role) -> (BTreeSet<String>, BTreeSet<(String, String)>, BusError) {
    let nats = TestNats::start().await;
    let bus = patient(&nats, Duration::from_millis(300)).await;
    let error = bus.ensure(&[role]).await.unwrap_err();
    (streams(&nats).await, readers(&nats).await, error)
}

#[tokio::test]
async fn alone_a_service_makes_its_own_and_says_for_whom_it_waits() {
    let all = Role::ALL.map(async |role| (role, made_alone(role).await));
    for (role, (made, readers, error)) in join_all(all).await {
        let own = Stream::ALL.iter().filter(|stream| stream.maker() == role);
        let own = own.map(|stream| stream.name().to_owned());
        let buckets = Bucket::ALL.iter().filter(|bucket| bucket.maker() == role);
        let buckets = buckets.map(|bucket| bucket.stream_name());
        assert_eq!(made, own.chain(buckets).collect(), "{role:?}");
        // No stream waits for others to get a reader.
        let own = Reader::all().filter(|reader| reader.maker() == role);
        let own = own.filter(|reader| reader.stream().maker() == role);
        let own = own.map(|reader| (reader.stream().name().to_owned(), reader.name()));
        assert_eq!(readers, own.collect(), "{role:?}");
        let BusError::NotMade { what, maker } = &error else {
            panic!("{role:?}: {error}");
        };
        assert_ne!(*maker, role.name());
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(maker), "{text}");
    }
}

#[tokio::test]
async fn services_start_in_any_order() {
    for first in 0..Role::ALL.len() {
        let nats = TestNats::start().await;
        let mut order = Role::ALL;
        order.rotate_left(first);
        let starts = (0_u32..).zip(order).map(async |(number, role)| {
            sleep(Duration::from_millis(150) * number).await;
            let bus = patient(&nats, crate::SOON).await;
            bus.ensure(&[role]).await
        });
        try_join_all(starts).await.unwrap();
        let made = streams(&nats).await;
        assert_eq!(made.len(), Stream::ALL.len() + Bucket::ALL.len());
        let bus = crate::connect(&nats).await;
        let readers = bus.reader_states().await.unwrap();
        assert_eq!(readers.len(), Reader::all().count());
    }
}

#[tokio::test]
async fn nobody_accepts_events_before_both_readers_are_there() {
    for last in [Role::Fanout, Role::Recorder] {
        let nats = TestNats::start().await;
        let bus = crate::connect(&nats).await;
        bus.ensure(&Role::ALL).await.unwrap();
        // All is there but one reader of EVENTS, as if its service had never been started.
        let events = server(&nats).await.get_stream("EVENTS").await.unwrap();
        events.delete_consumer(last.name()).await.unwrap();
        for role in [Role::Ingest, Role::Api] {
            let bus = patient(&nats, Duration::from_millis(300)).await;
            let error = bus.ensure(&[role]).await.unwrap_err();
            let BusError::NotMade { what, maker } = &error else {
                panic!("{role:?}: {error}");
            };
            assert_eq!(*what, format!("consumer {} of EVENTS", last.name()));
            assert_eq!(*maker, last.name());
        }
        let waiting = [Role::Ingest, Role::Api].map(async |role| {
            let bus = patient(&nats, crate::SOON).await;
            bus.ensure(&[role]).await
        });
        let (waited, made) = tokio::join!(try_join_all(waiting), async {
            sleep(Duration::from_millis(300)).await;
            bus.ensure(&[last]).await
        });
        waited.unwrap();
        made.unwrap();
    }
}

#[tokio::test]
async fn an_older_build_leaves_alone_what_a_newer_one_has_made() {
    let (nats, bus) = crate::start().await;
    let server = server(&nats).await;
    let limit = async |name: &str| {
        let stream = server.get_stream(name).await.unwrap();
        stream.cached_info().config.max_messages
    };
    let made_by = async |revision: Option<u32>, limit: i64| {
        for name in ["EVENTS", "KV_config"] {
            let stream = server.get_stream(name).await.unwrap();
            let mut config = stream.cached_info().config.clone();
            config.metadata.clear();
            let revision = revision.map(|revision| revision.to_string());
            let revision = revision.map(|revision| ("posthorn.revision".to_owned(), revision));
            config.metadata.extend(revision);
            config.max_messages = limit;
            server.update_stream(config).await.unwrap();
        }
    };
    made_by(Some(REVISION + 1), 5_000).await;
    bus.ensure(&Role::ALL).await.unwrap();
    assert_eq!(
        (limit("EVENTS").await, limit("KV_config").await),
        (5_000, 5_000)
    );
    // What a build made that knew no revisions is brought up to date.
    for older in [None, Some(REVISION - 1), Some(REVISION)] {
        made_by(older, 5_000).await;
        bus.ensure(&Role::ALL).await.unwrap();
        assert_eq!(
            (limit("EVENTS").await, limit("KV_config").await),
            (-1, -1),
            "{older:?}"
        );
    }
}

#[tokio::test]
async fn an_older_build_leaves_alone_a_newer_ones_consumers() {
    let (nats, bus) = crate::start().await;
    let events = server(&nats).await.get_stream("EVENTS").await.unwrap();
    let config = async || {
        let consumer = events.get_consumer::<pull::Config>("fanout").await.unwrap();
        consumer.cached_info().config.clone()
    };
    let newest = config().await.max_ack_pending;
    for (revision, kept) in [(REVISION + 1, 5), (REVISION, newest)] {
        let mut other = config().await;
        let key = "posthorn.revision".to_owned();
        other.metadata.insert(key, revision.to_string());
        other.max_ack_pending = 5;
        events.create_consumer(other).await.unwrap();
        bus.ensure(&Role::ALL).await.unwrap();
        assert_eq!(config().await.max_ack_pending, kept);
        bus.messages(Reader::Fanout, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_sender_does_not_begin_while_an_earlier_build_has_deliveries() {
    let nats = TestNats::start().await;
    let server = server(&nats).await;
    let jobs = jetstream::stream::Config {
        name: "JOBS".to_owned(),
        subjects: vec!["jobs.>".to_owned()],
        ..Default::default()
    };
    let stream = server.create_stream(jobs).await.unwrap();
    let published = server.publish("jobs.36.ep_1", "a delivery".into()).await;
    published.unwrap().await.unwrap();
    let bus = patient(&nats, Duration::from_millis(300)).await;
    let error = bus.ensure(&Role::ALL).await.unwrap_err();
    let reason = posthorn_chassis::error_chain::chain(&error);
    assert!(reason.contains("JOBS of an earlier build"), "{reason}");
    assert!(reason.contains("messages: 1"), "{reason}");
    assert_eq!(streams(&nats).await, ["JOBS".to_owned()].into());

    stream.purge().await.unwrap();
    bus.ensure(&Role::ALL).await.unwrap();
}
