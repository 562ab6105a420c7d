//! The server that all tests of one process share, its templates and its databases.
//!
//! A static, because tests share nothing else. It is never dropped; see the watchdog in
//! `posthorn-local-servers` for how the server ends.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use posthorn_local_servers::{PostgresOptions, PostgresServer};
use tokio::sync::OnceCell;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::{failure::OrFail, temp, tools};

static SHARED: OnceCell<SharedServer> = OnceCell::const_new();

/// Databases whose tests have ended; a drop cannot wait, the next creation deletes them.
static ENDED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Enough for every test of a process at once, each with a pool.
const MAX_CONNECTIONS: &str = "400";

pub(super) struct SharedServer {
    server: PostgresServer,
    templates: Mutex<HashMap<String, Arc<OnceCell<String>>>>,
    created: AtomicU64,
}

/// The shared server, started if this is the first call.
pub(super) async fn server() -> &'static SharedServer {
    SHARED.get_or_init(SharedServer::start).await
}

/// Has a database deleted when the next one is created.
pub(super) fn delete_later(name: &str) {
    ENDED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(name.to_owned());
}

/// Runs a statement on a connection of its own and returns the rows as texts.
pub(super) async fn rows(url: &str, statement: &str) -> Vec<Vec<String>> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .or_fail("connect to the test's database");
    let work = async move {
        let answer = client.simple_query(statement).await;
        let rows = answer.or_fail(statement).into_iter();
        rows.filter_map(texts).collect()
    };
    let (rows, ended) = tokio::join!(work, connection);
    ended.or_fail("talk to the shared PostgreSQL");
    rows
}

fn texts(message: SimpleQueryMessage) -> Option<Vec<String>> {
    let SimpleQueryMessage::Row(row) = message else {
        return None;
    };
    let text = |index| row.get(index).unwrap_or_default().to_owned();
    Some((0..row.len()).map(text).collect())
}

impl SharedServer {
    async fn start() -> Self {
        // Kept: the watchdog removes it, after the server has ended.
        let folder = temp::folder("shared-pg").keep();
        let options =
            PostgresOptions::for_tests(folder).setting("max_connections", MAX_CONNECTIONS);
        let tool = tools().find_postgres().await.or_fail("find PostgreSQL");
        let server = PostgresServer::start(&tool, options)
            .await
            .or_fail("start PostgreSQL");
        Self {
            server,
            templates: Mutex::default(),
            created: AtomicU64::new(0),
        }
    }

    /// Creates a database as a copy of `template`; returns its name and URL.
    pub(super) async fn create(&self, template: &str) -> (String, String) {
        let name = format!("test_{}", self.created.fetch_add(1, Ordering::Relaxed));
        let ended = std::mem::take(&mut *ENDED.lock().unwrap_or_else(PoisonError::into_inner));
        let mut statements: Vec<String> = ended
            .iter()
            .map(|ended| format!("DROP DATABASE IF EXISTS \"{ended}\" WITH (FORCE)"))
            .collect();
        statements.push(format!(
            "CREATE DATABASE \"{name}\" TEMPLATE \"{template}\""
        ));
        self.execute(&statements).await;
        let url = self.server.url_of(&name);
        (name, url)
    }

    /// The database that `migrate` has prepared under this name, prepared now if it is the first.
    pub(super) async fn template<F>(&self, name: &str, migrate: impl FnOnce(String) -> F) -> String
    where
        F: Future<Output = ()>,
    {
        let cell = {
            let mut templates = self
                .templates
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(templates.entry(name.to_owned()).or_default())
        };
        let prepare = async || {
            let database = format!("template_{name}");
            // An earlier attempt may have panicked half-way.
            self.execute(&[
                format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)"),
                format!("CREATE DATABASE \"{database}\""),
            ])
            .await;
            migrate(self.server.url_of(&database)).await;
            self.close(&database).await;
            database
        };
        cell.get_or_init(prepare).await.clone()
    }

    /// Ends every connection to a template and allows no other: a copy needs it to be unused.
    async fn close(&self, database: &str) {
        self.execute(&[
            format!("ALTER DATABASE \"{database}\" WITH ALLOW_CONNECTIONS false"),
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = '{database}'"
            ),
        ])
        .await;
    }

    /// Runs statements one by one, on a connection of this call's own: every test has its own
    /// runtime, and a connection cannot move from one to another.
    async fn execute(&self, statements: &[String]) {
        let url = self.server.url_of("postgres");
        let (client, connection) = tokio_postgres::connect(&url, NoTls)
            .await
            .or_fail("connect to the shared PostgreSQL");
        let work = async move {
            for statement in statements {
                client.batch_execute(statement).await.or_fail(statement);
            }
        };
        let (_done, ended) = tokio::join!(work, connection);
        ended.or_fail("talk to the shared PostgreSQL");
    }
}
