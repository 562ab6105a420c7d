//! What the figures were measured on.

use std::fs::{read_link, read_to_string};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use serde_json::{Map, Value, json};

use crate::world::{NATS, POSTGRES, Setup};

/// One line: processors, system.
pub(crate) fn facts() -> String {
    format!(
        "{}, {}; servers, fleet, producer and receiver share them",
        processors(),
        kernel()
    )
}

/// The conditions of a measurement, by name.
#[derive(Debug, Clone)]
pub(crate) struct Conditions(pub(crate) Vec<(&'static str, String)>);

impl Conditions {
    /// Of this machine, with these servers; `setup` unless another server is measured.
    pub(crate) fn of(processes: &[(String, u32)], setup: Option<Setup>) -> Self {
        let read = |file: &str| read_to_string(file).unwrap_or_default();
        let temp = std::path::absolute(std::env::temp_dir()).unwrap_or_default();
        let file_system = file_system(&read("/proc/self/mountinfo"), &temp);
        let mut all = vec![
            ("processors", processors()),
            ("memory", memory(&read("/proc/meminfo"))),
            ("system", kernel()),
            ("file system", file_system.unwrap_or_else(unknown)),
        ];
        for server in [NATS, POSTGRES] {
            let pid = processes.iter().find(|(name, _)| name == server);
            if let Some((_, pid)) = pid {
                let version = version(*pid).unwrap_or_else(unknown);
                let policy = policy(&read(&format!("/proc/{pid}/stat")));
                all.push((server, format!("{version}, {policy}")));
            }
        }
        if let Some(setup) = setup {
            let words = format!("{:?}, {:?}, {:?}", setup.sync, setup.shape, setup.servers);
            all.push(("sync, services, servers of nats", words.to_lowercase()));
            if setup.slower_fsync > 0 {
                let played = format!("{} µs slower, played by strace", setup.slower_fsync);
                all.push(("fsync of nats", played));
            }
        }
        all.push((
            "shared by",
            "servers, services, producer and receiver".to_owned(),
        ));
        Self(all)
    }

    pub(crate) fn to_json(&self) -> Value {
        let pairs = self.0.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), json!(value)));
        Value::Object(pairs.collect::<Map<_, _>>())
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn processors() -> String {
    let cpus = available_parallelism().map_or(0, std::num::NonZero::get);
    let all = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = all.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    format!("{cpus} processors ({})", model.unwrap_or_else(unknown))
}

fn kernel() -> String {
    let release = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", release.trim())
}

/// The size of all memory, from `/proc/meminfo`.
fn memory(meminfo: &str) -> String {
    let all = meminfo.lines().find_map(|line| {
        let rest = line.strip_prefix("MemTotal:")?;
        rest.split_whitespace().next()?.parse::<u32>().ok()
    });
    all.map_or_else(unknown, |kib| {
        format!("{:.1} GiB", f64::from(kib) / 1024.0 / 1024.0)
    })
}

/// The kind of file system that a path is on, from `/proc/self/mountinfo`: that of the longest mount
/// point that leads to it. *Source*: proc(5).
fn file_system(mountinfo: &str, path: &Path) -> Option<String> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        let kind = kind.split(' ').next()?;
        path.starts_with(point).then_some((point.len(), kind))
    });
    // Of several at one point the last hides the others.
    let deepest = mounts.max_by_key(|(length, _)| *length);
    deepest.map(|(_, kind)| kind.to_owned())
}

/// What the program of a process says of its version.
fn version(pid: u32) -> Option<String> {
    let program = read_link(format!("/proc/{pid}/exe")).ok()?;
    let said = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&said.stdout);
    Some(text.lines().next()?.trim().to_owned()).filter(|line| !line.is_empty())
}

/// How a process comes to its turn, from `/proc/<pid>/stat`. *Source*: `proc_pid_stat(5)`: the policy is the 41st
/// field, the name the second; sched(7).
fn policy(stat: &str) -> &'static str {
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    match after_name.split_whitespace().nth(41 - 3) {
        Some("0") => "SCHED_OTHER",
        Some("3") => "SCHED_BATCH",
        _ => "another scheduling policy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_of_a_process_is_told() {
        let between: String = (4..41).map(|n| format!("{n} ")).collect();
        let of = |field: &str| policy(&format!("7 (a) b) S {between}{field} 0"));
        assert_eq!(of("0"), "SCHED_OTHER");
        assert_eq!(of("3"), "SCHED_BATCH");
        assert_eq!(policy(""), "another scheduling policy");
    }

    #[test]
    fn a_path_is_on_the_file_system_of_the_deepest_mount_and_the_last_of_these() {
        let mounts = "\
21 1 0:18 / / rw - ext4 /dev/vda rw
22 21 0:19 / /tmp rw shared:1 - tmpfs tmpfs rw
23 21 0:20 / /tmpfiles rw - xfs /dev/vdb rw
24 22 0:21 / /tmp rw - btrfs /dev/vdc rw
";
        let of = |path| file_system(mounts, Path::new(path));
        assert_eq!(of("/tmp/data").as_deref(), Some("btrfs"));
        assert_eq!(of("/tmpfile").as_deref(), Some("ext4"));
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[test]
    fn memory_is_in_gibibytes() {
        assert_eq!(memory("MemTotal:       25165824 kB\n"), "24.0 GiB");
        assert_eq!(memory(""), "unknown");
    }

    #[test]
    fn the_conditions_of_this_machine_are_known() {
        let conditions = Conditions::of(&[], None);
        assert!(
            conditions.0.iter().all(|(_, value)| value != "unknown"),
            "{conditions:?}"
        );
    }
}
