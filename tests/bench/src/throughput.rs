//! How many deliveries a second come through, and what each costs, beside the limits of the machine.
//!
//! Without `--rate` the load is closed: a bounded number of deliveries is on its way, and each that
//! arrives makes room for another. With it the load is open: events are due at that rate, and what is
//! measured is from when they were due to their arrival (no coordinated omission).
//!
//! Every delivery's signature is verified, and a run in which one is missing fails. With `--api-url`
//! another server with Svix's API takes the place of Posthorn.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::audience::Audience;
use crate::checker::Checker;
use crate::limits::{chain, posting};
use crate::load::{Load, Phase};
use crate::peer::Peer;
use crate::producer::Door;
use crate::table;
use crate::tls::{self, Tls};
use crate::world::{Setup, World};

/// The doors that are measured unless others are asked for.
const DOORS: [Door; 4] = [Door::Post, Door::Native, Door::Request, Door::Publish];

#[derive(Args, Clone)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    #[command(flatten)]
    pub(crate) peer: Peer,
    /// Receivers with TLS, by an authority that the sender trusts
    #[arg(long, value_enum, conflicts_with = "api_url")]
    pub(crate) tls: Option<Tls>,
    /// Which doors; those for events unless said
    #[arg(long = "door", value_enum)]
    pub(crate) doors: Vec<Door>,
    /// Endpoints of each application, which all get each of its events
    #[arg(long, default_value_t = 1)]
    pub(crate) fan_out: usize,
    /// Endpoints in all; one application unless said
    #[arg(long)]
    pub(crate) endpoints: Option<usize>,
    /// Bytes of a payload
    #[arg(long, default_value_t = 1_024)]
    pub(crate) payload: usize,
    /// Events per second; as many as come through unless said
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Producers, each with connections of its own
    #[arg(long, default_value_t = 64)]
    pub(crate) producers: u32,
    /// Deliveries that may be on their way when there is no rate
    #[arg(long, default_value_t = 1_024)]
    pub(crate) on_their_way: usize,
    /// Seconds that each door is measured
    #[arg(long, default_value_t = 15)]
    pub(crate) seconds: u32,
    /// Seconds before that
    #[arg(long, default_value_t = 5)]
    pub(crate) warm_up: u32,
    /// Leave out the limits
    #[arg(long)]
    pub(crate) no_limits: bool,
}

/// What one door came to.
pub(crate) struct Row {
    pub(crate) door: Door,
    pub(crate) phase: Phase,
}

/// What was found.
pub(crate) struct Findings {
    /// Deliveries a second of the loop that only signs and posts.
    pub(crate) posting: Option<f64>,
    /// Events a second of the queues alone.
    pub(crate) chain: Option<f64>,
    pub(crate) rows: Vec<Row>,
    /// Deliveries that came a second time.
    pub(crate) repeated: u32,
}

/// Measures the doors; prints a table and returns the figures.
///
/// # Errors
/// When an event is refused, or a delivery is missing or wrong.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Value> {
    let found = measure(options).await?;
    println!("{}", head(options));
    println!("{}", table::of(&found));
    Ok(to_json(options, &found))
}

/// A load that can be sent, and what it is sent to.
pub(crate) struct Ready {
    pub(crate) load: Load,
    pub(crate) processes: Vec<(String, u32)>,
    /// None when another server is measured.
    pub(crate) world: Option<World>,
}

/// Starts everything, each service with a wrapper's words before its own command line.
///
/// # Errors
/// When something does not start, or an endpoint is refused.
pub(crate) async fn prepare(options: &Options, wrapper: &[String]) -> anyhow::Result<Ready> {
    let (site, processes, world) = match options.peer.site() {
        Some(site) => (site, options.peer.processes.clone(), None),
        None => {
            let world = World::start_under(wrapper, options.setup, |settings| settings).await?;
            (world.site.clone(), world.processes(), Some(world))
        }
    };
    let checker = Arc::new(Checker::start(options.on_their_way, options.tls).await?);
    let endpoints = options.endpoints.unwrap_or(options.fan_out);
    let audience = Audience::make(&site.client, &checker, endpoints, options.fan_out).await?;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let load = Load {
        site,
        audience: Arc::new(audience),
        checker,
        producers: options.producers,
        payload: options.payload,
        warm_up: seconds(options.warm_up),
        measured: seconds(options.seconds),
        next: Arc::new(AtomicU32::new(0)),
    };
    Ok(Ready {
        load,
        processes,
        world,
    })
}

async fn measure(options: &Options) -> anyhow::Result<Findings> {
    let Ready {
        load,
        processes,
        world,
    } = prepare(options, &[]).await?;
    let chain = match world.as_ref().filter(|_| !options.no_limits) {
        None => None,
        Some(world) => {
            let (warm_up, measured) = (load.warm_up, load.measured);
            Some(chain::rate(&world.nats, options.payload, warm_up, measured).await?)
        }
    };
    let posting = match options.no_limits {
        true => None,
        false => Some(posting::rate(&load).await?),
    };
    let mut rows = Vec::new();
    for door in options.doors() {
        let phase = load.phase(door, options.rate, &processes).await?;
        rows.push(Row { door, phase });
    }
    Ok(Findings {
        posting,
        chain,
        rows,
        repeated: load.checker.counts().repeated,
    })
}

impl Options {
    fn doors(&self) -> Vec<Door> {
        match (self.doors.is_empty(), &self.peer.api_url) {
            (false, _) => self.doors.clone(),
            (true, Some(_)) => vec![Door::Post],
            (true, None) => DOORS.to_vec(),
        }
    }
}

fn head(options: &Options) -> String {
    format!("throughput: {}", load_words(options))
}

/// What is sent, and to whom.
pub(crate) fn load_words(options: &Options) -> String {
    let load = match options.rate {
        Some(rate) => format!("{rate} events/s"),
        None => format!("{} deliveries on their way", options.on_their_way),
    };
    let whom = match &options.peer.api_url {
        Some(_) => "another server".to_owned(),
        None => format!("{:?}", options.setup),
    };
    format!(
        "{load}, {} endpoints, fan-out {}, {} bytes, {} producers, {}, {whom}",
        options.endpoints.unwrap_or(options.fan_out),
        options.fan_out,
        options.payload,
        options.producers,
        tls::words(options.tls),
    )
}

fn to_json(options: &Options, found: &Findings) -> Value {
    let row = |row: &Row| {
        json!({
            "door": row.door.name(),
            "deliveries_per_s": row.phase.rate,
            "ratio_of_posting": found.posting.map(|limit| row.phase.rate / limit),
            "times": row.phase.times.to_json(),
            "core_seconds_per_1000": row.phase.core_seconds_per_1000(),
            "taken": row.phase.taken.to_json(),
        })
    };
    json!({
        "scenario": "throughput",
        "setup": format!("{:?}", options.setup),
        "fan_out": options.fan_out,
        "endpoints": options.endpoints.unwrap_or(options.fan_out),
        "payload": options.payload,
        "rate": options.rate,
        "producers": options.producers,
        "on_their_way": options.on_their_way,
        "tls": options.tls.map(|_| tls::words(options.tls)),
        "posting_per_s": found.posting,
        "chain_per_s": found.chain,
        "repeated": found.repeated,
        "doors": found.rows.iter().map(row).collect::<Vec<_>>(),
    })
}
