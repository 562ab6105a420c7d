//! Temporary folders that a server running as another user can reach.
//!
//! Three things remove them: dropping the [`TempDir`]; the server's watchdog, when the test process
//! was killed; and the next test process, when it was killed before there was a watchdog, or the
//! watchdog with it.

use std::{
    fs::{File, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Once,
    time::Duration,
};

use tempfile::TempDir;

use crate::failure::OrFail;

const PREFIX: &str = "posthorn-test-";

/// Longer than any start: a folder whose lock is free since then has no owner any more.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);

static SWEEP: Once = Once::new();

/// A new folder below the system's temporary one, removed when it is dropped.
pub(crate) fn folder(purpose: &str) -> TempDir {
    SWEEP.call_once(|| sweep(&std::env::temp_dir(), ABANDONED_AFTER));
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{purpose}-"))
        // PostgreSQL does not run as root, and has to get into a folder that root has made.
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .or_fail("create a temporary folder")
}

/// Removes the servers' folders of test processes that are gone.
fn sweep(parent: &Path, abandoned_after: Duration) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && is_abandoned(&entry.path().join("owner.lock"), abandoned_after) {
            // Whatever cannot be removed, such as another user's, is left to them.
            std::fs::remove_dir_all(entry.path()).unwrap_or_default();
        }
    }
}

/// Whether the lock that a server's owner holds was taken long ago and is free.
fn is_abandoned(lock: &Path, abandoned_after: Duration) -> bool {
    let Ok(file) = File::open(lock) else {
        return false;
    };
    let taken = file.metadata().and_then(|about| about.modified()).ok();
    let age = taken
        .and_then(|taken| taken.elapsed().ok())
        .unwrap_or_default();
    age >= abandoned_after && file.try_lock().is_ok()
}

#[cfg(test)]
mod tests {
    use std::{fs::File, time::Duration};

    use super::sweep;

    #[test]
    fn only_folders_whose_owner_is_gone_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = |name: &str, locked: bool| {
            let folder = parent.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let lock = locked.then(|| File::create(folder.join("owner.lock")).unwrap());
            (folder, lock)
        };
        let (gone, _) = folder("posthorn-test-gone", true);
        let (owned, owner) = folder("posthorn-test-owned", true);
        owner.as_ref().unwrap().lock().unwrap();
        let (starting, _) = folder("posthorn-test-starting", false);
        let (foreign, _) = folder("other", true);

        sweep(parent.path(), Duration::from_secs(600));
        assert!(gone.exists(), "too young to be called abandoned");
        sweep(parent.path(), Duration::ZERO);
        assert!(!gone.exists());
        assert!(owned.exists() && starting.exists() && foreign.exists());
        drop(owner);
    }
}
