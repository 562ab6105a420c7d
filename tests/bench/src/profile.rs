//! Where the processor time of each process goes while events flow through one door.
//!
//! The load is that of the scenario `throughput`. What is written for each process: its stacks, folded
//! (speedscope and others read them), a flame graph, and a table of the functions and of the crates that
//! cost most.

mod callgrind;
mod flame;
mod origin;
mod perf;
mod stacks;
mod tool;
mod tops;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use self::perf::Perf;
use self::tool::{Tool, Wanted};
use self::tops::Tops;
use crate::load::Phase;
use crate::producer::Door;
use crate::throughput;
use crate::world::{NATS, POSTGRES};

/// Events a second under callgrind, when no rate is said: what a fleet that is fifty times as slow
/// still delivers.
const SLOW_RATE: u32 = 10;

#[derive(Args)]
// Those of the load are a group of the same name.
#[group(id = "profile")]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) load: throughput::Options,
    /// Which profiler; the best one that works unless said
    #[arg(long, value_enum)]
    with: Option<Wanted>,
    /// Samples of each processor per second
    #[arg(long, default_value_t = 199)]
    hertz: u32,
    /// Rows of each table
    #[arg(long, default_value_t = 15)]
    rows: usize,
    /// Where everything is written
    #[arg(long, default_value = "target/profile")]
    into: PathBuf,
}

/// Profiles each process; prints the tables and returns where they are.
///
/// # Errors
/// When there is no profiler, an event is refused or a delivery is missing.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Value> {
    let folder = &options.into;
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let (door, tool) = (
        one_door(&options.load)?,
        Tool::find(options.with, folder).await?,
    );
    let (phase, tops) = match tool {
        Tool::Perf(perf) => with_perf(perf, options, door).await?,
        Tool::Callgrind => with_callgrind(options, door).await?,
    };
    let mut text = format!(
        "profile of {}, {}\n\n",
        door.name(),
        throughput::load_words(&options.load)
    );
    for (name, tops) in &tops {
        let section = section(name, tops, &phase, options.rows);
        std::fs::write(folder.join(format!("{name}.txt")), &section)?;
        writeln!(text, "{section}")?;
    }
    println!("{text}written into {}", folder.display());
    Ok(to_json(door, &phase, &tops))
}

/// Processes in the same folder have different names.
type Profiles = Vec<(String, Tops)>;

fn one_door(load: &throughput::Options) -> anyhow::Result<Door> {
    ensure!(load.doors.len() <= 1, "a profile is of one door");
    Ok(load.doors.first().copied().unwrap_or(Door::Post))
}

async fn with_perf(perf: Perf, options: &Options, door: Door) -> anyhow::Result<(Phase, Profiles)> {
    println!("using {}", perf.words(options.hertz));
    let ready = throughput::prepare(&options.load, &[]).await?;
    let (warm_up, measured) = (ready.load.warm_up, ready.load.measured);
    let processes = distinct(&ready.processes);
    let profiling = async {
        sleep(warm_up).await;
        let each = processes.iter().map(|(name, pid)| async move {
            let process = (name.as_str(), *pid);
            let stacks = perf.record(process, options.hertz, measured, &options.into);
            let stacks = stacks.await?;
            let write = |end: &str, text: &str| {
                std::fs::write(options.into.join(format!("{name}.{end}")), text)
            };
            write("folded", &stacks.folded())?;
            write("svg", &flame::draw(name, &stacks))?;
            anyhow::Ok((name.clone(), Tops::of(&stacks)))
        });
        try_join_all(each).await
    };
    let phase = ready.load.phase(door, options.load.rate, &processes);
    tokio::try_join!(phase, profiling)
}

async fn with_callgrind(options: &Options, door: Door) -> anyhow::Result<(Phase, Profiles)> {
    let rate = options.load.rate.unwrap_or(SLOW_RATE);
    println!(
        "using callgrind: instructions in user space of Posthorn's processes, at {rate} events/s; \
         no flame graphs"
    );
    let folder = std::path::absolute(&options.into)?;
    let ready = throughput::prepare(&options.load, &callgrind::wrapper(&folder)).await?;
    let processes = distinct(&ready.processes);
    let ours = || {
        processes
            .iter()
            .filter(|(name, _)| name != NATS && name != POSTGRES)
    };
    let (warm_up, measured) = (ready.load.warm_up, ready.load.measured);
    let profiling = async {
        sleep(warm_up).await;
        for (_name, pid) in ours() {
            callgrind::begin(*pid).await?;
        }
        sleep(measured).await;
        take_counts(ours(), &folder).await
    };
    let phase = ready.load.phase(door, Some(rate), &processes);
    tokio::try_join!(phase, profiling)
}

async fn take_counts(
    processes: impl Iterator<Item = &(String, u32)>,
    folder: &Path,
) -> anyhow::Result<Profiles> {
    let mut profiles = Vec::new();
    for (name, pid) in processes {
        let tops = callgrind::take(*pid, folder).await?;
        let kept = folder.join(format!("{name}.callgrind"));
        std::fs::rename(callgrind::file(*pid, folder), kept)?;
        profiles.push((name.clone(), tops));
    }
    Ok(profiles)
}

/// The second sender is `sender-2`.
fn distinct(processes: &[(String, u32)]) -> Vec<(String, u32)> {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let name = |(name, pid): &'_ (String, u32)| (name.clone(), *pid);
    let mut all: Vec<_> = processes.iter().map(name).collect();
    for ((name, _), (distinct, _)) in processes.iter().zip(&mut all) {
        let count = seen.entry(name).or_default();
        *count += 1;
        if *count > 1 {
            *distinct = format!("{name}-{count}");
        }
    }
    all
}

fn section(name: &str, tops: &Tops, phase: &Phase, rows: usize) -> String {
    let share = phase
        .taken
        .processes
        .iter()
        .find(|share| share.name == name);
    let cost = share.map_or(0.0, |share| phase.core_seconds_of(share));
    format!(
        "{name}: {cost:.3} core-seconds per 1,000 deliveries, {} {}\n\n{}",
        tops.all,
        tops.unit,
        tops.table(rows)
    )
}

fn to_json(door: Door, phase: &Phase, profiles: &Profiles) -> Value {
    let one = |(name, tops): &(String, Tops)| {
        let shares: serde_json::Map<_, _> = tops
            .shares()
            .map(|(origin, share)| (origin.to_owned(), json!(share)))
            .collect();
        (name.clone(), Value::Object(shares))
    };
    let shares: serde_json::Map<_, _> = profiles.iter().map(one).collect();
    json!({
        "scenario": "profile",
        "door": door.name(),
        "deliveries_per_s": phase.rate,
        "core_seconds_per_1000": phase.core_seconds_per_1000(),
        "share_by_crate": shares,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_one_kind_are_told_apart() {
        let process = |name: &str, pid| (name.to_owned(), pid);
        let processes = [
            process("sender", 1),
            process("api", 2),
            process("sender", 3),
        ];
        let expected = [
            process("sender", 1),
            process("api", 2),
            process("sender-2", 3),
        ];
        assert_eq!(distinct(&processes), expected);
    }
}
