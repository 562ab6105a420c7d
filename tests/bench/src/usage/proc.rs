//! `/proc`: what a process and its children have used so far.

use std::fs::{read_dir, read_to_string};
use std::time::Duration;

/// Linux tells processor time in hundredths of a second (`USER_HZ`, proc(5)).
const TICK: Duration = Duration::from_millis(10);
const KIB_PER_MIB: f64 = 1024.0;

/// What a process and its children have used since they began.
///
/// A server with a process for each connection, such as PostgreSQL, is counted as a whole: Linux adds
/// what a child used to its parent when it ends, and those that run are looked up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Time of processors, in user and system mode.
    pub(crate) processor: Duration,
    /// Memory in use now; what several processes share counts once.
    pub(crate) memory_mib: f64,
    /// The most memory of the process itself so far.
    pub(crate) peak_mib: f64,
    /// Bytes handed to the disk.
    pub(crate) written: u64,
}

impl Usage {
    /// Of a process; nothing for one that has ended.
    pub(crate) fn of(pid: u32) -> Self {
        let mut all = Self::default();
        for pid in family(pid) {
            let read = |name| read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            all.processor += processor_time(&read("stat")).unwrap_or_default();
            all.memory_mib += field(&read("smaps_rollup"), "Pss:") / KIB_PER_MIB;
            all.peak_mib += field(&read("status"), "VmHWM:") / KIB_PER_MIB;
            let written = field(&read("io"), "write_bytes:");
            all.written += format!("{written:.0}").parse().unwrap_or(0);
        }
        all
    }
}

/// A process and its children.
pub(crate) fn family(parent: u32) -> Vec<u32> {
    let mut family = vec![parent];
    let others = read_dir("/proc").into_iter().flatten().flatten();
    for other in others {
        let Some(pid) = other
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let stat = read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if parent_of(&stat) == Some(parent) {
            family.push(pid);
        }
    }
    family
}

/// Fields of `stat` behind the name, field 2, which may contain anything.
fn behind_name(stat: &str) -> Option<impl Iterator<Item = &str>> {
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace())
}

/// `ppid`, field 4.
fn parent_of(stat: &str) -> Option<u32> {
    behind_name(stat)?.nth(1)?.parse().ok()
}

/// The sum of `utime`, `stime`, and of both for the children that have ended: fields 14 to 17.
fn processor_time(stat: &str) -> Option<Duration> {
    let ticks = behind_name(stat)?.skip(11).take(4);
    let ticks: Option<Vec<u32>> = ticks.map(|field| field.parse().ok()).collect();
    let ticks = ticks.filter(|ticks| ticks.len() == 4)?;
    Some(TICK * ticks.iter().sum::<u32>())
}

/// A number by its name.
fn field(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// The time that all processors together were busy and existed since the system began.
pub(super) fn machine() -> Option<(u64, u64)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_and_parent_are_found_behind_any_name() {
        let stat = "7 (a) b) R 1 2 3 4 5 6 7 8 9 10 150 50 7 3 20";
        assert_eq!(processor_time(stat), Some(Duration::from_millis(2_100)));
        assert_eq!(parent_of(stat), Some(1));
        assert_eq!(processor_time("7"), None);
    }

    #[test]
    fn our_own_process_has_used_something() {
        let usage = Usage::of(std::process::id());
        assert!(usage.memory_mib > 0.1 && usage.peak_mib > 0.1, "{usage:?}");
    }
}
