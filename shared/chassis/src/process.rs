//! The life of a process, in order.
//!
//! [`run`] owns the process: telemetry, configuration, runtime, signals, exit code.
//! [`run_until`] is the part in between, for tests and for whoever runs several services: it
//! serves health, builds the service, runs it until the shutdown is requested, and drains.
//!
//! The admin port is bound and answers before the service is built, so that a process which waits
//! for NATS at its start is seen as alive and not ready, and is not killed for being silent.

use std::{
    io::{self, Write},
    net::SocketAddr,
    pin::Pin,
    process::ExitCode,
    time::Duration,
};

use tokio::{runtime::Builder, task::JoinHandle};

use crate::{
    Admin, BoxError, ConfigError, Context, Env, ProcessConfig, Service, Shutdown, build_info,
    error_chain::chain,
    metric::Gauge,
    signals::Signals,
    telemetry::{self, Settings},
};

/// Exit code for a configuration that cannot be used (`EX_USAGE` of `sysexits.h`).
const EXIT_CONFIGURATION: u8 = 64;

/// Exit code for everything that fails later.
const EXIT_FAILURE: u8 = 1;

/// How long the last spans may take to reach the collector.
///
/// Short, because it comes on top of the grace, and losing spans is better than being killed.
const FLUSH_DEADLINE: Duration = Duration::from_secs(3);

/// How long threads that cannot be interrupted may take to end once the drain has given up.
const RUNTIME_DEADLINE: Duration = Duration::from_millis(500);

/// What ended a process or kept it from starting.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The service could not connect or bind.
    #[error("the service could not start")]
    Build(#[source] BoxError),
    /// The service gave up.
    #[error("the service failed")]
    Service(#[source] BoxError),
    /// The service panicked; what it said was logged as the task `service`.
    #[error("the service panicked")]
    Panicked,
    /// The port for health and metrics could not be bound.
    #[error("cannot bind the admin address {addr}")]
    AdminBind {
        /// The address as configured.
        addr: SocketAddr,
        /// Why it cannot be bound.
        source: io::Error,
    },
    /// The port for health and metrics was lost.
    #[error("the admin server failed")]
    Admin(#[source] io::Error),
    /// The operating system refused something that every process needs.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

/// Runs one role from its configuration to its exit code; the whole of a `main`.
///
/// In this order: telemetry; configuration (every mistake at once on stderr, exit code 64); the
/// runtime; the admin server; `build` (connect and bind); ready; [`Service::run`]; after SIGTERM
/// or SIGINT unready, drain within the grace, flush; exit code 0, or 1 when the service failed.
/// A second signal exits at once with code 130.
///
/// Shown by `tests/e2e/tests/it/shutdown.rs`.
pub fn run<C, S, F>(
    role: &'static str,
    read: impl FnOnce(&mut Env) -> C,
    build: impl FnOnce(C, Context) -> F,
) -> ExitCode
where
    F: Future<Output = Result<S, BoxError>>,
    S: Service,
{
    run_with(role, Env::from_process(), read, build)
}

/// As [`run`], with variables that the caller has completed.
pub fn run_with<C, S, F>(
    role: &'static str,
    mut env: Env,
    read: impl FnOnce(&mut Env) -> C,
    build: impl FnOnce(C, Context) -> F,
) -> ExitCode
where
    F: Future<Output = Result<S, BoxError>>,
    S: Service,
{
    // Only fails when a provider is installed already, which is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let context = Context::new();
    let settings = Settings::from_env(role, &mut env);
    let telemetry = telemetry::init(&settings, &context.instance);
    let process = ProcessConfig::from_env(role, &mut env);
    let config = read(&mut env);
    if let Err(error) = env.finish() {
        return refuse(role, &error);
    }
    let sha = build_info::GIT_SHA.unwrap_or("unknown");
    Gauge::BuildInfo.set(1, &[("version", build_info::VERSION), ("git_sha", sha)]);
    tracing::info!(
        role,
        version = build_info::VERSION,
        git_sha = sha,
        "process starting"
    );
    let outcome = on_runtime(&process, context, |context| build(config, context));
    let exit_code = report(outcome);
    telemetry.shutdown(FLUSH_DEADLINE);
    exit_code
}

/// Prints the effective settings of a role to stdout, one `KEY=value` per line.
///
/// Secrets are not shown. Mistakes go to stderr, with exit code 64.
pub fn print_config<C>(role: &'static str, read: impl FnOnce(&mut Env) -> C) -> ExitCode {
    let mut env = Env::from_process();
    Settings::from_env(role, &mut env);
    ProcessConfig::from_env(role, &mut env);
    read(&mut env);
    let mut lines = String::new();
    for (key, value) in env.effective() {
        lines.push_str(&format!("{key}={value}\n"));
    }
    // A closed pipe is the reader's decision.
    drop(io::stdout().write_all(lines.as_bytes()));
    match env.finish() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(role, &error),
    }
}

/// Learns the settings that every process of a service has, for a command that is none: both may
/// share one environment.
pub fn survey_process(env: &mut Env) {
    env.survey(|env| {
        Settings::from_env("survey", env);
        ProcessConfig::from_env("survey", env);
    });
}

/// Runs a service until `context.shutdown` is requested or the service ends, then drains.
///
/// Whoever calls this stops it through a clone of the context's shutdown; no signal is listened
/// to. Returns how many tasks were left when `grace` had passed, the service's own included.
///
/// # Errors
///
/// [`RunError::Build`], [`RunError::Service`], [`RunError::Panicked`] or [`RunError::Admin`]. The
/// shutdown is requested then, too, and tasks are drained.
///
/// # Cancel safety
///
/// Dropping it ends the admin server and leaves the tasks running.
pub async fn run_until<S, F>(
    admin: Admin,
    grace: Duration,
    context: Context,
    build: impl FnOnce(Context) -> F,
) -> Result<usize, RunError>
where
    F: Future<Output = Result<S, BoxError>>,
    S: Service,
{
    let readiness = context.readiness.clone();
    let Context { shutdown, .. } = context.clone();
    // The admin server stays up while tasks drain: unready and alive is what it has to say then.
    tokio::select! {
        outcome = live(grace, context, build) => outcome,
        served = admin.serve(readiness) => {
            shutdown.trigger();
            shutdown.drain(grace).await;
            Err(RunError::Admin(served.err().unwrap_or_else(|| io::ErrorKind::NotConnected.into())))
        }
    }
}

/// Build, run, drain.
async fn live<S, F>(
    grace: Duration,
    context: Context,
    build: impl FnOnce(Context) -> F,
) -> Result<usize, RunError>
where
    F: Future<Output = Result<S, BoxError>>,
    S: Service,
{
    let Context {
        shutdown,
        readiness,
        ..
    } = context.clone();
    let built = tokio::select! {
        built = build(context) => Some(built),
        () = shutdown.requested() => None,
    };
    let (ended, service) = match built {
        None => (Ok(()), None),
        Some(Err(error)) => (Err(RunError::Build(error)), None),
        Some(Ok(service)) => {
            readiness.open();
            tracing::info!("service running");
            until_stopped(service, &shutdown).await
        }
    };
    readiness.close();
    shutdown.trigger();
    tracing::info!(
        tasks = shutdown.running(),
        grace_ms = grace.as_millis(),
        "draining"
    );
    let left = shutdown.drain(grace).await;
    ended?;
    if let Some(service) = service.filter(JoinHandle::is_finished) {
        outcome_of(service).await?;
    }
    Ok(left)
}

/// The task in which a service runs.
type ServiceTask = JoinHandle<Result<(), BoxError>>;

/// Runs the service until it ends or the shutdown is requested.
///
/// In the second case the service is still at work, and its task is handed back.
async fn until_stopped<S: Service>(
    service: S,
    shutdown: &Shutdown,
) -> (Result<(), RunError>, Option<ServiceTask>) {
    let own = shutdown.clone();
    let mut task = shutdown.spawn("service", async move { service.run(own).await });
    let ended = tokio::select! {
        ended = outcome_of(&mut task) => Some(ended),
        () = shutdown.requested() => None,
    };
    match ended {
        Some(outcome) => (outcome, None),
        None => (Ok(()), Some(task)),
    }
}

async fn outcome_of(
    task: impl Future<Output = Result<Result<(), BoxError>, tokio::task::JoinError>>,
) -> Result<(), RunError> {
    match task.await {
        Ok(outcome) => outcome.map_err(RunError::Service),
        Err(_panic) => Err(RunError::Panicked),
    }
}

/// Starts the runtime, listens to signals, binds the admin port, and runs until the end.
fn on_runtime<S, F>(
    process: &ProcessConfig,
    context: Context,
    build: impl FnOnce(Context) -> F,
) -> Result<usize, RunError>
where
    F: Future<Output = Result<S, BoxError>>,
    S: Service,
{
    let runtime = Builder::new_multi_thread()
        .worker_threads(process.worker_threads)
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    let shutdown = context.shutdown.clone();
    // On the heap, since a service's future may be large.
    let life: Pin<Box<dyn Future<Output = Result<usize, RunError>>>> = Box::pin(async {
        let admin = bind_admin(process.admin_addr).await?;
        run_until(admin, process.grace, context, build).await
    });
    let outcome = runtime.block_on(async {
        let signals = Signals::listen().map_err(RunError::Runtime)?;
        tokio::select! {
            outcome = life => outcome,
            never = signals.serve(&shutdown) => match never {},
        }
    });
    runtime.shutdown_timeout(RUNTIME_DEADLINE);
    outcome
}

async fn bind_admin(addr: SocketAddr) -> Result<Admin, RunError> {
    let bound = Admin::bind(addr).await;
    let admin = bound.map_err(|source| RunError::AdminBind { addr, source })?;
    tracing::info!(addr = %admin.local_addr(), "admin server listening");
    Ok(admin)
}

/// Logs how the process ended, once, and turns it into an exit code.
fn report(outcome: Result<usize, RunError>) -> ExitCode {
    match outcome {
        Ok(0) => tracing::info!("process stopped"),
        Ok(left) => tracing::warn!(
            tasks_left = left,
            "process stopped before its tasks had ended"
        ),
        Err(error) => {
            tracing::error!(error = chain(&error), "process failed");
            return ExitCode::from(EXIT_FAILURE);
        }
    }
    ExitCode::SUCCESS
}

/// Says what is wrong with the configuration where a person looks first, log format or not.
fn refuse(role: &str, error: &ConfigError) -> ExitCode {
    let count = error.mistakes.len();
    let mut text = format!("posthorn {role}: mistakes in the configuration: {count}\n");
    for mistake in &error.mistakes {
        text.push_str(&format!("  {mistake}\n"));
    }
    // Without stderr there is nobody left to tell.
    drop(io::stderr().write_all(text.as_bytes()));
    ExitCode::from(EXIT_CONFIGURATION)
}
