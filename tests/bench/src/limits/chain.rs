//! The limit of queueing: three work queues behind one another, as EVENTS, JOBS and OUTCOMES are, with
//! nothing done between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self};
use bytes::Bytes;
use futures::StreamExt;
use posthorn_harness::TestNats;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The queues, in their order.
const QUEUES: [&str; 3] = ["first", "second", "third"];
/// Messages that a reader has in hand; and those on their way through the whole chain.
const IN_HAND: usize = 64;
const ON_THEIR_WAY: usize = 512;

/// Messages per second through all queues of a server.
///
/// # Errors
/// When the server refuses something.
pub(crate) async fn rate(
    nats: &TestNats,
    payload: usize,
    warm_up: Duration,
    measured: Duration,
) -> anyhow::Result<f64> {
    let client = async_nats::connect(nats.url()).await?;
    let jetstream = jetstream::new(client);
    for name in QUEUES {
        let config = Config {
            name: name.to_owned(),
            subjects: vec![name.to_owned()],
            retention: RetentionPolicy::WorkQueue,
            ..Config::default()
        };
        jetstream.create_stream(config).await?;
    }
    let (room, arrived) = (Arc::new(Semaphore::new(ON_THEIR_WAY)), Arc::default());
    let mut work = JoinSet::new();
    for (queue, next) in QUEUES.iter().zip([Some("second"), Some("third"), None]) {
        let end = (Arc::clone(&room), Arc::clone(&arrived));
        work.spawn(pass_on(connect(nats).await?, queue, next, end));
    }
    let producer = connect(nats).await?;
    work.spawn(produce(producer, room, Bytes::from("x".repeat(payload))));
    tokio::time::sleep(warm_up).await;
    let (from, since) = (arrived.load(Ordering::Relaxed), Instant::now());
    tokio::select! {
        () = tokio::time::sleep(measured) => {}
        Some(ended) = work.join_next() => ended??,
    }
    let count = arrived.load(Ordering::Relaxed) - from;
    let rate = f64::from(count) / since.elapsed().as_secs_f64();
    work.shutdown().await;
    // Seen once, on a machine that had just started; a limit of nothing says nothing.
    anyhow::ensure!(
        count > 0,
        "no message came through the queues in {measured:?}"
    );
    for name in QUEUES {
        jetstream.delete_stream(name).await?;
    }
    Ok(rate)
}

/// A connection of its own, as each service has one.
async fn connect(nats: &TestNats) -> anyhow::Result<jetstream::Context> {
    Ok(jetstream::new(async_nats::connect(nats.url()).await?))
}

async fn produce(
    jetstream: jetstream::Context,
    room: Arc<Semaphore>,
    payload: Bytes,
) -> anyhow::Result<()> {
    let mut under_way = JoinSet::new();
    loop {
        room.acquire().await?.forget();
        let ack = jetstream.publish(QUEUES[0], payload.clone()).await?;
        under_way.spawn(ack.into_future());
        while let Some(stored) = under_way.try_join_next() {
            stored??;
        }
    }
}

/// Takes each message of a queue, stores it in the next one, and only then acks it.
async fn pass_on(
    jetstream: jetstream::Context,
    queue: &'static str,
    next: Option<&'static str>,
    (room, arrived): (Arc<Semaphore>, Arc<AtomicU32>),
) -> anyhow::Result<()> {
    let config = pull::Config {
        durable_name: Some("reader".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    };
    let consumer = jetstream.create_consumer_on_stream(config, queue).await?;
    let messages = consumer.stream().max_messages_per_batch(IN_HAND);
    let mut messages = messages.messages().await?;
    let mut under_way = JoinSet::new();
    loop {
        let message = messages.next().await.context("the reader ended")??;
        let (jetstream, room) = (jetstream.clone(), Arc::clone(&room));
        let arrived = Arc::clone(&arrived);
        under_way.spawn(async move {
            match next {
                Some(next) => {
                    let stored = jetstream.publish(next, message.payload.clone());
                    stored.await?.await?;
                }
                None => {
                    arrived.fetch_add(1, Ordering::Relaxed);
                    room.add_permits(1);
                }
            }
            let acked = message.ack().await;
            acked.map_err(|error| anyhow::anyhow!("ack: {error}"))
        });
        while let Some(passed) = under_way.try_join_next() {
            passed??;
        }
    }
}
