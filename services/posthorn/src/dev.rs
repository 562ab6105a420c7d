//! `posthorn dev`: the whole fleet with servers of its own, and on request a demo.
//!
//! As `posthorn all`, with what a developer would otherwise set up first: nats-server, PostgreSQL,
//! secrets and free ports. Everything it keeps lies in one folder; a second start goes on with it.

pub(crate) mod demo;
mod environment;
mod folder;
mod private_file;
mod run_file;
mod secrets;
mod servers;
pub(crate) mod settings;

use std::process::ExitCode;
use std::sync::Arc;

use posthorn_chassis::{
    BoxError, Context, Env, Readiness, Service, Shutdown, clock, error_chain, run_with,
};
use posthorn_event_schema::Timestamp;
use tokio::sync::Mutex;

use self::environment::Surroundings;
use self::folder::DevFolder;
use self::run_file::{RunFile, RunInfo};
use self::secrets::Secrets;
use self::servers::Servers;
use self::settings::DevSettings;
use crate::all::All;
use crate::output;
use crate::settings::{Fleet, of_role};

/// The servers, which outlive everything that uses them.
type Slot = Arc<Mutex<Option<Servers>>>;

/// Runs the fleet until Ctrl-C.
pub(crate) fn dev(demo: bool) -> ExitCode {
    let slot = Slot::default();
    let env = Env::from_process().with_defaults(environment::of_process());
    let build = async |settings: DevSettings, context: Context| {
        Box::pin(Dev::build(&settings, demo, Arc::clone(&slot), &context)).await
    };
    let exit_code = run_with("dev", env, |env| of_role(env, read), build);
    stop(slot);
    exit_code
}

/// Reads the settings of `dev`, and finds the mistakes in those of the fleet before anything is
/// started for it.
fn read(env: &mut Env) -> DevSettings {
    let settings = DevSettings::from_env(env);
    let mistakes = environment::mistakes(environment::own());
    for mistake in mistakes {
        env.check(false, || mistake);
    }
    settings
}

/// Stops the servers in order; whatever does not stop is killed with this process.
fn stop(slot: Slot) {
    let Some(servers) = Arc::into_inner(slot).and_then(|slot| slot.into_inner()) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let stopped = runtime
        .map_err(anyhow::Error::from)
        .and_then(|r| r.block_on(servers.stop()));
    if let Err(error) = stopped {
        output::complain(error_chain::chain(error.as_ref()));
    }
}

/// The fleet with its servers.
struct Dev {
    all: All,
    slot: Slot,
    info: RunInfo,
    folder: DevFolder,
    readiness: Readiness,
    demo: bool,
}

impl Dev {
    async fn build(
        settings: &DevSettings,
        demo: bool,
        slot: Slot,
        context: &Context,
    ) -> Result<Self, BoxError> {
        let folder = DevFolder::open(&settings.folder)?;
        RunFile::clear(&folder)?;
        output::line("Starting nats-server and PostgreSQL; the first start may fetch them.");
        let servers = Servers::start(&folder, settings).await?;
        for line in servers.describe() {
            output::line(line);
        }
        let secrets = Secrets::load_or_create(&folder, settings)?;
        let around = Surroundings {
            nats_url: servers.nats_url(),
            database_url: servers.database_url(),
            api_port: servers::api_port(settings.api_port)?,
            secrets: &secrets,
        };
        let mut env = Env::from_pairs(environment::of_fleet(environment::own(), &around));
        let fleet = Fleet::from_env(&mut env);
        let mut info = RunInfo {
            api_url: String::new(),
            nats_url: servers.nats_url().to_owned(),
            database_url: servers.database_url().to_owned(),
            jaeger_url: None,
            token: token(&fleet),
            pids: servers.pids(),
        };
        info.pids.insert("posthorn", std::process::id());
        *slot.lock().await = Some(servers);
        let all = Box::pin(All::build(fleet, context)).await?;
        info.api_url = format!("http://{}", all.api_addr());
        let readiness = context.readiness.clone();
        Ok(Self {
            all,
            slot,
            info,
            folder,
            readiness,
            demo,
        })
    }
}

/// A token for the organisation whose events come over NATS.
fn token(fleet: &Fleet) -> String {
    let now = Timestamp::from_unix_micros(clock::unix_micros());
    fleet
        .tokens
        .issue_organization(&fleet.ingest.nats_organization, now)
}

impl Service for Dev {
    async fn run(self, shutdown: Shutdown) -> Result<(), BoxError> {
        let Self {
            all,
            slot,
            info,
            folder,
            readiness,
            demo,
        } = self;
        let own = shutdown.clone();
        let mut fleet = shutdown.spawn("fleet", async move { Box::pin(all.run(own)).await });
        tokio::select! {
            () = readiness.ready() => {}
            () = shutdown.requested() => return fleet.await?,
            ended = &mut fleet => return ended?,
        }
        let run_file = RunFile::write(&folder, &info)?;
        output::line(banner(&info, &run_file));
        if demo {
            let demo = play(info, shutdown.clone());
            shutdown.spawn("demo", demo);
        }
        let mut servers = slot.lock().await;
        tokio::select! {
            ended = &mut fleet => ended?,
            () = shutdown.requested() => {
                output::line("Stopping.");
                fleet.await?
            }
            which = failed(&mut servers) => Err(format!("{which} has ended by itself").into()),
        }
    }
}

async fn failed(servers: &mut Option<Servers>) -> String {
    match servers {
        Some(servers) => servers.failed().await,
        None => std::future::pending().await,
    }
}

async fn play(info: RunInfo, shutdown: Shutdown) {
    match demo::run(&info.api_url, &info.nats_url, &info.token, &shutdown).await {
        Ok(()) if shutdown.is_requested() => {}
        Ok(()) => output::line("\nThe fleet goes on until Ctrl-C."),
        Err(error) => output::complain(format!(
            "\nThe demo failed: {}\nThe fleet goes on until Ctrl-C.",
            error_chain::chain(error.as_ref())
        )),
    }
}

fn banner(info: &RunInfo, run_file: &RunFile) -> String {
    format!(
        "\nPosthorn is running.\n  dashboard  {}\n  REST API   {}/api/v1\n  NATS       {}\n  \
         token      {}\n  all of it  {}\n",
        info.api_url,
        info.api_url,
        info.nats_url,
        info.token,
        run_file.path().display(),
    )
}
