//! Our own process is killed: the watchdogs end its servers, and remove what was temporary.
//!
//! The process that is killed is `servers_owner`, a program of its own.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use posthorn_local_servers::{Signal, SupervisedChild, child::Supervision};

#[tokio::test]
async fn servers_end_with_a_killed_owner() {
    let folder = tempfile::tempdir().unwrap();
    // As root, the server's user has to get through.
    open_to_everybody(folder.path());
    let mut owner = Command::new(env!("CARGO_BIN_EXE_servers_owner"))
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pids = folder.path().join("pids");
    until("both servers run", || pids.exists()).await;
    let pids = std::fs::read_to_string(pids).unwrap();
    let pids: Vec<&str> = pids.split(' ').collect();
    assert!(pids.iter().all(|pid| runs(pid)));

    owner.kill().unwrap();
    owner.wait().unwrap();
    until("both servers have ended", || {
        pids.iter().all(|pid| !runs(pid))
    })
    .await;
    let left = || {
        ["nats", "postgres"]
            .iter()
            .any(|name| folder.path().join(name).exists())
    };
    until("their folders are gone", || !left()).await;
}

#[tokio::test]
async fn a_dropped_child_takes_its_group_along() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("grandchild");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("sleep 60 & echo $! > {}; wait", pid_file.display()));
    let supervision = Supervision {
        gentle: Signal::Terminate,
        at_drop: Signal::Kill,
        cleanup: None,
    };
    let child = SupervisedChild::start(command, &supervision).unwrap();
    let pid = child.pid().to_string();
    let grandchild = || {
        std::fs::read_to_string(&pid_file)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    until("the grandchild runs", || !grandchild().is_empty()).await;
    assert!(runs(&pid) && runs(&grandchild()));
    drop(child);
    until("the child and its group have ended", || {
        !runs(&pid) && !runs(&grandchild())
    })
    .await;
}

fn open_to_everybody(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Whether a process is there and more than the remains of one.
fn runs(pid: &str) -> bool {
    let listed = Command::new("ps")
        .args(["-o", "stat=", "-p", pid])
        .output()
        .unwrap();
    let state = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(40),
            "not within 40 s: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
