//! What healthy endpoints feel of hanging and failing ones.
//!
//! Events go to endpoints of many customers at a steady rate, first while all endpoints are well, then
//! while some hang until the sender gives up and some answer 500.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::traffic::{Phase, Traffic, customers};
use crate::world::{Setup, World};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Customers, with an endpoint each
    #[arg(long, default_value_t = 2_000)]
    endpoints: u32,
    /// Of a hundred endpoints, how many hang
    #[arg(long, default_value_t = 10)]
    hang: u32,
    /// Of a hundred endpoints, how many answer 500
    #[arg(long, default_value_t = 5)]
    fail: u32,
    /// Give half of the events to one endpoint in a hundred
    #[arg(long)]
    skew: bool,
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

/// Measures both phases; prints a table and returns the figures.
///
/// # Errors
/// When an event is refused.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Value> {
    let world = World::start(options.setup, |settings| {
        settings
            .with("POSTHORN_SENDER_TIMEOUT", "5s")
            .with("POSTHORN_BREAKER_OPEN", "30s")
            .with("POSTHORN_RETRY_SCHEDULE", "5s,30s,2m,10m")
    })
    .await?;
    let receiver = Receiver::start().await?;
    let customers = customers(&world, &receiver, paths(options)).await;
    let favourites = if options.skew {
        customers.len() / 100
    } else {
        0
    };
    let traffic = Traffic::new(&customers, favourites, options.rate);
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let (warm_up, measured) = (seconds(options.warm_up), seconds(options.seconds));
    let quiet = traffic.phase(&world, &receiver, warm_up, measured).await?;
    receiver.misbehave(true);
    let noisy = traffic.phase(&world, &receiver, warm_up, measured).await?;
    Ok(show(options, &quiet, &noisy))
}

/// Where the customers' endpoints are: the favourites first, who are among the healthy ones.
fn paths(options: &Options) -> Vec<String> {
    let path = |n| format!("/{}/{n}", kind(n, options));
    let (favourites, others): (Vec<u32>, Vec<u32>) =
        (0..options.endpoints).partition(|n| n % 100 == 99);
    favourites.into_iter().chain(others).map(path).collect()
}

/// What kind of endpoint a customer has.
fn kind(n: u32, options: &Options) -> &'static str {
    match n % 100 {
        share if share < options.hang => "hang",
        share if share < options.hang + options.fail => "fail",
        _ => "good",
    }
}

fn show(options: &Options, quiet: &Phase, noisy: &Phase) -> Value {
    println!(
        "neighbours: {} endpoints, {} % hang, {} % answer 500, {} events/s{}, {:?}",
        options.endpoints,
        options.hang,
        options.fail,
        options.rate,
        if options.skew {
            ", half of them to 1 % of the endpoints"
        } else {
            ""
        },
        options.setup,
    );
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>9} {:>11}",
        "healthy endpoints", "p50 ms", "p90 ms", "p99 ms", "max ms", "memory MiB"
    );
    for (name, phase) in [
        ("all endpoints well", quiet),
        ("some hang, some fail", noisy),
    ] {
        let times = &phase.times;
        println!(
            "{name:<24} {:>9.3} {:>9.3} {:>9.3} {:>9.1} {:>11.0}",
            times.millis(0.5),
            times.millis(0.9),
            times.millis(0.99),
            times.millis(1.0),
            phase.taken.fleet_memory_mib()
        );
    }
    let ratio = noisy.times.millis(0.99) / quiet.times.millis(0.99);
    println!("{:<24} {ratio:>29.2} of p99", "ratio");
    println!("quiet: {}", quiet.taken.line());
    println!("noisy: {}\n", noisy.taken.line());
    json!({
        "scenario": "neighbours",
        "setup": format!("{:?}", options.setup),
        "endpoints": options.endpoints,
        "hang_percent": options.hang,
        "fail_percent": options.fail,
        "skew": options.skew,
        "rate": options.rate,
        "quiet": quiet.times.to_json(),
        "noisy": noisy.times.to_json(),
        "taken": [quiet.taken.to_json(), noisy.taken.to_json()],
        "ratio_of_p99": ratio,
    })
}
