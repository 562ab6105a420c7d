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

/// A fleet with its servers; all end with it.
pub(crate) struct World {
    pub(crate) nats: TestNats,
    pub(crate) client: Client,
    pub(crate) api_url: String,
    pub(crate) token: String,
    fleet: Process,
    _database: TestDatabase,
}

impl World {
    /// Starts NATS, PostgreSQL and all services in one process.
    ///
    /// # Errors
    /// When there is no release build beside this program.
    pub(crate) async fn start(
        sync: Sync,
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
        let mut fleet = Process::builder(posthorn)
            .arg("all")
            .envs(settings.pairs().iter().cloned())
            .start();
        let admin = fleet
            .wait_for_address("admin server listening", START)
            .await;
        fleet
            .wait_for_http(&format!("http://{admin}/readyz"), START)
            .await;
        let api = fleet.wait_for_address("api listening", START).await;
        let (api_url, token) = (format!("http://{api}"), settings.token());
        Ok(Self {
            nats,
            client: Client::new(&api_url, &token),
            api_url,
            token,
            fleet,
            _database: database,
        })
    }
}

impl World {
    /// Memory of the fleet's process that is in use now.
    pub(crate) fn memory_mib(&self) -> f64 {
        let status = format!("/proc/{}/status", self.fleet.pid());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
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
