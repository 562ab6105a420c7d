//! What every Posthorn process needs, whatever it does: configuration, telemetry, health, shutdown.
//!
//! This crate knows nothing about webhooks and depends on no other crate of ours.
//! A service is a `Config` that is read from the environment, a `build` that connects and binds,
//! and a [`Service`]; [`run`] is the life of the process around them, in one place and one order.
//!
//! | Module | Answers |
//! | --- | --- |
//! | [`env`](mod@env) | how is a setting read, and what happens when it is wrong? |
//! | [`telemetry`], [`metric`] | where do logs, traces and numbers go? |
//! | [`admin`], [`readiness`] | how does an orchestrator see whether we are alive and ready? |
//! | [`shutdown`] | how are tasks started, and how do they end? |
//! | [`error_chain`], [`build_info`] | how is an error printed, and which build is this? |
//! | [`clock`], [`entropy`] | where do the time and the randomness come from that pure code takes? |

pub mod admin;
pub mod build_info;
pub mod clock;
pub mod entropy;
pub mod env;
pub mod error_chain;
pub mod metric;
mod process;
pub mod readiness;
pub mod shutdown;
mod signals;
pub mod telemetry;

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

pub use admin::Admin;
pub use env::{ConfigError, Env, Secret};
pub use process::{RunError, print_config, run, run_until, run_with, survey_process};
pub use readiness::Readiness;
pub use shutdown::Shutdown;

/// Any error that crosses from a service to the process that runs it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where `/livez`, `/readyz` and `/metrics` are served unless `POSTHORN_ADMIN_ADDR` says otherwise.
///
/// All interfaces, because the kubelet and Prometheus come from outside the container.
pub const DEFAULT_ADMIN_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 9071);

/// How long work in flight may take to finish after SIGTERM.
///
/// Longer than the default timeout of one delivery attempt, shorter than the 30 s that Kubernetes
/// gives a pod before it kills it.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(20);

/// Something that runs until it is asked to stop.
pub trait Service: Send + 'static {
    /// Does the service's work until `shutdown` is requested, then stops taking more and returns.
    ///
    /// Tasks that were started through `shutdown` need not be awaited here: the process drains
    /// them after this method has returned.
    ///
    /// # Errors
    ///
    /// Whatever makes it pointless to go on; the process then shuts down and exits with code 1.
    fn run(self, shutdown: Shutdown) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// What a service is given when it is built.
#[derive(Clone, Debug)]
pub struct Context {
    /// Starts tasks and tells when to stop.
    pub shutdown: Shutdown,
    /// Where the service says what it still waits for.
    pub readiness: Readiness,
    /// The name of this process, different for each start: host, process id and a random part.
    pub instance: Arc<str>,
}

impl Context {
    /// Creates a context with a new shutdown, no gates and a new instance name.
    pub fn new() -> Self {
        Self {
            shutdown: Shutdown::new(),
            readiness: Readiness::new(),
            instance: build_info::unique_instance(),
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

/// The settings that every process has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessConfig {
    /// `POSTHORN_ADMIN_ADDR`: where health and metrics are served; port 0 picks a free one.
    /// Default [`DEFAULT_ADMIN_ADDR`].
    pub admin_addr: SocketAddr,
    /// `POSTHORN_GRACE`: how long work in flight may take to finish after SIGTERM.
    /// Default [`DEFAULT_GRACE`].
    pub grace: Duration,
    /// `POSTHORN_WORKER_THREADS`: threads that do the work. Default: half of the processors for ingest, fanout
    /// and recorder, and each of them for the others.
    pub worker_threads: usize,
}

/// How many threads a role has on a machine with so many processors: half of them for those that mostly hand
/// on what comes from nats-server, since roles share machines with each other, with nats-server and with
/// PostgreSQL; each of them for the sender, which works the most, a process that serves people, and a whole
/// fleet.
///
/// *Source*: with one thread for each role instead of two, two processors shared by everything delivered 5,209
/// and 5,596 instead of 4,822 and 5,122 events a second at fan-out 1, for 0.31 and 0.30 instead of 0.33 and
/// 0.32 core-seconds per 1,000: work that stays on a thread wakes no other. With two for the sender alone
/// it was, later, 7,562, 8,013 and 8,244 instead of 7,113, 6,696 and 7,885, and 14,428 and 13,843 instead of
/// 12,653 and 11,376 deliveries a second at fan-out 10: a processor is idle less often.
fn worker_threads(role: &str, processors: usize) -> usize {
    match role {
        "ingest" | "fanout" | "recorder" => (processors / 2).max(1),
        _ => processors,
    }
}

impl ProcessConfig {
    /// Reads the settings; mistakes are reported by [`Env::finish`].
    pub fn from_env(role: &str, env: &mut Env) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = worker_threads(role, processors);
        let config = Self {
            admin_addr: env.socket_addr("POSTHORN_ADMIN_ADDR", DEFAULT_ADMIN_ADDR),
            grace: Self::grace(env),
            worker_threads: env.number("POSTHORN_WORKER_THREADS", threads, 1..=1_024),
        };
        env.check(!config.grace.is_zero(), || {
            "POSTHORN_GRACE: expected more than 0s, or nothing in flight could ever finish".into()
        });
        config
    }

    /// Reads how long work in flight may take to finish, alone.
    pub fn grace(env: &mut Env) -> Duration {
        env.duration("POSTHORN_GRACE", DEFAULT_GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_usable_defaults() {
        let mut env = Env::from_pairs::<_, &str, &str>([]);

        let config = ProcessConfig::from_env("api", &mut env);

        env.finish().unwrap();
        assert_eq!(config.admin_addr.to_string(), "0.0.0.0:9071");
        assert_eq!(config.grace, Duration::from_secs(20));
    }

    #[test]
    fn roles_that_hand_on_have_half_of_the_processors() {
        for (role, processors, threads) in [
            ("fanout", 1, 1),
            ("fanout", 16, 8),
            ("sender", 2, 2),
            ("api", 16, 16),
            ("all", 2, 2),
        ] {
            assert_eq!(worker_threads(role, processors), threads, "{role}");
        }
    }

    #[test]
    fn a_grace_of_zero_is_refused() {
        let mut env = Env::from_pairs([("POSTHORN_GRACE", "0s")]);

        ProcessConfig::from_env("api", &mut env);

        assert!(
            env.finish()
                .unwrap_err()
                .to_string()
                .starts_with("POSTHORN_GRACE: ")
        );
    }

    #[test]
    fn every_context_has_its_own_instance() {
        assert_ne!(Context::new().instance, Context::new().instance);
    }
}
