//! Each service as a real process: what signals, crashes and exported traces are tested with.

use std::collections::BTreeMap;
use std::time::Duration;

pub use posthorn_bus::Role;
use posthorn_harness::Process;

use crate::{Client, Settings, binary};

/// How long a process may take to become ready on a busy machine.
const START: Duration = Duration::from_secs(60);
/// How long a process may take to end.
const STOP: Duration = Duration::from_secs(30);

/// All services as processes of their own.
#[derive(Debug)]
pub struct Fleet {
    settings: Settings,
    processes: BTreeMap<Role, Process>,
    /// Where the REST API is served.
    pub api_url: String,
    /// Where ingest serves its HTTP doors.
    pub ingest_url: String,
}

impl Fleet {
    /// Starts one process per role and waits until all are ready; the database must be migrated.
    ///
    /// # Panics
    /// When one of them does not start.
    pub async fn start(settings: Settings) -> Self {
        binary::posthorn();
        let mut fleet = Self {
            settings,
            processes: BTreeMap::new(),
            api_url: String::new(),
            ingest_url: String::new(),
        };
        for role in Role::ALL {
            let process = fleet.spawn(role);
            fleet.processes.insert(role, process);
        }
        for role in Role::ALL {
            fleet.wait_ready(role).await;
        }
        fleet.api_url = fleet.address(Role::Api, "api listening").await;
        fleet.ingest_url = fleet.address(Role::Ingest, "ingest listening").await;
        // A process that comes back must be found where it was.
        let (api, ingest) = (fleet.api_url.clone(), fleet.ingest_url.clone());
        fleet.settings = fleet
            .settings
            .with("POSTHORN_API_ADDR", api.trim_start_matches("http://"))
            .with("POSTHORN_INGEST_ADDR", ingest.trim_start_matches("http://"));
        fleet
    }

    /// A client of the REST API.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.api_url, &self.settings.token())
    }

    /// The process of a role.
    ///
    /// # Panics
    /// When it was taken away.
    pub fn process(&mut self, role: Role) -> &mut Process {
        self.processes
            .get_mut(&role)
            .expect("a process of each role")
    }

    /// Kills a process with SIGKILL.
    pub fn kill(&mut self, role: Role) {
        self.process(role).sigkill();
    }

    /// Starts a process that was killed, and waits until it is ready.
    pub async fn restart(&mut self, role: Role) {
        let process = self.spawn(role);
        self.processes.insert(role, process);
        self.wait_ready(role).await;
    }

    /// Starts one more process of a role beside the one that runs; its ports are its own.
    #[must_use]
    pub fn another(&self, role: Role) -> Process {
        self.another_with(role, |settings| settings)
    }

    /// The same with settings of its own.
    #[must_use]
    pub fn another_with(&self, role: Role, set: impl FnOnce(Settings) -> Settings) -> Process {
        let settings = self
            .settings
            .clone()
            .with("POSTHORN_API_ADDR", "127.0.0.1:0")
            .with("POSTHORN_INGEST_ADDR", "127.0.0.1:0");
        start(&set(settings), role)
    }

    /// Ends all processes with SIGTERM.
    ///
    /// # Panics
    /// When one of them does not end in time with exit code 0.
    pub async fn stop(mut self) {
        for process in self.processes.values_mut() {
            process.sigterm();
        }
        for process in self.processes.values_mut() {
            process.wait_exit_code(0, STOP).await;
        }
    }

    /// The lines of all logs that have a text in them.
    #[must_use]
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        let logs = self.processes.values();
        let logs: Vec<_> = logs
            .map(|process| process.stdout() + &process.stderr())
            .collect();
        let lines = logs.iter().flat_map(|log| log.lines());
        let found = lines.filter(|line| line.contains(text));
        found.map(str::to_owned).collect()
    }

    /// The ends of all logs, for a failure's message.
    #[must_use]
    pub fn log_tails(&self) -> String {
        let tails = self.processes.values().map(Process::log_tail);
        tails.collect::<Vec<_>>().join("\n\n")
    }

    fn spawn(&self, role: Role) -> Process {
        start(&self.settings, role)
    }

    async fn wait_ready(&mut self, role: Role) {
        let admin = self.address(role, "admin server listening").await;
        self.process(role)
            .wait_for_http(&format!("{admin}/readyz"), START)
            .await;
    }

    async fn address(&mut self, role: Role, line: &str) -> String {
        let address = self.process(role).wait_for_address(line, START).await;
        format!("http://{address}")
    }
}

/// Where NATS wants passwords, each service is a user of its own.
fn start(settings: &Settings, role: Role) -> Process {
    let mut settings = settings.clone();
    let mut known = settings.pairs().iter();
    if known.any(|(key, _)| key == "POSTHORN_NATS_PASSWORD") {
        settings = settings.with("POSTHORN_NATS_USER", role.name());
    }
    Process::builder(binary::posthorn())
        .arg(role.name())
        .envs(settings.pairs().iter().cloned())
        .start()
}
