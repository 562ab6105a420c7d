//! What the figures were measured on.

use std::fs::read_to_string;
use std::thread::available_parallelism;

/// One line: processors, system.
pub(crate) fn facts() -> String {
    let cpus = available_parallelism().map_or(0, std::num::NonZero::get);
    let model = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cpus} processors ({}), Linux {}; servers, fleet, producer and receiver share them",
        model.as_deref().unwrap_or("unknown"),
        kernel.trim()
    )
}
