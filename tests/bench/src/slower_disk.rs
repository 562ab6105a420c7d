//! nats-server on a slower disk than this machine has.
//!
//! With sync `always` the disk decides what an event costs, and disks differ: an fsync takes from a tenth of a
//! millisecond on a server's own SSD to several on a volume behind a network. strace lets those of
//! nats-server take longer by a fixed time, and nothing else: other system calls do not stop.

use std::process::{Command, Stdio};

use anyhow::ensure;

/// Runs nats-server so that each fsync takes `micros` longer; no words at all if it is not to.
///
/// # Errors
/// When there is no strace, or it may not trace here.
pub(crate) fn tracer(micros: u32) -> anyhow::Result<Vec<String>> {
    let words = words(micros);
    ensure!(
        words.is_empty() || can_trace(&words),
        "a slower disk needs strace 5.6 or later, which may trace: apt-get install strace"
    );
    Ok(words)
}

/// *Source*: strace(1).
fn words(micros: u32) -> Vec<String> {
    if micros == 0 {
        return Vec::new();
    }
    let slower = format!("--inject=fsync,fdatasync:delay_exit={micros}");
    // Without the filter each system call would stop, not only these two.
    let always = "strace --follow-forks --seccomp-bpf --quiet=all --output=/dev/null --trace=fsync,fdatasync";
    let words = always.split(' ').chain([slower.as_str()]);
    words.map(str::to_owned).collect()
}

fn can_trace(words: &[String]) -> bool {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg("true");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_own_disk_needs_no_tracer() {
        assert_eq!(tracer(0).unwrap(), Vec::<String>::new());
        assert_eq!(
            words(800).last().map(String::as_str),
            Some("--inject=fsync,fdatasync:delay_exit=800")
        );
    }
}
