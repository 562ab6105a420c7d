//! `postmaster.pid`: how a running PostgreSQL tells its process and whether it is ready.
//!
//! *Source*: PostgreSQL's `miscadmin.h`, which `pg_ctl` relies on too: line 1 is the process id,
//! line 8 the state, `ready` once connections are taken.

use std::path::{Path, PathBuf};

use crate::{child::Signal, error::Error, orphan::stop_orphan};

/// Whether the server `pid` takes connections.
pub(super) fn is_ready(data: &Path, pid: u32) -> bool {
    let text = std::fs::read_to_string(file(data)).unwrap_or_default();
    pid_in(&text) == Some(pid)
        && text
            .lines()
            .nth(7)
            .is_some_and(|state| state.trim() == "ready")
}

/// Removes what a server that was killed has left: first the server, if it still runs, then the file.
///
/// PostgreSQL ignores an old file itself, unless its process number now belongs to somebody else;
/// in a container, where numbers repeat, that is the usual case.
pub(super) async fn clear(data: &Path) -> Result<(), Error> {
    let path = file(data);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(());
    };
    if let Some(pid) = pid_in(&text) {
        stop_orphan(pid, data, Signal::Interrupt).await?;
    }
    match std::fs::remove_file(&path) {
        // The server removed it when it stopped.
        Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::file("remove", path)),
    }
}

fn file(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

fn pid_in(text: &str) -> Option<u32> {
    text.lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{clear, is_ready};

    const RUNNING: &str = "4711\n/data\n1700000000\n25432\n\n127.0.0.1\n 1234 5\nready   \n";

    #[test]
    fn a_server_is_ready_when_its_own_file_says_so() {
        let data = tempfile::tempdir().unwrap();
        assert!(!is_ready(data.path(), 4711));
        let file = data.path().join("postmaster.pid");
        std::fs::write(&file, RUNNING.replace("ready", "starting")).unwrap();
        assert!(!is_ready(data.path(), 4711));
        std::fs::write(&file, RUNNING).unwrap();
        assert!(is_ready(data.path(), 4711));
        assert!(!is_ready(data.path(), 4712), "another server's file");
    }

    #[tokio::test]
    async fn a_file_whose_number_belongs_to_somebody_else_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("postmaster.pid");
        std::fs::write(
            &file,
            RUNNING.replace("4711", &std::process::id().to_string()),
        )
        .unwrap();
        clear(data.path()).await.unwrap();
        assert!(!file.exists());
        clear(data.path()).await.unwrap();
    }
}
