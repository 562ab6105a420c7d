//! Servers and a fleet of a scenario's own, from the release build.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use posthorn_e2e::{Client, Settings};
use posthorn_harness::{DedicatedPostgres, Process, TestNats, TestNatsCluster};
use posthorn_local_servers::{NatsOptions, PostgresOptions, SyncInterval};

use crate::slower_disk;

/// How long a fleet may take to start, also under a profiler that makes it fifty times as slow.
const START: Duration = Duration::from_secs(180);

/// How the servers are named among the processes.
pub(crate) const NATS: &str = "nats-server";
pub(crate) const POSTGRES: &str = "postgres";

/// When nats-server writes to disk.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Sync {
    /// Before each ack, as the shipped configuration has it
    Always,
    /// When the system wants to, as nats-server's default has it
    Default,
}

/// How the services are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Each as a process of its own, as the chart deploys them
    Fleet,
    /// All in one process
    One,
}

/// How a scenario's servers and fleet are set up.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Setup {
    /// When nats-server writes to disk
    #[arg(long, value_enum, default_value = "default")]
    pub(crate) sync: Sync,
    /// How the services run
    #[arg(long, value_enum, default_value = "fleet")]
    pub(crate) shape: Shape,
    /// Senders of a fleet
    #[arg(long, default_value_t = 1)]
    pub(crate) senders: usize,
    /// Servers of NATS
    #[arg(long, value_enum, default_value = "one")]
    pub(crate) servers: Servers,
    /// Microseconds that each fsync of nats-server takes longer than on this machine's disk, played by strace
    #[arg(long, default_value_t = 0)]
    pub(crate) slower_fsync: u32,
}

/// Servers of NATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Servers {
    /// One alone
    One,
    /// A cluster, in which each stream has three replicas
    Three,
}

/// Connections to NATS of all producers together: as a platform of four processes has them, for NATS'
/// clients send what all tasks of a process publish over one connection. HTTP/1.1 needs one for each
/// request that is on its way. Of a cluster, all servers have their share: to publish through the one that leads
/// a stream takes one step less.
const NATS_CONNECTIONS: usize = 4;

/// Where a server with Svix's API is reached.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) client: Client,
    /// Where events are posted.
    pub(crate) ingest_url: String,
    pub(crate) token: String,
    /// What only a fleet of ours has.
    pub(crate) ours: Option<Doors>,
}

/// Further doors of a fleet of ours.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    /// Connections to NATS, which producers share.
    pub(crate) nats: Vec<async_nats::Client>,
    /// The admin server of the process that is posted to.
    pub(crate) admin_url: String,
}

/// A fleet with its servers; all end with it.
pub(crate) struct World {
    pub(crate) nats: TestNats,
    /// The other servers of its cluster.
    others: Vec<TestNats>,
    pub(crate) site: Site,
    fleet: Vec<(&'static str, Process)>,
    postgres: DedicatedPostgres,
}

impl World {
    /// Starts NATS, PostgreSQL and all services.
    ///
    /// # Errors
    /// When there is no release build beside this program.
    pub(crate) async fn start(
        setup: Setup,
        adjust: impl FnOnce(Settings) -> Settings,
    ) -> anyhow::Result<Self> {
        Self::start_under(&[], setup, adjust).await
    }

    /// As [`World::start`], each service by a program that runs it, such as a profiler.
    ///
    /// # Errors
    /// As [`World::start`].
    pub(crate) async fn start_under(
        wrapper: &[String],
        setup: Setup,
        adjust: impl FnOnce(Settings) -> Settings,
    ) -> anyhow::Result<Self> {
        let posthorn = beside_us("posthorn")?;
        let nats = start_nats(setup, slower_disk::tracer(setup.slower_fsync)?);
        // As durable as PostgreSQL is by itself.
        let postgres = DedicatedPostgres::start_with(|options| PostgresOptions {
            settings: Vec::new(),
            ..options
        });
        let ((nats, others), postgres) = tokio::join!(nats, postgres);
        let urls: Vec<String> = others.iter().chain([&nats]).map(TestNats::url).collect();
        let replicas = urls.len().to_string();
        let settings = Settings::new(&urls.join(","), &postgres.url())
            .with("POSTHORN_NATS_REPLICAS", replicas)
            // A cluster elects its leaders first.
            .with("POSTHORN_NATS_CONNECT_TIMEOUT", "90s");
        let settings = adjust(settings);
        let start = |role: &'static str| {
            let process = match wrapper {
                [] => Process::builder(&posthorn),
                [program, words @ ..] => Process::builder(program).args(words).arg(&posthorn),
            };
            let process = process
                .arg(role)
                .envs(settings.pairs().iter().cloned())
                .start();
            (role, process)
        };
        let mut fleet: Vec<(&str, Process)> = match setup.shape {
            Shape::One => vec![start("all")],
            Shape::Fleet => {
                start("migrate").1.wait_exit_code(0, START).await;
                let roles = ["ingest", "api", "fanout", "recorder"].into_iter();
                let senders = std::iter::repeat_n("sender", setup.senders);
                roles.chain(senders).map(start).collect()
            }
        };
        let mut admins = Vec::new();
        for (_role, process) in &mut fleet {
            let admin = process.wait_for_address("admin server listening", START);
            let admin = format!("http://{}", admin.await);
            process
                .wait_for_http(&format!("{admin}/readyz"), START)
                .await;
            admins.push(admin);
        }
        let (door, api) = match setup.shape {
            Shape::One => (0, 0),
            Shape::Fleet => (0, 1),
        };
        let ingest = &mut fleet[door].1;
        let ingest = ingest.wait_for_address("ingest listening", START).await;
        let api = &mut fleet[api].1;
        let api = api.wait_for_address("api listening", START).await;
        let token = settings.token();
        let mut connections = Vec::new();
        for url in urls.iter().cycle().take(NATS_CONNECTIONS) {
            connections.push(async_nats::connect(url).await?);
        }
        let ours = Doors {
            nats: connections,
            admin_url: admins.swap_remove(door),
        };
        let site = Site {
            client: Client::new(&format!("http://{api}"), &token),
            ingest_url: format!("http://{ingest}"),
            token,
            ours: Some(ours),
        };
        Ok(Self {
            nats,
            others,
            site,
            fleet,
            postgres,
        })
    }

    /// The servers and each process of the fleet, by name.
    pub(crate) fn processes(&self) -> Vec<(String, u32)> {
        let others = self.others.iter().map(|server| (NATS, server.pid()));
        let servers = [(NATS, self.nats.pid()), (POSTGRES, self.postgres.pid())];
        let servers = servers
            .into_iter()
            .chain(others)
            .filter_map(|(name, pid)| Some((name, pid?)));
        let fleet = self
            .fleet
            .iter()
            .map(|(role, process)| (*role, process.pid()));
        let all = servers.chain(fleet);
        all.map(|(name, pid)| (name.to_owned(), pid)).collect()
    }
}

/// One server of NATS, and those that make a cluster with it.
async fn start_nats(setup: Setup, under: Vec<String>) -> (TestNats, Vec<TestNats>) {
    let sync = match setup.sync {
        Sync::Always => SyncInterval::Always,
        Sync::Default => SyncInterval::ServerDefault,
    };
    let adjust = |options: &mut NatsOptions| {
        options.sync = sync;
        options.under.clone_from(&under);
    };
    match setup.servers {
        Servers::One => (TestNats::start_with(adjust).await, Vec::new()),
        Servers::Three => {
            let cluster = Box::pin(TestNatsCluster::start_with(adjust, "")).await;
            let mut nodes = cluster.into_nodes();
            (nodes.remove(0), nodes)
        }
    }
}

/// A program of the same build.
fn beside_us(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find our own program")?;
    let path = own.with_file_name(name);
    ensure!(
        path.exists(),
        "{} is not built: use `make bench`",
        path.display()
    );
    Ok(path)
}
