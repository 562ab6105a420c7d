//! A nats-server with JetStream: started on a port of its own, stopped, crashed, restarted.
//!
//! Everything it has lies in one folder: `nats-server.conf` (written at every start),
//! `nats-server.log` (appended to), `nats-server.pid` and the `store`. A restart uses the same
//! port and the same store, so that clients reconnect and find their streams.

mod config;
mod options;

use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

pub use options::{NatsOptions, SyncInterval};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    child::{Signal, SupervisedChild, Supervision, log_tail, open_log},
    error::Error,
    lock::FileLock,
    orphan::stop_orphan,
    port::{free_port, is_taken},
    scheduling,
    tools::NatsTool,
};

const NAME: &str = "nats-server";

/// Recovery of a large store takes a while before the server accepts connections.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// How long an orderly stop may take.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// How often a port that turned out to be taken is replaced by another one.
const PORT_TRIES: u32 = 3;

/// How long one look at the greeting may take.
const GREETING_LIMIT: Duration = Duration::from_secs(1);

const POLL: Duration = Duration::from_millis(10);

/// A nats-server; dropping it kills the server and keeps its files.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    options: NatsOptions,
    port: u16,
    monitoring_port: Option<u16>,
    child: Option<SupervisedChild>,
    // After the child: the folder is ours until the child has ended.
    _lock: FileLock,
}

impl NatsServer {
    /// Starts a server and waits until it accepts connections with JetStream enabled.
    ///
    /// A server that an earlier, killed process left running in this folder is stopped first.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has a server in this folder; [`Error::EndedEarly`]
    /// and [`Error::NotReady`] with the end of the log; [`Error::File`]; [`Error::NoPort`].
    ///
    /// # Cancel safety
    /// Dropping the future kills a server that is starting.
    pub async fn start(tool: &NatsTool, options: NatsOptions) -> Result<Self, Error> {
        let folder = &options.folder;
        std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        // The server changes nothing about its working folder, but paths in errors should be whole.
        let folder = folder
            .canonicalize()
            .map_err(Error::file("resolve", folder))?;
        let lock = FileLock::own(&folder)?;
        let options = NatsOptions { folder, ..options };
        if let Some(pid) = read_pid(&options.folder) {
            stop_orphan(pid, &options.folder, Signal::Terminate).await?;
        }
        let program = tool.program.clone();
        let mut server = Self {
            program,
            options,
            port: 0,
            monitoring_port: None,
            child: None,
            _lock: lock,
        };
        server.start_on_some_port().await?;
        Ok(server)
    }

    /// Where clients connect: `nats://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port for clients; a restart keeps it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the monitoring pages are, if they were asked for.
    #[must_use]
    pub fn monitoring_url(&self) -> Option<String> {
        self.monitoring_port
            .map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// The server's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let child = self.child.as_ref()?;
        if self.options.under.is_empty() {
            Some(child.pid())
        } else {
            read_pid(&self.options.folder)
        }
    }

    /// Whether the server runs: false after a stop, a kill, or when it ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| child.try_wait().is_none())
    }

    /// The log file; a restart appends to it.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.options.folder.join("nats-server.log")
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// Kills the server with SIGKILL: what it had not written to disk is lost.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill();
        }
    }

    /// Stops the server in order and waits for its end.
    ///
    /// # Errors
    /// [`Error::NotStopped`] when it does not end in time; it is killed then.
    pub async fn stop(&mut self) -> Result<(), Error> {
        if !self.options.under.is_empty() {
            self.kill();
        }
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let pid = child.pid();
        let asked = child.stop(Signal::Terminate, STOP_LIMIT).await;
        match asked.map_err(Error::file("stop", &self.program))? {
            Some(_status) => Ok(()),
            None => Err(Error::NotStopped {
                server: NAME,
                pid,
                limit: STOP_LIMIT,
            }),
        }
    }

    /// Starts the server again on the same port with the same store; stops it first if it runs.
    ///
    /// # Errors
    /// Those of [`NatsServer::start`] and [`NatsServer::stop`].
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await?;
        self.start_once().await
    }

    async fn start_on_some_port(&mut self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            self.port = self.options.port.map_or_else(free_port, Ok)?;
            self.monitoring_port = self.options.monitoring.then(free_port).transpose()?;
            tries += 1;
            match self.start_once().await {
                Err(Error::EndedEarly { .. })
                    if self.options.port.is_none() && is_taken(self.port) && tries < PORT_TRIES => {
                }
                other => return other,
            }
        }
    }

    async fn start_once(&mut self) -> Result<(), Error> {
        let config = self.options.folder.join("nats-server.conf");
        let text = config::text(&self.options, self.port, self.monitoring_port);
        std::fs::write(&config, text).map_err(Error::file("write", &config))?;
        let log = open_log(&self.log()).map_err(Error::file("create", self.log()))?;
        let stdout = log.try_clone().map_err(Error::file("create", self.log()))?;
        let mut command = self.command();
        command
            .arg("--config")
            .arg(config)
            .stdout(stdout)
            .stderr(log);
        let cleanup = self
            .options
            .remove_if_killed
            .then(|| self.options.folder.clone());
        let supervision = Supervision {
            gentle: Signal::Terminate,
            at_drop: Signal::Kill,
            cleanup,
        };
        let program = self.program.display().to_string();
        let child = SupervisedChild::start(command, &supervision)
            .map_err(|source| Error::CannotRun { program, source })?;
        self.child = Some(child);
        let ready = self.wait_until_ready().await;
        if ready.is_err() {
            self.child = None;
        }
        ready
    }

    fn command(&self) -> Command {
        match self.options.under.as_slice() {
            [] => scheduling::in_batches(&self.program),
            [other, words @ ..] => {
                let mut command = scheduling::in_batches(Path::new(other));
                command.args(words).arg(&self.program);
                command
            }
        }
    }

    async fn wait_until_ready(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let tail = |log: &Path| log_tail(log, 20);
        loop {
            let log = self.log();
            if let Some(status) = self.child.as_mut().and_then(SupervisedChild::try_wait) {
                let tail = tail(&log);
                return Err(Error::EndedEarly {
                    server: NAME,
                    status,
                    log,
                    tail,
                });
            }
            let greeting = greets(self.port, &self.options.folder);
            if matches!(
                tokio::time::timeout(GREETING_LIMIT, greeting).await,
                Ok(Ok(true))
            ) {
                return Ok(());
            }
            if started.elapsed() > READY_LIMIT {
                let tail = tail(&log);
                return Err(Error::NotReady {
                    server: NAME,
                    limit: READY_LIMIT,
                    log,
                    tail,
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Whether *our* server greets with JetStream: its greeting carries the name we gave it.
async fn greets(port: u16, folder: &Path) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let mut greeting = [0; 4096];
    let read = stream.read(&mut greeting).await?;
    let greeting = String::from_utf8_lossy(&greeting[..read]);
    Ok(greeting.contains("\"jetstream\":true")
        && greeting.contains(&config::server_name(folder, port)))
}

fn read_pid(folder: &Path) -> Option<u32> {
    std::fs::read_to_string(folder.join(config::PID_FILE))
        .ok()?
        .trim()
        .parse()
        .ok()
}
