//! How to reach PostgreSQL and how long to wait for it.

use std::path::PathBuf;
use std::time::Duration;

use posthorn_chassis::env::Env;
use tokio_postgres::config::SslMode;

const URL_KEY: &str = "POSTHORN_DATABASE_URL";

/// How to reach PostgreSQL and how long to wait for it.
///
/// Its `Debug` form hides the password.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    pub(crate) postgres: tokio_postgres::Config,
    /// File of PEM certificates that may vouch for the server; default: the system's.
    pub authorities: Option<PathBuf>,
    /// Connections at most, per process. Default 10: two writers of the recorder and some readers
    /// of the API need no more, and PostgreSQL allows 100 in all by default.
    pub pool_size: usize,
    /// How long an operation waits for a connection, opening one included. Default 5 s.
    pub acquire_timeout: Duration,
    /// How long one statement may run. Default 10 s: the API's callers do not wait longer.
    pub statement_timeout: Duration,
}

/// Why a connection URL cannot be used.
///
/// It never repeats the URL, which holds a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreConfigError {
    /// It is no connection URL.
    #[error("must be a PostgreSQL connection URL, such as postgres://user:password@host/database")]
    Form,
    /// It names no server.
    #[error("must name a host")]
    NoHost,
}

impl StoreConfig {
    /// Default of [`StoreConfig::pool_size`].
    pub const POOL_SIZE: usize = 10;
    /// Default of [`StoreConfig::acquire_timeout`].
    pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
    /// Default of [`StoreConfig::statement_timeout`].
    pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Reads a connection URL (or libpq's `key=value` form); everything else has its default.
    ///
    /// # Errors
    /// [`StoreConfigError`] says what is wrong, without the URL.
    pub fn from_url(url: &str) -> Result<Self, StoreConfigError> {
        let postgres = parse(url)?;
        if postgres.get_hosts().is_empty() && postgres.get_hostaddrs().is_empty() {
            return Err(StoreConfigError::NoHost);
        }
        Ok(Self::of(postgres))
    }

    /// Reads the `POSTHORN_DATABASE_*` settings.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let url = env.required_secret(URL_KEY, "a PostgreSQL connection URL");
        let read = Self::from_url(url.expose());
        // That it is missing was noted already.
        if let (false, Err(error)) = (url.expose().is_empty(), &read) {
            env.check(false, || format!("{URL_KEY}: {error}"));
        }
        let config = read.unwrap_or_else(|_noted| Self::of(tokio_postgres::Config::new()));
        Self {
            authorities: env
                .optional_string("POSTHORN_DATABASE_CA_FILE")
                .map(PathBuf::from),
            pool_size: env.number("POSTHORN_DATABASE_POOL_SIZE", Self::POOL_SIZE, 1..=1_000),
            acquire_timeout: env
                .duration("POSTHORN_DATABASE_ACQUIRE_TIMEOUT", Self::ACQUIRE_TIMEOUT),
            statement_timeout: env.duration(
                "POSTHORN_DATABASE_STATEMENT_TIMEOUT",
                Self::STATEMENT_TIMEOUT,
            ),
            ..config
        }
    }

    fn of(postgres: tokio_postgres::Config) -> Self {
        Self {
            postgres,
            authorities: None,
            pool_size: Self::POOL_SIZE,
            acquire_timeout: Self::ACQUIRE_TIMEOUT,
            statement_timeout: Self::STATEMENT_TIMEOUT,
        }
    }

    pub(crate) fn ssl_mode(&self) -> SslMode {
        self.postgres.get_ssl_mode()
    }
}

/// `verify-ca` and `verify-full` mean `require`, which always verifies here.
fn parse(url: &str) -> Result<tokio_postgres::Config, StoreConfigError> {
    let url = url
        .replace("sslmode=verify-full", "sslmode=require")
        .replace("sslmode=verify-ca", "sslmode=require");
    // The cause may quote parts of the URL.
    url.parse()
        .map_err(|_quotes_the_url| StoreConfigError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_its_password_never_shown() {
        let config = StoreConfig::from_url("postgres://u:hunter2@db/posthorn").unwrap();
        assert_eq!(config.ssl_mode(), SslMode::Prefer);
        assert!(!format!("{config:?}").contains("hunter2"));
        let verified = StoreConfig::from_url("postgres://u@db/p?sslmode=verify-full").unwrap();
        assert_eq!(verified.ssl_mode(), SslMode::Require);
    }

    #[test]
    fn a_bad_url_is_refused_without_being_repeated() {
        for url in [
            "",
            "http://hunter2",
            "postgres://u:hunter2@h:port/d",
            "postgres:///d",
        ] {
            let error = StoreConfig::from_url(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
