//! What processes take of the machine: processor time and memory, as Linux counts them.

use std::fs::read_to_string;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::world::World;

/// Linux tells processor time in hundredths of a second (`USER_HZ`, proc(5)).
const TICK: Duration = Duration::from_millis(10);
const MIB: f64 = 1024.0 * 1024.0;

/// What a process has used since it began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Time of processors, in user and system mode.
    processor: Duration,
    /// Memory in use now.
    pub(crate) memory_mib: f64,
}

impl Usage {
    /// Of a process; nothing for one that has ended.
    pub(crate) fn of(pid: u32) -> Self {
        let stat = read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let status = read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        Self {
            processor: processor_time(&stat).unwrap_or_default(),
            memory_mib: kib.unwrap_or(0.0) * 1024.0 / MIB,
        }
    }
}

/// The sum of `utime` and `stime`, fields 14 and 15; the name, field 2, may contain anything.
fn processor_time(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
}

/// The time that all processors together were busy and existed since the system began.
fn machine() -> Option<(u64, u64)> {
    let stat = read_to_string("/proc/stat").ok()?;
    let numbers: Vec<u64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        // user nice system idle iowait irq softirq steal; guests are counted in user already.
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    let all: u64 = numbers.iter().sum();
    let idle = numbers.get(3)? + numbers.get(4)?;
    Some((all - idle, all))
}

/// Measures from its making on.
pub(crate) struct Meter {
    begun: Instant,
    machine: Option<(u64, u64)>,
    processes: Vec<(&'static str, Usage)>,
}

/// What a time took of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// Per process: its name, processors (1.0 = one of them, all the time) and its memory at the end.
    pub(crate) processes: Vec<(&'static str, f64, f64)>,
    /// The share of all processors that were busy, with whatever else ran.
    pub(crate) busy: f64,
}

impl Meter {
    pub(crate) fn start(world: &World) -> Self {
        Self {
            begun: Instant::now(),
            machine: machine(),
            processes: world.usage(),
        }
    }

    pub(crate) fn stop(self, world: &World) -> Taken {
        let wall = self.begun.elapsed().as_secs_f64();
        let ended = world.usage();
        let processes = self.processes.iter().zip(ended);
        let processes = processes.map(|((name, before), (_, after))| {
            let spent = after.processor.saturating_sub(before.processor);
            (*name, spent.as_secs_f64() / wall, after.memory_mib)
        });
        let busy = self.machine.zip(machine()).map(|(before, after)| {
            let share = |ticks: u64| f64::from(u32::try_from(ticks).unwrap_or(u32::MAX));
            share(after.0 - before.0) / share(after.1 - before.1).max(1.0)
        });
        Taken {
            processes: processes.collect(),
            busy: busy.unwrap_or(f64::NAN),
        }
    }
}

impl Taken {
    /// Memory of all processes but nats-server.
    pub(crate) fn fleet_memory_mib(&self) -> f64 {
        let fleet = self.processes.iter();
        let fleet = fleet.filter(|(name, ..)| *name != "nats-server");
        fleet.map(|(_, _, memory)| memory).sum()
    }

    /// One line of text.
    pub(crate) fn line(&self) -> String {
        let one = |(name, processors, memory): &(&str, f64, f64)| {
            format!("{name} {processors:.2} / {memory:.0} MiB")
        };
        let all: Vec<_> = self.processes.iter().map(one).collect();
        format!(
            "{:.0} % of the machine busy; processors / memory: {}",
            self.busy * 100.0,
            all.join(", ")
        )
    }

    pub(crate) fn to_json(&self) -> Value {
        let one = |(name, processors, memory): &(&str, f64, f64)| json!({"name": name, "processors": processors, "memory_mib": memory});
        let processes: Vec<_> = self.processes.iter().map(one).collect();
        let mut object = Map::new();
        object.insert("busy".to_owned(), json!(self.busy));
        object.insert("processes".to_owned(), json!(processes));
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(processor_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(processor_time("7"), None);
    }
}
