//! How long a producer waits until its event is accepted.
//!
//! The limit is one awaited publish of the same event, as the fleet stores it, on the same stream:
//! what no door can be faster than. All doors take turns, so that whatever disturbs the machine
//! disturbs them alike. Requests are due at a fixed rate, spread over a number of producers; one that
//! is still busy then makes its next request wait, and that counts (no coordinated omission). The
//! fleet delivers every event meanwhile, also those that were published without a door.
//!
//! A low rate measures how fast a sleeping machine wakes up: twice for a bare publish, four times for
//! a door, since a request passes through one more process. What a door adds shows at a rate that
//! keeps the processors awake.

use std::time::Duration;

use clap::Args;
use futures::future::try_join_all;
use posthorn_event_schema::ApplicationId;
use posthorn_harness::Receiver;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::latency::Times;
use crate::pace;
use crate::producer::{DOORS, Door, Producer};
use crate::world::{Setup, World};

/// How long each door's turn is.
const TURN: Duration = Duration::from_millis(250);
/// Turns that are not counted: connections open, caches fill.
const WARM_UP: u32 = 2;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Events of each door
    #[arg(long, default_value_t = 3_000)]
    events: u32,
    /// Requests per second of the door whose turn it is
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Producers, each with its own connections
    #[arg(long, default_value_t = 16)]
    producers: u32,
    /// Bytes of a payload
    #[arg(long, default_value_t = 1_024)]
    payload: usize,
    /// Endpoints that receive each event
    #[arg(long, default_value_t = 1)]
    endpoints: u32,
    /// Which doors, beside the bare publish; all unless said
    #[arg(long = "door", value_enum)]
    doors: Vec<Door>,
}

/// Measures all doors; prints a table and returns the figures.
///
/// # Errors
/// When a request is refused.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Value> {
    let world = World::start(options.setup, |settings| settings).await?;
    let receiver = Receiver::start().await;
    let application = world.site.client.application("bench").await;
    for n in 0..options.endpoints {
        let url = receiver.url(&format!("/{n}"));
        world.site.client.endpoint(&application, &url).await;
    }
    let filler = "x".repeat(options.payload.saturating_sub(13));
    let event = (
        ApplicationId::parse(&application)?,
        format!(r#"{{"filler":"{filler}"}}"#),
    );
    let mut producers = Vec::new();
    for number in 0..options.producers {
        producers.push(Producer::new(&world.site, number).await?);
    }
    let chosen = |door: &Door| {
        *door == Door::Bare || options.doors.is_empty() || options.doors.contains(door)
    };
    let doors = DOORS.iter().copied().filter(chosen);
    let mut times: Vec<_> = doors.map(|door| (door, Times::new())).collect();
    let requests = (options.rate / 4).max(1);
    for turn in 0..WARM_UP + options.events.div_ceil(requests) {
        for (door, times) in &mut times {
            let took = take_turn(&mut producers, *door, &event, requests).await?;
            if turn >= WARM_UP {
                took.into_iter().for_each(|time| times.add(time));
            }
        }
    }
    let sent = producers.iter().map(|producer| producer.sent).sum();
    let received = wait_for_deliveries(&receiver, sent, options.endpoints).await;
    Ok(show(options, &times, received))
}

/// Makes requests that are due evenly over a turn; how long each took.
async fn take_turn(
    producers: &mut [Producer],
    door: Door,
    (application, payload): &(ApplicationId, String),
    requests: u32,
) -> anyhow::Result<Vec<Duration>> {
    let (start, step) = (Instant::now(), TURN / requests);
    let all = producers.len();
    let turns = producers
        .iter_mut()
        .enumerate()
        .map(|(first, producer)| async move {
            let mut times = Vec::new();
            for number in (0..requests).skip(first).step_by(all) {
                let due = start + step * number;
                let begun = pace::wait_until(due).await;
                producer.send(door, application, payload).await?;
                times.push(begun.elapsed());
            }
            anyhow::Ok(times)
        });
    Ok(try_join_all(turns).await?.concat())
}

/// Waits until every event has arrived everywhere; the number that arrived.
async fn wait_for_deliveries(receiver: &Receiver, sent: u32, endpoints: u32) -> usize {
    let wanted = usize::try_from(sent * endpoints).unwrap_or(usize::MAX);
    let until = Instant::now() + Duration::from_secs(60);
    while receiver.total() < wanted && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    receiver.total()
}

fn show(options: &Options, times: &[(Door, Times)], received: usize) -> Value {
    println!(
        "acceptance: {} events a door at {}/s from {} producers, {} bytes, {} endpoints, sync {:?} (fsync {} µs slower), {:?}, {:?} NATS",
        options.events,
        options.rate,
        options.producers,
        options.payload,
        options.endpoints,
        options.setup.sync,
        options.setup.slower_fsync,
        options.setup.shape,
        options.setup.servers
    );
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>7}",
        "", "p50 ms", "p90 ms", "p99 ms", "ratio"
    );
    let limit = times[0].1.millis(0.5);
    let mut doors = serde_json::Map::new();
    for (door, times) in times {
        let ratio = times.millis(0.5) / limit;
        println!(
            "{:<24} {:>9.3} {:>9.3} {:>9.3} {:>7.2}",
            door.name(),
            times.millis(0.5),
            times.millis(0.9),
            times.millis(0.99),
            ratio
        );
        let mut figures = times.to_json();
        figures["ratio_of_p50"] = json!(ratio);
        doors.insert(door.name().to_owned(), figures);
    }
    println!("{received} deliveries arrived\n");
    json!({
        "scenario": "acceptance",
        "sync": format!("{:?}", options.setup.sync),
        "slower_fsync_micros": options.setup.slower_fsync,
        "shape": format!("{:?}", options.setup.shape),
        "servers": format!("{:?}", options.setup.servers),
        "rate": options.rate,
        "producers": options.producers,
        "payload_bytes": options.payload,
        "endpoints": options.endpoints,
        "deliveries": received,
        "doors": doors,
    })
}
