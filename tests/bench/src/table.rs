//! The table of a measurement of throughput.

use crate::throughput::{Findings, Row};
use crate::usage::Share;

const KIB: f64 = 1024.0;

/// All rows, with what each process took per 1,000 deliveries below.
pub(crate) fn of(found: &Findings) -> String {
    let mut lines = vec![format!(
        "{:<22} {:>9} {:>8} {:>8} {:>8} {:>11} {:>9} {:>9}",
        "", "per s", "ratio", "p50 ms", "p99 ms", "core-s/1000", "peak MiB", "KiB each"
    )];
    if let Some(rate) = found.chain {
        lines.push(format!("{:<22} {rate:>9.0}", "three queues, no HTTP"));
    }
    if let Some(rate) = found.posting {
        lines.push(format!(
            "{:<22} {rate:>9.0} {:>8.2}",
            "signing and posting", 1.0
        ));
    }
    let rows = || found.rows.iter();
    lines.extend(rows().map(|row| figures(row, found.posting)));
    lines.extend(rows().map(|row| format!("{}: {}", row.door.name(), processes(row))));
    // With one missing or wrong there would be no table.
    lines.push(format!("missing 0, wrong 0, repeated {}\n", found.repeated));
    lines.join("\n")
}

fn figures(row: &Row, limit: Option<f64>) -> String {
    let phase = &row.phase;
    let ratio = limit.map_or("-".to_owned(), |limit| format!("{:.2}", phase.rate / limit));
    format!(
        "{:<22} {:>9.0} {ratio:>8} {:>8.2} {:>8.2} {:>11.3} {:>9.0} {:>9.1}",
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
    let one = |share: &Share| format!("{} {:.3}", share.name, row.phase.core_seconds_of(share));
    let all: Vec<_> = row.phase.taken.processes.iter().map(one).collect();
    let busy = row.phase.taken.busy * 100.0;
    format!("{}; machine {busy:.0} % busy", all.join(", "))
}
