//! The figures of a sweep.

use serde_json::{Value, json};

use crate::load::Phase;
use crate::machine::Conditions;
use crate::usage::Share;

/// An open load keeps up when this share of it arrives while it is measured.
const KEEPS_UP: f64 = 0.95;

/// Latency at a rate.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    /// Events per second that were due.
    pub(crate) rate: u32,
    /// Deliveries per second that arrived.
    pub(crate) reached: f64,
    /// From when an event was due to its arrival.
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    /// Whether deliveries came as fast as events were due; if not, the times only tell how long it went
    /// on.
    pub(crate) keeps_up: bool,
}

/// What deliveries cost with a number of endpoints.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    pub(crate) endpoints: usize,
    /// Deliveries per second that arrived.
    pub(crate) reached: f64,
    /// Of each process, in the same order at each step.
    pub(crate) processes: Vec<ProcessCost>,
}

/// What one process takes.
#[derive(Debug, Clone)]
pub(crate) struct ProcessCost {
    pub(crate) name: String,
    pub(crate) core_seconds_per_1000: f64,
    pub(crate) memory_mib: f64,
}

/// Everything that a sweep found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// What was sent, and how.
    pub(crate) load: String,
    pub(crate) conditions: Conditions,
    pub(crate) latency: Vec<Latency>,
    pub(crate) cost: Vec<Cost>,
    /// Events per second at which costs were measured.
    pub(crate) cost_rate: u32,
    /// Steps that were not measured, and why.
    pub(crate) left_out: Vec<String>,
}

impl Latency {
    pub(crate) fn of(rate: u32, phase: &Phase) -> Self {
        let times = &phase.times;
        Self {
            rate,
            reached: phase.rate,
            p50_ms: times.millis(0.5),
            p90_ms: times.millis(0.9),
            p99_ms: times.millis(0.99),
            keeps_up: phase.rate >= f64::from(rate) * KEEPS_UP,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "rate": self.rate,
            "deliveries_per_s": self.reached,
            "p50_ms": self.p50_ms,
            "p90_ms": self.p90_ms,
            "p99_ms": self.p99_ms,
            "keeps_up": self.keeps_up,
        })
    }
}

impl Cost {
    pub(crate) fn of(endpoints: usize, phase: &Phase) -> Self {
        let one = |share: &Share| ProcessCost {
            name: share.name.clone(),
            core_seconds_per_1000: phase.core_seconds_of(share),
            memory_mib: share.memory_mib,
        };
        Self {
            endpoints,
            reached: phase.rate,
            processes: phase.taken.processes.iter().map(one).collect(),
        }
    }

    /// Of all processes together.
    pub(crate) fn core_seconds_per_1000(&self) -> f64 {
        let processes = self.processes.iter();
        processes.map(|one| one.core_seconds_per_1000).sum()
    }

    fn to_json(&self) -> Value {
        let one = |process: &ProcessCost| {
            json!({
                "name": process.name,
                "core_seconds_per_1000": process.core_seconds_per_1000,
                "memory_mib": process.memory_mib,
            })
        };
        json!({
            "endpoints": self.endpoints,
            "deliveries_per_s": self.reached,
            "core_seconds_per_1000": self.core_seconds_per_1000(),
            "processes": self.processes.iter().map(one).collect::<Vec<_>>(),
        })
    }
}

impl Found {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "scenario": "sweep",
            "load": self.load,
            "conditions": self.conditions.to_json(),
            "latency": self.latency.iter().map(Latency::to_json).collect::<Vec<_>>(),
            "cost_rate": self.cost_rate,
            "cost": self.cost.iter().map(Cost::to_json).collect::<Vec<_>>(),
            "left_out": self.left_out,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Figures of a sweep that nobody made.
    pub(crate) fn found() -> Found {
        let latency = |rate, p50_ms| Latency {
            rate,
            reached: f64::from(rate),
            p50_ms,
            p90_ms: p50_ms * 2.0,
            p99_ms: p50_ms * 3.0,
            keeps_up: rate < 5_000,
        };
        let process = |name: &str, core_seconds_per_1000, memory_mib| ProcessCost {
            name: name.to_owned(),
            core_seconds_per_1000,
            memory_mib,
        };
        let cost = |endpoints, part| Cost {
            endpoints,
            reached: 500.0,
            processes: vec![
                process("sender", part, 20.0),
                process("postgres", part / 2.0, 40.0),
            ],
        };
        Found {
            load: "POST /msg, 1024 bytes".to_owned(),
            conditions: Conditions(vec![("processors", "2 processors (X)".to_owned())]),
            latency: vec![
                latency(100, 1.0),
                latency(1_000, 2.5),
                latency(5_000, 999.0),
            ],
            cost: vec![cost(1, 0.2), cost(10_000, 0.25)],
            cost_rate: 500,
            left_out: vec!["100,000 endpoints: no time".to_owned()],
        }
    }

    #[test]
    fn json_has_all_figures() {
        let json = found().to_json();
        assert_eq!(json["latency"][1]["p90_ms"], 5.0);
        assert_eq!(json["cost"][0]["processes"][1]["memory_mib"], 40.0);
        assert_eq!(json["cost"][1]["core_seconds_per_1000"], 0.375);
        assert_eq!(json["conditions"]["processors"], "2 processors (X)");
    }
}
