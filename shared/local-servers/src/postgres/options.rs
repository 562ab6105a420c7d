//! How a PostgreSQL server is to run, and what its folder contains.

use std::path::PathBuf;

/// Who may connect to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever knows a password, which is generated once and kept in the folder.
    Password,
    /// Everybody on this machine, as superuser: for tests only.
    Trust,
}

/// How a PostgreSQL server is to run.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The folder for its data and log; created if needed.
    pub folder: PathBuf,
    /// The port; `None`: a free one.
    pub port: Option<u16>,
    /// Who may connect; decided when the data folder is initialised.
    pub access: Access,
    /// The database of [`PostgresServer::url`](crate::PostgresServer::url), created with the data
    /// folder; `postgres` is always there.
    pub database: String,
    /// Further settings, as in `postgresql.conf`, by name and value.
    pub settings: Vec<(String, String)>,
    /// Removes the folder if our process is killed before it could; for temporary folders.
    pub remove_if_killed: bool,
}

impl PostgresOptions {
    /// The settings for development: a free port, a password, durable, a database `posthorn`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            port: None,
            access: Access::Password,
            database: "posthorn".to_owned(),
            settings: Vec::new(),
            remove_if_killed: false,
        }
    }

    /// The settings for tests: no password, nothing is forced to disk, no database of its own.
    #[must_use]
    pub fn for_tests(folder: impl Into<PathBuf>) -> Self {
        let fast = [
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
        ];
        Self {
            access: Access::Trust,
            database: "postgres".to_owned(),
            settings: fast
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            remove_if_killed: true,
            ..Self::new(folder)
        }
    }

    /// Adds a setting, as in `postgresql.conf`; the last one of a name counts.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    pub(super) fn password_file(&self) -> PathBuf {
        self.folder.join("password")
    }
}
