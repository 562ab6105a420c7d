//! The folder in which `posthorn dev` keeps everything, and the lock that makes it one process's own.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

const LOCK: &str = "dev.lock";

/// The folder, locked for this process until it is dropped.
///
/// The operating system drops the lock with the process, so a crash leaves none behind.
#[derive(Debug)]
pub(crate) struct DevFolder {
    path: PathBuf,
    _lock: File,
}

impl DevFolder {
    /// Creates the folder if it is not there, and locks it.
    ///
    /// # Errors
    /// When another `posthorn dev` has it, whose process id is in the error, or it cannot be used.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let attempt = || format!("cannot use the folder {}", path.display());
        std::fs::create_dir_all(path).with_context(attempt)?;
        let path = path.canonicalize().with_context(attempt)?;
        let lock = lock(&path)?;
        // Secrets and data are nothing to commit, wherever the command is run.
        std::fs::write(path.join(".gitignore"), "*\n").with_context(attempt)?;
        Ok(Self { path, _lock: lock })
    }

    /// The whole path of something in the folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Locks the folder and writes our process id into the lock, for whoever comes later.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let attempt = || format!("cannot lock {}", path.display());
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    let mut file = options.open(&path).with_context(attempt)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            file.read_to_string(&mut owner).with_context(attempt)?;
            bail!(
                "another `posthorn dev` (process {}) uses {}; stop that one, or set \
                 POSTHORN_DEV_FOLDER to another folder",
                owner.trim(),
                folder.display()
            );
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(attempt),
    }
    file.set_len(0).with_context(attempt)?;
    file.rewind().with_context(attempt)?;
    writeln!(file, "{}", std::process::id()).with_context(attempt)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::DevFolder;

    #[test]
    fn a_second_dev_is_told_which_process_has_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/.posthorn");
        let first = DevFolder::open(&path).unwrap();
        let refused = DevFolder::open(&path).unwrap_err().to_string();
        let owner = format!("(process {})", std::process::id());
        assert!(refused.contains(&owner), "{refused}");
        drop(first);
        DevFolder::open(&path).unwrap();
    }

    #[test]
    fn nothing_in_the_folder_is_committed_by_accident() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DevFolder::open(parent.path()).unwrap();
        let ignored = std::fs::read_to_string(folder.join(".gitignore")).unwrap();
        assert_eq!(ignored, "*\n");
    }
}
