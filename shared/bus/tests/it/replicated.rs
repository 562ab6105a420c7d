//! Consumers of which three servers keep copies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use posthorn_bus::batches::Limits;
use posthorn_bus::topology::Reader;
use posthorn_bus::{Bus, BusConfig, Role};
use posthorn_event_schema::{DeliveryJob, Event, Partition};
use posthorn_harness::TestNatsCluster;

use crate::samples;

const JOBS: usize = 400;
/// Smaller than what waits, so that each pull is filled.
const PULL: usize = 16;

#[tokio::test]
async fn full_pulls_and_batches_of_a_replicated_consumer_lose_nothing() {
    let nats = Box::pin(TestNatsCluster::start("")).await;
    let mut config = BusConfig::for_url(&nats.url());
    config.replicas = 3;
    config.connect_timeout = Duration::from_secs(120);
    let bus = Bus::connect(&config, "test").await.unwrap();
    bus.ensure(&Role::ALL).await.unwrap();
    let endpoint = samples::endpoint("a");
    let jobs = (0..JOBS).map(|n| samples::job(&format!("event_{n}"), &endpoint));
    let jobs: Vec<DeliveryJob> = jobs.collect();
    // Each in a message of its own.
    let published = jobs.iter().map(|job| bus.publish_job(job));
    for stored in join_all(published).await {
        stored.unwrap();
    }

    let partition = bus.partition(Partition::of(&endpoint)).await.unwrap();
    let (mut came, mut again) = (BTreeSet::new(), 0);
    let started = Instant::now();
    while came.len() < JOBS {
        let pulled = partition.pull(PULL, 4 * 1024 * 1024, Duration::from_secs(5));
        let mut pulled = pulled.await.unwrap();
        while let Some(message) = pulled.next().await.unwrap() {
            let job = DeliveryJob::decode(message.payload()).unwrap();
            came.insert(job.meta.event);
            again += usize::from(message.delivered() > 1);
            message.ack().await;
        }
    }
    // What a pull loses comes again, but only after the ack wait.
    assert_eq!(again, 0, "in {:?}", started.elapsed());

    let events = (0..JOBS).map(|n| samples::event(&format!("event_{n}")));
    let events: Vec<Event> = events.collect();
    for stored in join_all(events.iter().map(|event| bus.publish_event(event))).await {
        stored.unwrap();
    }
    let mut batches = bus.batches(Reader::RecorderEvents).await.unwrap();
    let limits = Limits {
        messages: PULL,
        bytes: 4 * 1024 * 1024,
        age: Duration::from_millis(1),
    };
    came.clear();
    let started = Instant::now();
    while came.len() < JOBS {
        for message in batches.next(limits).await {
            came.insert(Event::decode(message.payload()).unwrap().meta.id);
            again += usize::from(message.delivered() > 1);
            message.ack().await;
        }
    }
    assert_eq!(again, 0, "in {:?}", started.elapsed());
}
