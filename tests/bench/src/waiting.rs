//! What deliveries that wait for their next attempt cost: fresh ones feel them or not, nats-server
//! holds them, a crash of it loses none, and those that come due in one moment are no flood.

mod fill;

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use self::fill::{Filling, fill};
use crate::receiver::Receiver;
use crate::traffic::{Customer, Phase, Traffic, customers};
use crate::usage::{Meter, Taken};
use crate::world::{Setup, World};

/// Within this every sender has listed its part of the waiting room anew.
const SEEN: Duration = Duration::from_secs(65);
/// How long idleness is measured.
const IDLE: Duration = Duration::from_secs(20);
/// After this nats-server has forgotten the ids of messages that it would know again (2 minutes), and its
/// runtime has given their memory back (which it does within some minutes).
const FORGOTTEN: Duration = Duration::from_secs(360);
/// The deliveries that wait all along.
const FAR: Duration = Duration::from_secs(24 * 3_600);

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Deliveries that wait
    #[arg(long, default_value_t = 1_000_000)]
    waiting: u32,
    /// Further ones that come due in one moment
    #[arg(long, default_value_t = 100_000)]
    burst: u32,
    /// Customers with an endpoint each that they wait for
    #[arg(long, default_value_t = 10_000)]
    endpoints: u32,
    /// Customers with an endpoint each that get fresh events
    #[arg(long, default_value_t = 1_000)]
    fresh: u32,
    /// Fresh events per second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Bytes of an event that waits
    #[arg(long, default_value_t = 256)]
    payload: usize,
    /// Seconds that each phase is measured
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Seconds before that
    #[arg(long, default_value_t = 15)]
    warm_up: u32,
}

/// What was found.
struct Findings {
    quiet: Phase,
    waiting: Phase,
    crashed: Phase,
    burst: Phase,
    idle_before: Taken,
    idle_with: Taken,
    idle_later: Taken,
    restart: Duration,
    /// Of the burst, arrived by the end of its phase.
    in_phase: u32,
    burst_took: Duration,
    all_took: Duration,
    arrived: u32,
    repeated: u32,
}

/// Goes through all phases; prints a table and returns the figures.
///
/// # Errors
/// When an event is refused, or a delivery that waited never arrives.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Value> {
    let mut world = World::start(options.setup, |settings| settings).await?;
    let receiver = Receiver::start().await?;
    let fresh = (0..options.fresh).map(|n| format!("/good/{n}"));
    let fresh = customers(&world, &receiver, fresh).await;
    let late = (0..options.endpoints).map(|n| format!("/late/{n}"));
    let late = customers(&world, &receiver, late).await;
    let traffic = Traffic::new(&fresh, 0, options.rate);
    print_head(options);
    let found = measure(&mut world, &receiver, &traffic, &late, options).await?;
    Ok(show(options, &found))
}

async fn measure(
    world: &mut World,
    receiver: &Receiver,
    traffic: &Traffic,
    late: &[Customer],
    options: &Options,
) -> anyhow::Result<Findings> {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let (warm_up, measured) = (seconds(options.warm_up), seconds(options.seconds));
    let idle_before = idle(world).await;
    let quiet = traffic.phase(world, receiver, warm_up, measured).await?;
    let row = |name, phase: &Phase| print_row(name, phase, &quiet);
    row("nothing waits", &quiet);

    let far = posthorn_e2e::settings::now().plus(FAR);
    fill(world, late, &filling(options, 0, options.waiting, 5, far)).await?;
    let filled = Instant::now();
    sleep(SEEN).await;
    let idle_with = idle(world).await;
    let waiting = traffic.phase(world, receiver, warm_up, measured).await?;
    row("many wait", &waiting);
    sleep(FORGOTTEN.saturating_sub(filled.elapsed())).await;
    let idle_later = idle(world).await;

    let restart = crash(world).await;
    let crashed = traffic.phase(world, receiver, warm_up, measured).await?;
    row("nats-server was killed", &crashed);
    let soon = posthorn_e2e::settings::now().plus(SEEN + warm_up);
    let begun = Instant::now();
    fill(
        world,
        late,
        &filling(options, options.waiting, options.burst, 2, soon),
    )
    .await?;
    sleep(SEEN.saturating_sub(begun.elapsed())).await;
    let burst = traffic.phase(world, receiver, warm_up, measured).await?;
    row("many come due", &burst);
    let in_phase = receiver.late().0;
    let due = begun + SEEN + warm_up;
    wait_for(receiver, options.burst).await?;
    let burst_took = due.elapsed();

    let begun = Instant::now();
    release(world, late).await;
    wait_for(receiver, options.burst + options.waiting).await?;
    let all_took = begun.elapsed();
    let (arrived, repeated) = receiver.late();
    Ok(Findings {
        quiet,
        waiting,
        crashed,
        burst,
        idle_before,
        idle_with,
        idle_later,
        restart,
        in_phase,
        burst_took,
        all_took,
        arrived,
        repeated,
    })
}

fn filling(
    options: &Options,
    first: u32,
    count: u32,
    attempt: u16,
    due: posthorn_event_schema::Timestamp,
) -> Filling {
    Filling {
        first,
        count,
        attempt,
        due,
        payload: options.payload,
    }
}

async fn idle(world: &World) -> Taken {
    let meter = Meter::start(world.processes());
    sleep(IDLE).await;
    meter.stop()
}

/// Kills nats-server and starts it again; how long until it serves.
async fn crash(world: &mut World) -> Duration {
    world.nats.kill();
    let begun = Instant::now();
    world.nats.restart().await;
    begun.elapsed()
}

/// Wants everything that waits now.
async fn release(world: &World, customers: &[Customer]) {
    for customer in customers {
        let Customer {
            application,
            endpoint,
        } = customer;
        let path = format!("/app/{application}/endpoint/{endpoint}/deliver-waiting");
        let answer = world.site.client.post(&path, &json!({})).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
    }
}

/// Waits until so many late deliveries arrived.
async fn wait_for(receiver: &Receiver, wanted: u32) -> anyhow::Result<()> {
    let mut seen = 0;
    let mut last_news = Instant::now();
    while seen < wanted {
        sleep(Duration::from_millis(100)).await;
        let now = receiver.late().0;
        if now > seen {
            (seen, last_news) = (now, Instant::now());
        }
        // Longer than anything that was in hand when nats-server died is handed out again.
        let silent = last_news.elapsed();
        ensure!(
            silent < Duration::from_secs(120),
            "{seen} of {wanted} arrived, and no more"
        );
    }
    Ok(())
}

fn print_head(options: &Options) {
    println!(
        "waiting: {} deliveries to {} endpoints wait, {} more come due in one moment, {} bytes; {} fresh \
         events/s to {} endpoints, {:?}",
        options.waiting,
        options.endpoints,
        options.burst,
        options.payload,
        options.rate,
        options.fresh,
        options.setup
    );
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "fresh deliveries", "p50 ms", "p90 ms", "p99 ms", "max ms", "of p99"
    );
}

/// Prints what a phase showed, as soon as it is over: the whole takes half an hour.
fn print_row(name: &str, phase: &Phase, quiet: &Phase) {
    let times = &phase.times;
    println!(
        "{name:<24} {:>9.3} {:>9.3} {:>9.3} {:>9.1} {:>7.2}   {}",
        times.millis(0.5),
        times.millis(0.9),
        times.millis(0.99),
        times.millis(1.0),
        times.millis(0.99) / quiet.times.millis(0.99),
        phase.taken.line()
    );
}

fn show(options: &Options, found: &Findings) -> Value {
    let phases = [
        ("nothing waits", &found.quiet),
        ("many wait", &found.waiting),
        ("nats-server was killed", &found.crashed),
        ("many come due", &found.burst),
    ];
    println!("idle, nothing waits: {}", found.idle_before.line());
    println!("idle, many wait: {}", found.idle_with.line());
    println!("idle, many wait for minutes: {}", found.idle_later.line());
    println!(
        "nats-server came back from SIGKILL in {:.1} s; of the burst {} arrived in {} s beside fresh \
         ones, all within {:.1} s; the rest, released, in {:.1} s: {} of {} arrived, {} again\n",
        found.restart.as_secs_f64(),
        found.in_phase,
        options.seconds,
        found.burst_took.as_secs_f64(),
        found.all_took.as_secs_f64(),
        found.arrived,
        options.waiting + options.burst,
        found.repeated
    );
    let idle = [&found.idle_before, &found.idle_with, &found.idle_later].map(Taken::to_json);
    json!({
        "scenario": "waiting",
        "setup": format!("{:?}", options.setup),
        "waiting": options.waiting,
        "burst": options.burst,
        "endpoints": options.endpoints,
        "rate": options.rate,
        "phases": phases.map(|(name, phase)| json!({
            "name": name, "times": phase.times.to_json(), "taken": phase.taken.to_json(),
        })),
        "idle": idle,
        "restart_s": found.restart.as_secs_f64(),
        "burst_took_s": found.burst_took.as_secs_f64(),
        "released_took_s": found.all_took.as_secs_f64(),
        "arrived": found.arrived,
        "repeated": found.repeated,
    })
}
