//! Databases for tests: cheap ones on a shared server, and a server for tests that stop it.
//!
//! Each test process starts one server, at the first need; a database on it takes some 20 ms. The
//! server stands until the process ends, however it ends: its watchdog then stops it and removes its
//! files. Test runners that start a process per test pay for one start (about a second) per test
//! that wants a database; a server shared between processes would need somebody to end it.

mod shared;

use std::future::Future;

use posthorn_local_servers::{PostgresOptions, PostgresServer, child::log_tail};
use tempfile::TempDir;

use crate::{failure::OrFail, temp, tools};

/// A database of the test's own on the shared server; dropping it has it deleted later.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// Creates an empty database.
    ///
    /// # Panics
    /// When there is no PostgreSQL and none can be fetched, or it does not start.
    pub async fn empty() -> Self {
        let (name, url) = shared::server().await.create("template1").await;
        Self { name, url }
    }

    /// Creates a copy of the database that `migrate` has prepared.
    ///
    /// `migrate` gets the URL of an empty database and must close its connections. It runs once in
    /// this process for each `template` name; whoever comes later gets a copy, which is much faster.
    ///
    /// # Panics
    /// As [`TestDatabase::empty`]; also when `migrate` panics.
    pub async fn migrated<F>(template: &str, migrate: impl FnOnce(String) -> F) -> Self
    where
        F: Future<Output = ()>,
    {
        let server = shared::server().await;
        let template = server.template(template, migrate).await;
        let (name, url) = server.create(&template).await;
        Self { name, url }
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name on the shared server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a statement and returns its rows as texts, with `""` for NULL: what the API does not
    /// show, and what nobody could have written through it.
    ///
    /// # Panics
    /// When PostgreSQL refuses it.
    pub async fn sql(&self, statement: &str) -> Vec<Vec<String>> {
        shared::rows(&self.url, statement).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        shared::delete_later(&self.name);
    }
}

/// A PostgreSQL server of the test's own, for tests that stop it; it costs about a second.
#[derive(Debug)]
pub struct DedicatedPostgres {
    server: PostgresServer,
    // After the server, which uses it.
    _folder: TempDir,
}

impl DedicatedPostgres {
    /// Starts a server with one empty database.
    ///
    /// # Panics
    /// When there is no PostgreSQL and none can be fetched, or it does not start.
    pub async fn start() -> Self {
        Self::start_with(|options| options).await
    }

    /// Starts a server with other options, such as settings.
    ///
    /// # Panics
    /// As [`DedicatedPostgres::start`].
    pub async fn start_with(adjust: impl FnOnce(PostgresOptions) -> PostgresOptions) -> Self {
        let folder = temp::folder("pg");
        let options = adjust(PostgresOptions::for_tests(folder.path()));
        let tool = tools().find_postgres().await.or_fail("find PostgreSQL");
        let server = PostgresServer::start(&tool, options)
            .await
            .or_fail("start PostgreSQL");
        Self {
            server,
            _folder: folder,
        }
    }

    /// Where clients connect, the same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The server's port, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The server's process, while it runs; those of its connections are its children.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Crashes the server; [`DedicatedPostgres::restart`] brings it back.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Stops the server in order, without waiting for clients; a restart brings it back.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(&mut self) {
        self.server.stop().await.or_fail("stop PostgreSQL");
    }

    /// Starts the server again on the same port with the same data, after a stop if it runs.
    ///
    /// # Panics
    /// When it does not stop or start.
    pub async fn restart(&mut self) {
        self.server.restart().await.or_fail("restart PostgreSQL");
    }

    /// The last lines of the server's log, for a failure's message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        log_tail(&self.server.log(), 50)
    }
}
