//! How the system shares processors between a server and whoever uses it.
//!
//! nats-server wakes up for each message, and Linux likes to give the processor to whoever has just woken
//! up: on a busy machine it takes it from the process whose next message it could have handled as well. As a
//! batch process (`SCHED_BATCH`) it waits until that one has done its share, and then finds more to do at
//! once. On an idle processor nothing changes.
//!
//! *Source*: sched(7); on two cores that everything shares, in turns, 8,533 and 7,633 instead of 8,166 and
//! 6,903 publishes/s over NATS, 13,185 and 13,635 instead of 11,926 and 12,840 deliveries/s at fan-out 10, and at
//! 100 and 1,000 events/s no difference beyond the noise.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A program of util-linux, which Debian and most others always have, and of `BusyBox`.
const CHRT: [&str; 3] = ["chrt", "-b", "0"];

/// A command that runs `program` as a batch process where the system can do that, and else as any other.
pub(crate) fn in_batches(program: &Path) -> Command {
    static CAN: OnceLock<bool> = OnceLock::new();
    if *CAN.get_or_init(|| works(Path::new("true"))) {
        return batch(program);
    }
    Command::new(program)
}

fn batch(program: &Path) -> Command {
    let [chrt, arguments @ ..] = CHRT;
    let mut command = Command::new(chrt);
    command.args(arguments).arg(program);
    command
}

/// Whether it is there, and allowed to do it.
fn works(program: &Path) -> bool {
    let mut command = batch(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_run_does_not_work() {
        assert!(!works(Path::new("/no such program")));
    }

    /// *Source*: `proc_pid_stat(5)`: the policy is the 41st field, the name the second.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_command_keeps_its_process_and_gets_the_policy() {
        const SCHED_OTHER: &str = "0";
        const SCHED_BATCH: &str = "3";
        let mut command = in_batches(Path::new("sh"));
        let printed = command.args(["-c", "cat /proc/$$/stat"]).output().unwrap();
        let stat = String::from_utf8(printed.stdout).unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        let policy = after_name.split_whitespace().nth(41 - 3);
        let expected = if works(Path::new("true")) {
            SCHED_BATCH
        } else {
            SCHED_OTHER
        };
        assert_eq!(policy, Some(expected), "{stat}");
    }
}
