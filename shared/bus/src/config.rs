//! How to reach NATS.

use std::path::PathBuf;
use std::time::Duration;

use posthorn_chassis::env::{Env, Secret};

/// Where NATS is, who we are to it, and how long we wait for it.
#[derive(Debug, Clone)]
pub struct BusConfig {
    /// One or more `nats://` or `tls://` URLs, separated by commas.
    pub url: String,
    /// A credentials file (JWT and seed), if the server demands one.
    pub credentials_file: Option<PathBuf>,
    /// A user name, if the server demands one; goes with `password`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// A file of certificates that may vouch for the servers, beside the public authorities.
    pub ca_file: Option<PathBuf>,
    /// A certificate and its key, in files, for servers that demand one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Copies of each stream: 1 for one server, 3 for a cluster.
    pub replicas: usize,
    /// Most bytes of each stream that holds work; 0 sets no limit beside the server's own.
    /// JetStream reserves a limit, so five of them must fit into its storage.
    pub stream_max_bytes: usize,
    /// How long a process waits for NATS at its start, and for what other services make there.
    pub connect_timeout: Duration,
    /// How long a publish waits for its ack. A full or lost store shows as silence, never as an
    /// error, so this bounds how long a producer waits for its 503.
    pub publish_timeout: Duration,
    /// How long a repeated `Nats-Msg-Id` is recognised.
    pub duplicate_window: Duration,
    /// How long an idempotency key is remembered.
    pub idempotency_window: Duration,
}

const DEFAULT_URL: &str = "nats://127.0.0.1:4222";
const NO_LIMIT: usize = 0;
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
/// JetStream's own default; 247 bytes of server memory per id (measured).
const DEFAULT_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// What clients written for Svix rely on.
const DEFAULT_IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(12 * 3600);

impl BusConfig {
    /// Reads the `POSTHORN_NATS_*` settings.
    #[must_use]
    pub fn from_env(env: &mut Env) -> Self {
        let mut file = |key| env.optional_string(key).map(PathBuf::from);
        let ca_file = file("POSTHORN_NATS_CA_FILE");
        let certificate = (
            file("POSTHORN_NATS_CERT_FILE"),
            file("POSTHORN_NATS_KEY_FILE"),
        );
        env.check(certificate.0.is_some() == certificate.1.is_some(), || {
            "POSTHORN_NATS_CERT_FILE and POSTHORN_NATS_KEY_FILE go together".to_owned()
        });
        let config = Self {
            ca_file,
            certificate: certificate.0.zip(certificate.1),
            url: env.string("POSTHORN_NATS_URL", DEFAULT_URL),
            credentials_file: env
                .optional_string("POSTHORN_NATS_CREDS_FILE")
                .map(PathBuf::from),
            user: env.optional_string("POSTHORN_NATS_USER"),
            password: env.optional_secret("POSTHORN_NATS_PASSWORD"),
            replicas: env.number("POSTHORN_NATS_REPLICAS", 1_usize, 1..=5),
            stream_max_bytes: env.bytes("POSTHORN_NATS_STREAM_MAX_BYTES", NO_LIMIT),
            connect_timeout: env.duration("POSTHORN_NATS_CONNECT_TIMEOUT", DEFAULT_CONNECT_TIMEOUT),
            publish_timeout: env.duration("POSTHORN_NATS_PUBLISH_TIMEOUT", DEFAULT_PUBLISH_TIMEOUT),
            duplicate_window: env
                .duration("POSTHORN_NATS_DUPLICATE_WINDOW", DEFAULT_DUPLICATE_WINDOW),
            idempotency_window: env
                .duration("POSTHORN_IDEMPOTENCY_WINDOW", DEFAULT_IDEMPOTENCY_WINDOW),
        };
        env.check(config.user.is_some() == config.password.is_some(), || {
            "POSTHORN_NATS_USER and POSTHORN_NATS_PASSWORD go together".to_owned()
        });
        env.check(i64::try_from(config.stream_max_bytes).is_ok(), || {
            "POSTHORN_NATS_STREAM_MAX_BYTES: expected less than 8 EiB".to_owned()
        });
        env.check(config.idempotency_window >= config.duplicate_window, || {
            "POSTHORN_IDEMPOTENCY_WINDOW must not be shorter than POSTHORN_NATS_DUPLICATE_WINDOW"
                .to_owned()
        });
        config
    }

    /// The limit as JetStream wants it, for which -1 is none.
    pub(crate) fn stream_max_bytes(&self) -> i64 {
        match self.stream_max_bytes {
            NO_LIMIT => -1,
            bytes => i64::try_from(bytes).unwrap_or(i64::MAX),
        }
    }

    /// The defaults with another URL: for tests and for `posthorn dev`.
    #[must_use]
    pub fn for_url(url: &str) -> Self {
        let mut env = Env::from_pairs([("POSTHORN_NATS_URL", url)]);
        Self::from_env(&mut env)
    }
}
