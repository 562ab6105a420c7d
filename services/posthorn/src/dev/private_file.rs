//! Files that only their owner may read, and that are there completely or not at all.

use std::{
    fs::{OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Read and written by the owner, closed to everybody else.
const OWNER_ONLY: u32 = 0o600;

/// Writes a file under another name, then renames it: a reader finds the old content or the new.
///
/// *Guarantee*: once it returns, the content survives a crash of this process; a power cut may
/// bring the old content back.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    // A leftover would keep its own mode.
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.create_new(true).write(true).mode(OWNER_ONLY);
    let mut file = options.open(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}

/// Reads a file and closes it to others; `None` when there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(content) => {
            std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))?;
            Ok(Some(content))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::{OWNER_ONLY, read, write};

    #[test]
    fn a_file_is_its_owners_alone_whatever_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let mode = || path.metadata().unwrap().mode() & 0o777;
        assert_eq!(read(&path).unwrap(), None);
        std::fs::write(folder.path().join("run.partial"), "half").unwrap();
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(mode(), OWNER_ONLY);

        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(mode(), OWNER_ONLY);
        assert!(!folder.path().join("run.partial").exists());
    }
}
