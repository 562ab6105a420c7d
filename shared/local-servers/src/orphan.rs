//! Servers that an earlier run left behind: recognised by their command line, then stopped.
//!
//! Rare, since the watchdog ends them; it happens when the watchdog was killed too, or while it is
//! still at work. A process id alone proves nothing, because the system gives the number to
//! somebody else later (in a container, often to the very next server).

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::Pid;

use crate::{child::Signal, error::Error};

/// How often we look whether the orphan has gone.
const POLL: Duration = Duration::from_millis(20);

/// How long an orphan may take for an orderly stop, and again after it was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stops the process `pid` if it is a server of ours for `folder`, else leaves it alone.
///
/// The caller owns the folder's lock, so the server cannot belong to anybody who is still alive.
pub(crate) async fn stop_orphan(pid: u32, folder: &Path, gentle: Signal) -> Result<(), Error> {
    for signal in [gentle, Signal::Kill] {
        if !serves(pid, folder) {
            return Ok(());
        }
        signal_process(pid, signal);
        let started = Instant::now();
        while serves(pid, folder) && started.elapsed() < PATIENCE {
            tokio::time::sleep(POLL).await;
        }
    }
    if serves(pid, folder) {
        return Err(Error::OrphanStays {
            pid,
            path: folder.to_owned(),
        });
    }
    Ok(())
}

/// Whether `pid` runs and has `folder` on its command line.
fn serves(pid: u32, folder: &Path) -> bool {
    let folder = folder.as_os_str().as_encoded_bytes();
    command_line(pid)
        .windows(folder.len())
        .any(|part| part == folder)
}

/// What `pid` was started with; empty when there is no such process, or only its remains.
fn command_line(pid: u32) -> Vec<u8> {
    if Path::new("/proc/self/cmdline").exists() {
        return std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    }
    let listed = Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output();
    listed.map(|output| output.stdout).unwrap_or_default()
}

fn signal_process(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended in between: the caller looks again in any case.
        rustix::process::kill_process(pid, signal.number()).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use super::{serves, stop_orphan};
    use crate::child::Signal;

    #[tokio::test]
    async fn only_a_process_that_names_the_folder_is_stopped() {
        let folder = Path::new("/nowhere/posthorn-orphan");
        let script = "sleep 60; : /nowhere/posthorn-orphan";
        let mut ours = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();

        stop_orphan(other.id(), folder, Signal::Terminate)
            .await
            .unwrap();
        assert!(
            other.try_wait().unwrap().is_none(),
            "somebody else's process was stopped"
        );

        // A process shows its command line a moment after it was started.
        let mut looks = 0;
        while !serves(ours.id(), folder) {
            looks += 1;
            assert!(looks < 250, "the process does not name the folder");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        stop_orphan(ours.id(), folder, Signal::Terminate)
            .await
            .unwrap();
        assert!(!ours.wait().unwrap().success());

        other.kill().unwrap();
        other.wait().unwrap();
    }
}
