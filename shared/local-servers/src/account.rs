//! The user that PostgreSQL runs as: ourselves, but never root, which PostgreSQL refuses.
//!
//! As root (in a container, mostly) it runs as `postgres` if there is such a user, else as
//! `nobody`. That user must be able to reach its files; what lies below a closed folder, such as
//! root's home, moves to `/var/tmp/posthorn-<hash of the wanted folder>`: the same place at every
//! start, and kept over a reboot.

use std::{
    fs::Metadata,
    hash::{Hash, Hasher},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::Error;

/// Kept over a reboot and open to everybody, unlike `/tmp` on many machines.
const REACHABLE: &str = "/var/tmp";

/// A user by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ids {
    uid: u32,
    gid: u32,
}

/// Who runs the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// `None`: ourselves.
    other: Option<Ids>,
}

impl Account {
    /// Ourselves, or as root one of the users who may run PostgreSQL.
    pub(crate) fn for_postgres() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { other: None });
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = ["postgres", "nobody"]
            .iter()
            .find_map(|name| user_in(&users, name));
        found
            .map(|ids| Self { other: Some(ids) })
            .ok_or(Error::NoUnprivilegedUser)
    }

    /// Lets `command` run as this user.
    pub(crate) fn apply(self, command: &mut Command) {
        if let Some(Ids { uid, gid }) = self.other {
            // Also drops our supplementary groups.
            command.uid(uid).gid(gid);
        }
    }

    /// Gives a folder or file to this user.
    pub(crate) fn give(self, path: &Path) -> Result<(), Error> {
        let Some(Ids { uid, gid }) = self.other else {
            return Ok(());
        };
        chown(path, Some(uid), Some(gid)).map_err(Error::file("change the owner of", path))
    }

    /// `wanted`, or the folder that stands in for it when this user cannot reach it; created.
    pub(crate) fn reachable(self, wanted: &Path) -> Result<PathBuf, Error> {
        std::fs::create_dir_all(wanted).map_err(Error::file("create", wanted))?;
        let wanted = wanted
            .canonicalize()
            .map_err(Error::file("resolve", wanted))?;
        if self.can_reach(&wanted) {
            return Ok(wanted);
        }
        let stand_in = stand_in_for(&wanted);
        std::fs::create_dir_all(&stand_in).map_err(Error::file("create", &stand_in))?;
        // Anybody can create folders there: one that is not root's may be a trap.
        let owner = stand_in
            .symlink_metadata()
            .map_err(Error::file("read", &stand_in))?
            .uid();
        if owner != 0 {
            return Err(Error::ForeignFolder {
                path: stand_in,
                owner,
            });
        }
        Ok(stand_in)
    }

    /// Whether this user may enter `folder` and every folder above it.
    pub(crate) fn can_reach(self, folder: &Path) -> bool {
        let Some(ids) = self.other else { return true };
        folder
            .ancestors()
            .all(|part| part.metadata().is_ok_and(|about| may_enter(ids, &about)))
    }
}

fn may_enter(ids: Ids, about: &Metadata) -> bool {
    let search = if about.uid() == ids.uid {
        0o100
    } else if about.gid() == ids.gid {
        0o010
    } else {
        0o001
    };
    about.mode() & search != 0
}

fn stand_in_for(wanted: &Path) -> PathBuf {
    // Not random: the same folder has to be found again at the next start.
    let mut hasher = std::hash::DefaultHasher::new();
    wanted.hash(&mut hasher);
    Path::new(REACHABLE).join(format!("posthorn-{:016x}", hasher.finish()))
}

/// Finds a user by name in the text of `/etc/passwd`.
fn user_in(users: &str, name: &str) -> Option<Ids> {
    let mut lines = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let fields = lines.find(|fields| fields.first() == Some(&name))?;
    Some(Ids {
        uid: fields.get(2)?.parse().ok()?,
        gid: fields.get(3)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{Account, Ids, stand_in_for, user_in};

    const USERS: &str = "root:x:0:0:root:/root:/bin/bash\n\
                         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";

    #[test]
    fn users_are_found_by_name() {
        assert_eq!(
            user_in(USERS, "nobody"),
            Some(Ids {
                uid: 65534,
                gid: 65534
            })
        );
        assert_eq!(user_in(USERS, "root"), Some(Ids { uid: 0, gid: 0 }));
        assert_eq!(user_in(USERS, "postgres"), None);
    }

    #[test]
    fn a_closed_folder_above_is_noticed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("below/deep");
        std::fs::create_dir_all(&folder).unwrap();
        let stranger = Account {
            other: Some(Ids {
                uid: 64_321,
                gid: 64_321,
            }),
        };
        std::fs::set_permissions(parent.path(), PermissionsExt::from_mode(0o700)).unwrap();
        assert!(!stranger.can_reach(&folder));
        std::fs::set_permissions(parent.path(), PermissionsExt::from_mode(0o755)).unwrap();
        assert!(stranger.can_reach(&folder));
        assert!(Account { other: None }.can_reach(&folder));
    }

    #[test]
    fn a_stand_in_is_the_same_at_every_start() {
        let wanted = std::path::Path::new("/home/someone/posthorn/.posthorn/pg");
        assert_eq!(stand_in_for(wanted), stand_in_for(wanted));
        assert_ne!(stand_in_for(wanted), stand_in_for(wanted.parent().unwrap()));
    }
}
