//! The pool of connections, and operations that always end.
//!
//! The server's own `statement_timeout` ends a slow statement; a deadline on this side, a little
//! later, ends the wait for a server that no longer answers at all. A connection that was given up
//! in the middle of a statement is closed and never used again.

use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, Row};

use crate::history::KnownDays;
use crate::tls::{self, TlsError};
use crate::{StoreConfig, StoreError};

/// How much longer than the server's own timeout this side waits.
const GRACE: Duration = Duration::from_secs(1);

/// Parameters of a statement.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The store: cheap to clone, one pool behind all clones.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    acquire_timeout: Duration,
    statement_deadline: Duration,
    pub(crate) known_days: KnownDays,
}

/// Why the store cannot be set up, whatever PostgreSQL's state.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// TLS cannot be set up.
    #[error("TLS to PostgreSQL cannot be set up")]
    Tls(#[from] TlsError),
    /// The pool's settings are refused.
    #[error("the connection pool cannot be set up")]
    Pool(#[from] deadpool_postgres::BuildError),
}

impl Store {
    /// Sets up the pool; nothing connects before the first use.
    ///
    /// # Errors
    /// [`ConnectError`] for settings that can never work.
    pub fn connect(config: &StoreConfig) -> Result<Self, ConnectError> {
        let tls = tls::connector(config.ssl_mode(), config.authorities.as_deref())?;
        let mut postgres = config.postgres.clone();
        if postgres.get_application_name().is_none() {
            postgres.application_name("posthorn");
        }
        if postgres.get_connect_timeout().is_none() {
            postgres.connect_timeout(config.acquire_timeout);
        }
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(postgres, tls, recycling))
            .max_size(config.pool_size)
            .runtime(Runtime::Tokio1)
            .post_create(session_settings(config.statement_timeout))
            .build()?;
        Ok(Self {
            pool,
            acquire_timeout: config.acquire_timeout,
            statement_deadline: config.statement_timeout + GRACE,
            known_days: KnownDays::default(),
        })
    }

    /// Whether PostgreSQL answers.
    ///
    /// # Errors
    /// [`StoreError`] says why it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.client().await?.query("SELECT 1", &[]).await?;
        Ok(())
    }

    /// Connections in use, and the most there can be.
    #[must_use]
    pub fn usage(&self) -> (usize, usize) {
        let status = self.pool.status();
        (
            status.size.saturating_sub(status.available),
            status.max_size,
        )
    }

    /// A connection, within the deadline.
    pub(crate) async fn client(&self) -> Result<Client, StoreError> {
        let object = timeout(self.acquire_timeout, self.pool.get())
            .await
            .map_err(|_elapsed| StoreError::TimedOut)??;
        Ok(Client {
            object: Some(object),
            deadline: self.statement_deadline,
            given_up: false,
        })
    }
}

fn session_settings(statement_timeout: Duration) -> Hook {
    let millis = statement_timeout.as_millis();
    let sql = format!(
        "SET statement_timeout = {millis}; SET idle_in_transaction_session_timeout = {millis}"
    );
    Hook::async_fn(move |client, _| {
        let sql = sql.clone();
        Box::pin(async move { client.batch_execute(&sql).await.map_err(HookError::Backend) })
    })
}

/// A connection of the pool: statements are prepared once per connection, and every operation has
/// a deadline.
pub(crate) struct Client {
    object: Option<Object>,
    deadline: Duration,
    given_up: bool,
}

impl Client {
    fn parts(&mut self) -> (&mut Object, Waiter<'_>) {
        let object = self
            .object
            .as_mut()
            .expect("the object is taken only by drop");
        (
            object,
            Waiter {
                deadline: self.deadline,
                given_up: &mut self.given_up,
            },
        )
    }

    pub(crate) async fn query(
        &mut self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let (object, waiter) = self.parts();
        let rows = async {
            let statement = object.prepare_cached(sql).await?;
            object.query(&statement, params).await
        };
        waiter.wait(rows).await
    }

    pub(crate) async fn query_opt(
        &mut self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<u64, StoreError> {
        let (object, waiter) = self.parts();
        let count = async {
            let statement = object.prepare_cached(sql).await?;
            object.execute(&statement, params).await
        };
        waiter.wait(count).await
    }

    /// Runs statements without parameters and without preparing them.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        let (object, waiter) = self.parts();
        waiter.wait(object.batch_execute(sql)).await
    }

    pub(crate) async fn transaction(&mut self) -> Result<Transaction<'_>, StoreError> {
        let (object, mut waiter) = self.parts();
        let inner = waiter.reborrow().wait(object.transaction()).await?;
        Ok(Transaction { inner, waiter })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.given_up {
            drop(self.object.take().map(Object::take));
        }
    }
}

/// A transaction with the same operations; dropping it rolls back.
pub(crate) struct Transaction<'a> {
    inner: deadpool_postgres::Transaction<'a>,
    waiter: Waiter<'a>,
}

impl Transaction<'_> {
    pub(crate) async fn query(
        &mut self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let inner = &self.inner;
        let rows = async {
            let statement = inner.prepare_cached(sql).await?;
            inner.query(&statement, params).await
        };
        self.waiter.reborrow().wait(rows).await
    }

    pub(crate) async fn query_opt(
        &mut self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<u64, StoreError> {
        let inner = &self.inner;
        let count = async {
            let statement = inner.prepare_cached(sql).await?;
            inner.execute(&statement, params).await
        };
        self.waiter.reborrow().wait(count).await
    }

    /// Runs a `COPY … FROM STDIN`, whose rows `write` gives; says what `write` says. An `Err` ends the
    /// transaction.
    pub(crate) async fn copy<F>(
        &mut self,
        sql: &str,
        write: impl FnOnce(CopyInSink<Bytes>) -> F,
    ) -> Result<u64, StoreError>
    where
        F: Future<Output = Result<u64, tokio_postgres::Error>>,
    {
        let inner = &self.inner;
        let copied = async {
            let statement = inner.prepare_cached(sql).await?;
            write(inner.copy_in(&statement).await?).await
        };
        self.waiter.reborrow().wait(copied).await
    }

    /// Guarantee: once it returns `Ok`, the transaction's changes are durable.
    /// After an `Err` they may or may not be: repeat the whole transaction.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.waiter.wait(self.inner.commit()).await
    }
}

/// Waits up to the deadline, and remembers a connection that was given up.
struct Waiter<'a> {
    deadline: Duration,
    given_up: &'a mut bool,
}

impl Waiter<'_> {
    fn reborrow(&mut self) -> Waiter<'_> {
        Waiter {
            deadline: self.deadline,
            given_up: self.given_up,
        }
    }

    async fn wait<T>(
        self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        // Stays set when the caller drops us in the middle: the statement may still be running.
        *self.given_up = true;
        match timeout(self.deadline, work).await {
            Ok(result) => {
                *self.given_up = false;
                Ok(result?)
            }
            Err(_elapsed) => Err(StoreError::TimedOut),
        }
    }
}
