//! The table of a measurement of throughput.

use std::fmt::Write;

use crate::throughput::{Findings, Row};
use crate::usage::Share;

const KIB: f64 = 1024.0;

/// All rows, with what each process took per 1,000 deliveries below.
pub(crate) fn of(found: &Findings) -> String {
    let mut text = String::new();
    line(
        &mut text,
        format_args!(
            "{:<22} {:>9} {:>8} {:>8} {:>8} {:>11} {:>9} {:>9}",
            "", "per s", "ratio", "p50 ms", "p99 ms", "core-s/1000", "peak MiB", "KiB each"
        ),
    );
    if let Some(rate) = found.chain {
        line(
            &mut text,
            format_args!("{:<22} {rate:>9.0}", "three queues, no HTTP"),
        );
    }
    if let Some(rate) = found.posting {
        line(
            &mut text,
            format_args!("{:<22} {rate:>9.0} {:>8.2}", "signing and posting", 1.0),
        );
    }
    for row in &found.rows {
        line(&mut text, format_args!("{}", figures(row, found.posting)));
    }
    for row in &found.rows {
        let name = row.door.name();
        line(&mut text, format_args!("{name}: {}", processes(row)));
    }
    line(
        &mut text,
        format_args!("missing 0, wrong 0, repeated {}", found.repeated),
    );
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // A string takes everything.
    writeln!(text, "{arguments}").ok();
}

fn figures(row: &Row, limit: Option<f64>) -> String {
    let phase = &row.phase;
    let ratio = limit.map_or(f64::NAN, |limit| phase.rate / limit);
    format!(
        "{:<22} {:>9.0} {ratio:>8.2} {:>8.2} {:>8.2} {:>11.3} {:>9.0} {:>9.1}",
        row.door.name(),
        phase.rate,
        phase.times.millis(0.5),
        phase.times.millis(0.99),
        phase.core_seconds_per_1000(),
        phase.taken.fleet_peak_mib(),
        phase.written_each() / KIB,
    )
}

/// Core-seconds per 1,000 deliveries of each process.
fn processes(row: &Row) -> String {
    let thousands = row.phase.arrived() / 1_000.0;
    let one = |share: &Share| {
        let each = share.processor.as_secs_f64() / thousands;
        format!("{} {each:.3}", share.name)
    };
    let all: Vec<_> = row.phase.taken.processes.iter().map(one).collect();
    let busy = row.phase.taken.busy * 100.0;
    format!("{}; machine {busy:.0} % busy", all.join(", "))
}
