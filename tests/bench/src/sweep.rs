//! Latency over the rate of events, and cost over the number of endpoints, as plots and as a summary.
//!
//! Every load is open: events are due at a fixed rate, and what counts is from then on (no coordinated
//! omission). Each step has servers and a fleet of its own, so that none inherits what another left
//! behind; a step for which the time does not suffice is left out, and the summary says so.

pub(crate) mod figures;
mod pictures;
mod summary;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use tokio::time::Instant;

use self::figures::{Cost, Found, Latency};
use crate::load::Phase;
use crate::machine::Conditions;
use crate::peer::Peer;
use crate::producer::Door;
use crate::throughput;
use crate::tls::{self, Tls};
use crate::world::Setup;

/// How long a step takes beside its load: servers and services start, the last deliveries arrive.
const AROUND: Duration = Duration::from_secs(10);
/// Endpoints that are made in a second, at least.
const MADE_PER_S: f64 = 150.0;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    peer: Peer,
    /// The door that events take
    #[arg(long, value_enum, default_value = "post")]
    door: Door,
    /// Receivers with TLS, by an authority that the sender trusts
    #[arg(long, value_enum, conflicts_with = "api_url")]
    pub(crate) tls: Option<Tls>,
    /// Events per second at which latency is measured, the lowest first; none leaves it out
    #[arg(long, value_delimiter = ',', num_args = 0.., default_value = "50,100,200,400,800,1600")]
    rates: Vec<u32>,
    /// Numbers of endpoints with which costs are measured; none leaves them out
    #[arg(long, value_delimiter = ',', num_args = 0.., default_value = "1,10,100,1000,10000")]
    endpoints: Vec<usize>,
    /// Events per second at which costs are measured
    #[arg(long, default_value_t = 500)]
    cost_rate: u32,
    /// Bytes of a payload
    #[arg(long, default_value_t = 1_024)]
    payload: usize,
    /// Producers, each with connections of its own
    #[arg(long, default_value_t = 64)]
    producers: u32,
    /// Seconds that each step is measured
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Seconds before that
    #[arg(long, default_value_t = 4)]
    warm_up: u32,
    /// Seconds for everything: no step begins that would end later
    #[arg(long, default_value_t = 350)]
    within: u32,
    /// Where plots, summary and figures are written
    #[arg(long, default_value = "target/sweep")]
    into: PathBuf,
}

/// Measures all steps, and writes what was found; returns the figures.
///
/// # Errors
/// When an event is refused, or a delivery is missing or wrong.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Value> {
    let mut sweep = Sweep::new(options);
    sweep.measure_latency().await?;
    sweep.measure_cost().await?;
    let found = sweep.found;
    let summary = summary::write(&found);
    let json = found.to_json();
    write(options, &found, &summary, &json)?;
    println!("\n{summary}\nwritten into {}", options.into.display());
    Ok(json)
}

fn write(options: &Options, found: &Found, summary: &str, json: &Value) -> anyhow::Result<()> {
    let folder = &options.into;
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text);
    write("summary.md", summary)?;
    write("sweep.json", &serde_json::to_string_pretty(json)?)?;
    write("latency.svg", &pictures::latency(found).draw())?;
    write("cost.svg", &pictures::cost(found).draw())?;
    write("memory.svg", &pictures::memory(found).draw())?;
    Ok(())
}

struct Sweep<'a> {
    options: &'a Options,
    end: Instant,
    found: Found,
}

impl<'a> Sweep<'a> {
    fn new(options: &'a Options) -> Self {
        let found = Found {
            load: options.words(),
            conditions: Conditions(Vec::new()),
            latency: Vec::new(),
            cost: Vec::new(),
            cost_rate: options.cost_rate,
            left_out: Vec::new(),
        };
        Self {
            options,
            end: Instant::now() + Duration::from_secs(options.within.into()),
            found,
        }
    }

    async fn measure_latency(&mut self) -> anyhow::Result<()> {
        let mut keeps_up = true;
        for &rate in &self.options.rates {
            if !keeps_up {
                self.leave_out(format!("{rate} events/s, because fewer were too many"));
                continue;
            }
            if !self.has_time(1) {
                self.leave_out(format!("{rate} events/s, for lack of time"));
                continue;
            }
            let phase = self.step(rate, 1).await?;
            let latency = Latency::of(rate, &phase);
            println!(
                "{rate:>7} events/s: p50 {:.2} ms, p99 {:.2} ms, {:.0}/s delivered",
                latency.p50_ms, latency.p99_ms, latency.reached
            );
            keeps_up = latency.keeps_up;
            self.found.latency.push(latency);
        }
        Ok(())
    }

    async fn measure_cost(&mut self) -> anyhow::Result<()> {
        for &endpoints in &self.options.endpoints {
            if !self.has_time(endpoints) {
                self.leave_out(format!("{endpoints} endpoints, for lack of time"));
                continue;
            }
            let phase = self.step(self.options.cost_rate, endpoints).await?;
            let cost = Cost::of(endpoints, &phase);
            println!(
                "{endpoints:>7} endpoints: {:.3} core-seconds per 1,000 deliveries, {:.0}/s delivered",
                cost.core_seconds_per_1000(),
                cost.reached
            );
            self.found.cost.push(cost);
        }
        Ok(())
    }

    /// Sends at a rate to so many endpoints, each in an application of its own.
    async fn step(&mut self, rate: u32, endpoints: usize) -> anyhow::Result<Phase> {
        let load = self.options.load(endpoints);
        let ready = throughput::prepare(&load, &[]).await?;
        if self.found.conditions.0.is_empty() {
            let setup = ready.world.is_some().then_some(self.options.setup);
            self.found.conditions = Conditions::of(&ready.processes, setup);
        }
        let door = self.options.door;
        let phase = ready.load.phase(door, Some(rate), &ready.processes).await;
        phase.with_context(|| format!("{rate} events/s to {endpoints} endpoints"))
    }

    fn has_time(&self, endpoints: usize) -> bool {
        Instant::now() + self.options.length(endpoints) <= self.end
    }

    fn leave_out(&mut self, what: String) {
        println!("left out: {what}");
        self.found.left_out.push(what);
    }
}

impl Options {
    /// How long a step takes, about.
    fn length(&self, endpoints: usize) -> Duration {
        let endpoints = f64::from(u32::try_from(endpoints).unwrap_or(u32::MAX));
        let making = Duration::from_secs_f64(endpoints / MADE_PER_S);
        Duration::from_secs((self.warm_up + self.seconds).into()) + making + AROUND
    }

    fn load(&self, endpoints: usize) -> throughput::Options {
        throughput::Options {
            setup: self.setup,
            peer: self.peer.clone(),
            tls: self.tls,
            doors: vec![self.door],
            fan_out: 1,
            endpoints: Some(endpoints),
            payload: self.payload,
            rate: None,
            producers: self.producers,
            on_their_way: 1,
            seconds: self.seconds,
            warm_up: self.warm_up,
            no_limits: true,
        }
    }

    fn words(&self) -> String {
        format!(
            "{}, {} bytes, one endpoint for each event, {}, {} producers, {} s measured after {} s",
            self.door.name(),
            self.payload,
            tls::words(self.tls),
            self.producers,
            self.seconds,
            self.warm_up
        )
    }
}
