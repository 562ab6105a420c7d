//! What healthy endpoints feel of hanging and failing ones.
//!
//! Events go to random endpoints of many customers at a steady rate, first while all endpoints are
//! well, then while some hang until the sender gives up and some answer 500. Times count from when an
//! event was due to be sent (so a producer that is held up hides nothing) to its arrival.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::Connection;
use crate::latency::Times;
use crate::receiver::Receiver;
use crate::world::{Shape, Sync, World};

/// Connections of the producer.
const CONNECTIONS: u32 = 16;

#[derive(Args)]
pub(crate) struct Options {
    /// When nats-server writes to disk
    #[arg(long, value_enum, default_value = "default")]
    sync: Sync,
    /// How the services run
    #[arg(long, value_enum, default_value = "fleet")]
    shape: Shape,
    /// Customers, with an endpoint each
    #[arg(long, default_value_t = 2_000)]
    endpoints: u32,
    /// Of a hundred endpoints, how many hang
    #[arg(long, default_value_t = 10)]
    hang: u32,
    /// Of a hundred endpoints, how many answer 500
    #[arg(long, default_value_t = 5)]
    fail: u32,
    /// Events per second
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// Seconds that each of the two phases is measured
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Seconds before that
    #[arg(long, default_value_t = 15)]
    warm_up: u32,
}

/// One phase's figures.
struct Phase {
    times: Times,
    memory_mib: f64,
}

/// Measures both phases; prints a table and returns the figures.
///
/// # Errors
/// When an event is refused.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Value> {
    let world = World::start(options.sync, options.shape, |settings| {
        settings
            .with("POSTHORN_SENDER_TIMEOUT", "5s")
            .with("POSTHORN_BREAKER_OPEN", "30s")
            .with("POSTHORN_RETRY_SCHEDULE", "5s,30s,2m,10m")
    })
    .await?;
    let receiver = Receiver::start().await?;
    let paths = Arc::new(customers(&world, &receiver, options).await?);
    let quiet = phase(&world, &receiver, &paths, options).await?;
    receiver.misbehave(true);
    let noisy = phase(&world, &receiver, &paths, options).await?;
    println!(
        "neighbours: {} endpoints, {} % hang, {} % answer 500, {} events/s, sync {:?}",
        options.endpoints, options.hang, options.fail, options.rate, options.sync
    );
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>9} {:>11}",
        "healthy endpoints", "p50 ms", "p90 ms", "p99 ms", "max ms", "memory MiB"
    );
    let row = |name, phase: &Phase| {
        let times = &phase.times;
        println!(
            "{name:<24} {:>9.3} {:>9.3} {:>9.3} {:>9.1} {:>11.0}",
            times.millis(0.5),
            times.millis(0.9),
            times.millis(0.99),
            times.millis(1.0),
            phase.memory_mib
        );
    };
    row("all endpoints well", &quiet);
    row("some hang, some fail", &noisy);
    let ratio = noisy.times.millis(0.99) / quiet.times.millis(0.99);
    println!("{:<24} {ratio:>29.2} of p99\n", "ratio");
    Ok(json!({
        "scenario": "neighbours",
        "endpoints": options.endpoints,
        "hang_percent": options.hang,
        "fail_percent": options.fail,
        "rate": options.rate,
        "quiet": quiet.times.to_json(),
        "noisy": noisy.times.to_json(),
        "memory_mib": [quiet.memory_mib, noisy.memory_mib],
        "ratio_of_p99": ratio,
    }))
}

/// Makes the customers; returns the path of each one's messages.
async fn customers(
    world: &World,
    receiver: &Receiver,
    options: &Options,
) -> anyhow::Result<Vec<String>> {
    let mut making = JoinSet::new();
    for first in 0..CONNECTIONS {
        let mine: Vec<_> = (first..options.endpoints)
            .step_by(CONNECTIONS as usize)
            .map(|n| (n, receiver.url(&format!("/{}/{n}", kind(n, options)))))
            .collect();
        let client = world.client.clone();
        making.spawn(async move {
            let mut paths = Vec::with_capacity(mine.len());
            for (n, url) in mine {
                let app = client.application(&format!("customer-{n}")).await;
                client.endpoint(&app, &url).await;
                paths.push(format!("/api/v1/app/{app}/msg"));
            }
            paths
        });
    }
    let made = making.join_all().await;
    Ok(made.into_iter().flatten().collect())
}

/// What kind of endpoint a customer has.
fn kind(n: u32, options: &Options) -> &'static str {
    match n % 100 {
        share if share < options.hang => "hang",
        share if share < options.hang + options.fail => "fail",
        _ => "good",
    }
}

/// Sends for a while, and measures the second part of it.
async fn phase(
    world: &World,
    receiver: &Receiver,
    paths: &Arc<Vec<String>>,
    options: &Options,
) -> anyhow::Result<Phase> {
    let warm_up = Duration::from_secs(options.warm_up.into());
    let length = warm_up + Duration::from_secs(options.seconds.into());
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for first in 0..CONNECTIONS {
        let mut connection = Connection::open(&world.ingest_url, &world.token).await?;
        let (paths, rate) = (Arc::clone(paths), options.rate);
        sending.spawn(async move {
            let mut number = first;
            loop {
                let due = begun + Duration::from_secs(1) * number / rate;
                if due.duration_since(begun) > length {
                    return anyhow::Ok(());
                }
                tokio::time::sleep_until(due).await;
                send(&mut connection, &paths, number, due).await?;
                number += CONNECTIONS;
            }
        });
    }
    tokio::time::sleep_until(begun + warm_up).await;
    drop(receiver.take_times());
    while let Some(ended) = sending.join_next().await {
        ended.context("the producer")??;
    }
    // What is on its way belongs to this phase.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(Phase {
        times: receiver.take_times(),
        memory_mib: world.memory_mib(),
    })
}

async fn send(
    connection: &mut Connection,
    paths: &[String],
    number: u32,
    due: Instant,
) -> anyhow::Result<()> {
    let late = due.elapsed();
    let due = posthorn_e2e::settings::now().minus(late).as_unix_micros();
    let body = format!(r#"{{"eventType":"a","payload":{{"due":{due},"n":{number}}}}}"#);
    // A multiplicative hash: any customer may be next.
    let place = number.wrapping_mul(2_654_435_761) as usize % paths.len();
    connection
        .post(&paths[place], None, body.into(), 202)
        .await
        .map(drop)
}
