//! Servers and a fleet of a scenario's own, from the release build.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use posthorn_e2e::{Client, Settings};
use posthorn_harness::{Process, TestDatabase, TestNats};
use posthorn_local_servers::SyncInterval;

/// How long a fleet may take to start.
const START: Duration = Duration::from_secs(60);

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

/// A fleet with its servers; all end with it.
pub(crate) struct World {
    pub(crate) nats: TestNats,
    pub(crate) client: Client,
    /// Where events are posted.
    pub(crate) ingest_url: String,
    /// The admin server of the process that is posted to.
    pub(crate) admin_url: String,
    pub(crate) token: String,
    fleet: Vec<Process>,
    _database: TestDatabase,
}

impl World {
    /// Starts NATS, PostgreSQL and all services.
    ///
    /// # Errors
    /// When there is no release build beside this program.
    pub(crate) async fn start(
        sync: Sync,
        shape: Shape,
        adjust: impl FnOnce(Settings) -> Settings,
    ) -> anyhow::Result<Self> {
        let posthorn = beside_us("posthorn")?;
        let nats = TestNats::start_with(|options| {
            options.sync = match sync {
                Sync::Always => SyncInterval::Always,
                Sync::Default => SyncInterval::ServerDefault,
            };
        });
        let (nats, database) = tokio::join!(nats, TestDatabase::empty());
        let settings = adjust(Settings::new(&nats.url(), database.url()));
        let start = |role: &str| {
            Process::builder(&posthorn)
                .arg(role)
                .envs(settings.pairs().iter().cloned())
                .start()
        };
        let mut fleet: Vec<Process> = match shape {
            Shape::One => vec![start("all")],
            Shape::Fleet => {
                start("migrate").wait_exit_code(0, START).await;
                let roles = ["ingest", "api", "fanout", "sender", "recorder"];
                roles.map(start).into()
            }
        };
        let mut admins = Vec::new();
        for process in &mut fleet {
            let admin = process.wait_for_address("admin server listening", START);
            let admin = format!("http://{}", admin.await);
            process
                .wait_for_http(&format!("{admin}/readyz"), START)
                .await;
            admins.push(admin);
        }
        let (door, api) = match shape {
            Shape::One => (0, 0),
            Shape::Fleet => (0, 1),
        };
        let ingest = fleet[door]
            .wait_for_address("ingest listening", START)
            .await;
        let api = fleet[api].wait_for_address("api listening", START).await;
        let token = settings.token();
        Ok(Self {
            nats,
            client: Client::new(&format!("http://{api}"), &token),
            ingest_url: format!("http://{ingest}"),
            admin_url: admins.swap_remove(door),
            token,
            fleet,
            _database: database,
        })
    }
}

impl World {
    /// Memory of all processes of the fleet that is in use now.
    pub(crate) fn memory_mib(&self) -> f64 {
        let of = |process: &Process| {
            let status = format!("/proc/{}/status", process.pid());
            let status = std::fs::read_to_string(status).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            kib.unwrap_or(f64::NAN) / 1024.0
        };
        self.fleet.iter().map(of).sum()
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
