//! What processes use of the machine: processor time, memory and bytes written, as Linux counts them.

mod proc;

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use self::proc::Usage;
pub(crate) use self::proc::family;
use crate::world::{NATS, POSTGRES};

/// Measures from its making on.
pub(crate) struct Meter {
    begun: Instant,
    machine: Option<(u64, u64)>,
    processes: Vec<(String, u32, Usage)>,
}

/// What one process took of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    pub(crate) name: String,
    /// Time of processors.
    pub(crate) processor: Duration,
    /// Memory at the end, in MiB.
    pub(crate) memory_mib: f64,
    /// The most memory that it ever had, in MiB.
    pub(crate) peak_mib: f64,
    /// Bytes handed to the disk.
    pub(crate) written: u64,
}

/// What a time took of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    pub(crate) processes: Vec<Share>,
    /// The share of all processors that were busy, with whatever else ran.
    pub(crate) busy: f64,
}

impl Meter {
    /// Begins with these processes.
    pub(crate) fn start(processes: Vec<(String, u32)>) -> Self {
        let usage = |(name, pid)| (name, pid, Usage::of(pid));
        Self {
            begun: Instant::now(),
            machine: proc::machine(),
            processes: processes.into_iter().map(usage).collect(),
        }
    }

    pub(crate) fn stop(self) -> Taken {
        let wall = self.begun.elapsed();
        let share = |(name, pid, before): (String, u32, Usage)| {
            let after = Usage::of(pid);
            Share {
                name,
                processor: after.processor.saturating_sub(before.processor),
                memory_mib: after.memory_mib,
                peak_mib: after.peak_mib,
                written: after.written.saturating_sub(before.written),
            }
        };
        let processes = self.processes.into_iter().map(share);
        let busy = self.machine.zip(proc::machine()).map(|(before, after)| {
            let share = |ticks: u64| f64::from(u32::try_from(ticks).unwrap_or(u32::MAX));
            share(after.0 - before.0) / share(after.1 - before.1).max(1.0)
        });
        Taken {
            wall,
            processes: processes.collect(),
            busy: busy.unwrap_or(f64::NAN),
        }
    }
}

impl Taken {
    /// Memory of Posthorn's processes.
    pub(crate) fn fleet_memory_mib(&self) -> f64 {
        self.fleet().map(|share| share.memory_mib).sum()
    }

    /// The most memory that Posthorn's processes had, each at its own moment.
    pub(crate) fn fleet_peak_mib(&self) -> f64 {
        self.fleet().map(|share| share.peak_mib).sum()
    }

    /// Processor time of all of Posthorn's processes and servers.
    pub(crate) fn processor(&self) -> Duration {
        self.processes.iter().map(|share| share.processor).sum()
    }

    /// Bytes that all of them handed to the disk.
    pub(crate) fn written(&self) -> f64 {
        let kib = |share: &Share| u32::try_from(share.written / 1024).unwrap_or(u32::MAX);
        self.processes.iter().map(kib).map(f64::from).sum::<f64>() * 1024.0
    }

    fn fleet(&self) -> impl Iterator<Item = &Share> {
        let is_server = |name: &str| name == NATS || name == POSTGRES;
        self.processes
            .iter()
            .filter(move |share| !is_server(&share.name))
    }

    /// One line of text.
    pub(crate) fn line(&self) -> String {
        let wall = self.wall.as_secs_f64();
        let one = |share: &Share| {
            let processors = share.processor.as_secs_f64() / wall;
            format!(
                "{} {processors:.2} / {:.0} MiB",
                share.name, share.memory_mib
            )
        };
        let all: Vec<_> = self.processes.iter().map(one).collect();
        format!(
            "{:.0} % of the machine busy; processors / memory: {}",
            self.busy * 100.0,
            all.join(", ")
        )
    }

    pub(crate) fn to_json(&self) -> Value {
        let wall = self.wall.as_secs_f64();
        let one = |share: &Share| {
            json!({
                "name": share.name,
                "processors": share.processor.as_secs_f64() / wall,
                "memory_mib": share.memory_mib,
                "peak_mib": share.peak_mib,
                "written_bytes": share.written,
            })
        };
        let processes: Vec<_> = self.processes.iter().map(one).collect();
        let mut object = Map::new();
        object.insert("busy".to_owned(), json!(self.busy));
        object.insert("processes".to_owned(), json!(processes));
        Value::Object(object)
    }
}
