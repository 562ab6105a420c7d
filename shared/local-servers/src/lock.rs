//! File locks: one process fetches a server while the others wait, and one process owns a server's folder.
//!
//! The operating system drops a lock with the process that held it, so a crash leaves none behind.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::error::Error;

/// How often a waiting process looks again.
const POLL: Duration = Duration::from_millis(50);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
}

impl FileLock {
    /// Takes the lock if it is free; `None` if another process has it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(Error::file("create", path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::file("lock", path)(source)),
        }
    }

    /// Waits for the lock, for at most `limit`.
    ///
    /// # Cancel safety
    /// Dropping the future takes no lock.
    pub(crate) async fn wait(path: &Path, limit: Duration) -> Result<Self, Error> {
        let started = Instant::now();
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if started.elapsed() >= limit {
                return Err(Error::LockSlow {
                    path: path.to_owned(),
                    limit,
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Makes this process the owner of a server's `folder`, or says that another one is.
    pub(crate) fn own(folder: &Path) -> Result<Self, Error> {
        let path: PathBuf = folder.join("owner.lock");
        Self::try_take(&path)?.ok_or_else(|| Error::InUse {
            path: folder.to_owned(),
        })
    }
}

impl Drop for FileLock {
    /// Not left to the closing of the file: a process that is being started at this moment has it open as well,
    /// until it runs its program, and would hold the lock as long.
    fn drop(&mut self) {
        // The system does it when the last of them closes the file.
        self.file.unlock().ok();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::FileLock;
    use crate::error::Error;

    #[tokio::test]
    async fn a_folder_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let owner = FileLock::own(folder.path()).unwrap();
        let second = FileLock::own(folder.path()).unwrap_err();
        assert!(matches!(second, Error::InUse { .. }), "{second}");
        drop(owner);
        FileLock::own(folder.path()).unwrap();
    }

    #[tokio::test]
    async fn whoever_waits_gets_the_lock_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fetch.lock");
        let held = FileLock::wait(&path, Duration::ZERO).await.unwrap();
        let late = FileLock::wait(&path, Duration::from_millis(60))
            .await
            .unwrap_err();
        assert!(matches!(late, Error::LockSlow { .. }), "{late}");
        drop(held);
        FileLock::wait(&path, Duration::ZERO).await.unwrap();
    }

    #[test]
    fn a_lock_that_is_dropped_is_free_although_others_have_its_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let owner = FileLock::own(folder.path()).unwrap();
        // As a process that is being started has it.
        let _open = owner.file.try_clone().unwrap();
        drop(owner);
        FileLock::own(folder.path()).unwrap();
    }
}
