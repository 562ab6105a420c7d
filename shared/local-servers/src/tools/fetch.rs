//! Fetching into `.tools/`: one process at a time, and all or nothing.

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{error::Error, lock::FileLock};

/// How long one fetch may take: a slow connection needs minutes for 60 MB.
pub(super) const FETCH_LIMIT: Duration = Duration::from_secs(600);

/// A fetch waits for another process' fetch of the same thing, which has its own limit, and a bit.
const LOCK_LIMIT: Duration = Duration::from_secs(660);

/// Prepares `.tools/<name>` and takes its lock.
///
/// The caller looks again once it has the lock: another process may just have fetched.
pub(super) async fn lock(tools: &Path, name: &str) -> Result<FileLock, Error> {
    std::fs::create_dir_all(tools).map_err(Error::file("create", tools))?;
    FileLock::wait(&tools.join(format!("{name}.lock")), LOCK_LIMIT).await
}

/// Lets `fill` work in an empty folder, which becomes `target` only if `fill` succeeds.
///
/// The caller holds the lock.
pub(super) async fn complete_or_nothing<F>(
    target: &Path,
    fill: impl FnOnce(PathBuf) -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let partial = target.with_extension("partial");
    remove(&partial)?;
    std::fs::create_dir_all(&partial).map_err(Error::file("create", &partial))?;
    if let Err(failed) = fill(partial.clone()).await {
        remove(&partial)?;
        return Err(failed);
    }
    remove(target)?;
    std::fs::rename(&partial, target).map_err(Error::file("rename", partial))
}

fn remove(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::file("remove", folder)),
    }
}

#[cfg(test)]
mod tests {
    use super::complete_or_nothing;
    use crate::error::Error;

    #[tokio::test]
    async fn a_failed_fetch_leaves_nothing_behind() {
        let tools = tempfile::tempdir().unwrap();
        let target = tools.path().join("nats");
        let failed = complete_or_nothing(&target, async |partial: std::path::PathBuf| {
            std::fs::write(partial.join("half"), "half").unwrap();
            Err(Error::NoUnprivilegedUser)
        })
        .await;
        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(tools.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_fetch_replaces_what_was_there() {
        let tools = tempfile::tempdir().unwrap();
        let target = tools.path().join("nats");
        std::fs::create_dir(&target).unwrap();
        std::fs::write(target.join("old"), "old").unwrap();
        complete_or_nothing(&target, async |partial: std::path::PathBuf| {
            std::fs::write(partial.join("new"), "new").unwrap();
            Ok(())
        })
        .await
        .unwrap();
        assert!(target.join("new").exists() && !target.join("old").exists());
    }
}
