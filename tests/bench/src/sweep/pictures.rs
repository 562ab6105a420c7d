//! The plots of a sweep.

use super::figures::{Cost, Found, Latency, ProcessCost};
use crate::plot::scale::Kind;
use crate::plot::{Axis, Plot, Series};

/// Latency over the rate, as far as deliveries keep up with it.
pub(crate) fn latency(found: &Found) -> Plot {
    let steps = || found.latency.iter().filter(|step| step.keeps_up);
    let series = |name: &str, of: fn(&Latency) -> f64| Series {
        name: name.to_owned(),
        points: steps().map(|step| (step.rate.into(), of(step))).collect(),
    };
    Plot {
        title: "Due to delivered".to_owned(),
        x: axis("events per second", Kind::Log),
        y: axis("milliseconds", Kind::Log),
        series: vec![
            series("p50", |step| step.p50_ms),
            series("p90", |step| step.p90_ms),
            series("p99", |step| step.p99_ms),
        ],
    }
}

/// Processor time of a delivery over the number of endpoints.
pub(crate) fn cost(found: &Found) -> Plot {
    let all = Series {
        name: "all".to_owned(),
        points: points(&found.cost, |step| Some(step.core_seconds_per_1000())),
    };
    let each = by_process(&found.cost, |process| process.core_seconds_per_1000);
    Plot {
        title: format!("Cost at {} events per second", found.cost_rate),
        x: axis("endpoints", Kind::Log),
        y: axis("core-seconds per 1,000 deliveries", Kind::Linear),
        series: std::iter::once(all).chain(each).collect(),
    }
}

/// Memory over the number of endpoints.
pub(crate) fn memory(found: &Found) -> Plot {
    Plot {
        title: format!("Memory at {} events per second", found.cost_rate),
        x: axis("endpoints", Kind::Log),
        y: axis("MiB", Kind::Linear),
        series: by_process(&found.cost, |process| process.memory_mib),
    }
}

fn axis(name: &str, kind: Kind) -> Axis {
    Axis {
        name: name.to_owned(),
        kind,
    }
}

/// A line for each process of the first step.
fn by_process(steps: &[Cost], of: fn(&ProcessCost) -> f64) -> Vec<Series> {
    let first = steps.first().map_or(&[][..], |step| &step.processes);
    let series = |(place, process): (usize, &ProcessCost)| Series {
        name: process.name.clone(),
        points: points(steps, |step| step.processes.get(place).map(of)),
    };
    first.iter().enumerate().map(series).collect()
}

fn points(steps: &[Cost], of: impl Fn(&Cost) -> Option<f64>) -> Vec<(f64, f64)> {
    let endpoints = |step: &Cost| f64::from(u32::try_from(step.endpoints).unwrap_or(u32::MAX));
    steps
        .iter()
        .filter_map(|step| Some((endpoints(step), of(step)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::figures::tests::found;

    #[test]
    fn each_percentile_and_each_process_has_a_line() {
        let found = found();
        let names = |plot: Plot| -> Vec<String> {
            plot.series.into_iter().map(|series| series.name).collect()
        };
        assert_eq!(names(latency(&found)), ["p50", "p90", "p99"]);
        assert_eq!(names(cost(&found)), ["all", "sender", "postgres"]);
        assert_eq!(
            memory(&found).series[1].points,
            [(1.0, 40.0), (10_000.0, 40.0)]
        );
        assert_eq!(
            latency(&found).series[2].points,
            [(100.0, 3.0), (1_000.0, 7.5)]
        );
    }
}
