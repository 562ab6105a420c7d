//! A PostgreSQL server: initialised once, started on a port of its own, stopped, crashed, restarted.
//!
//! Everything it has lies in one folder: `data` (initialised completely or not at all),
//! `postgres.log` (appended to) and, unless every local user is trusted, `password`. It listens on
//! 127.0.0.1 only and on no Unix socket, whose path has a length limit that a deep folder exceeds.
//!
//! As root it runs as another user, and its folder may have to move, see [`PostgresServer::folder`].
//! A data folder whose server was killed is recovered by PostgreSQL itself at the next start.

mod init;
mod options;
mod postmaster;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

pub use options::{Access, PostgresOptions};

use crate::{
    account::Account,
    child::{Signal, SupervisedChild, Supervision, log_tail, open_log},
    error::Error,
    lock::FileLock,
    port::{free_port, is_taken},
    tools::PostgresTool,
};

const NAME: &str = "PostgreSQL";

/// The superuser that a new data folder has, and the only user.
pub const USER: &str = "posthorn";

/// Recovery after a crash takes a while before the server accepts connections.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// How long a stop may take; it writes a checkpoint.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How often a port that turned out to be taken is replaced by another one.
const PORT_TRIES: u32 = 3;

const POLL: Duration = Duration::from_millis(10);

/// A PostgreSQL server; dropping it crashes the server and keeps its files.
#[derive(Debug)]
pub struct PostgresServer {
    bin: PathBuf,
    account: Account,
    options: PostgresOptions,
    password: Option<String>,
    port: u16,
    child: Option<SupervisedChild>,
    // After the child: the folder is ours until the child has ended.
    _lock: FileLock,
}

impl PostgresServer {
    /// Initialises the folder if it is new, starts a server and waits until it takes connections.
    ///
    /// A server that an earlier, killed process left running in this folder is stopped first.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has a server in this folder; [`Error::DataVersion`]
    /// when another PostgreSQL wrote it; [`Error::CommandFailed`] when it cannot be initialised;
    /// [`Error::EndedEarly`] and [`Error::NotReady`] with the end of the log; [`Error::File`];
    /// [`Error::NoUnprivilegedUser`], [`Error::ForeignFolder`] as root; [`Error::NoPort`].
    ///
    /// # Cancel safety
    /// Dropping the future crashes a server that is starting; an initialisation starts over.
    pub async fn start(tool: &PostgresTool, options: PostgresOptions) -> Result<Self, Error> {
        let account = Account::for_postgres()?;
        let folder = account.reachable(&options.folder)?;
        let lock = FileLock::own(&folder)?;
        let options = PostgresOptions { folder, ..options };
        let bin = init::reachable_programs(account, tool, &options.folder).await?;
        let password = init::data_folder(account, &bin, tool.version, &options).await?;
        postmaster::clear(&options.data()).await?;
        let mut server = Self {
            bin,
            account,
            options,
            password,
            port: 0,
            child: None,
            _lock: lock,
        };
        server.start_on_some_port().await?;
        Ok(server)
    }

    /// Where clients connect to the database of the options, as [`USER`].
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(&self.options.database)
    }

    /// Where clients connect to `database`, as [`USER`].
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        let password = self
            .password
            .as_ref()
            .map(|word| format!(":{word}"))
            .unwrap_or_default();
        format!(
            "postgres://{USER}{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// The server's port; a restart keeps it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's main process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(SupervisedChild::pid)
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
        self.options.log()
    }

    /// The folder of its files: the wanted one, or as root its stand-in in `/var/tmp`, if the user
    /// that the server runs as cannot reach the wanted one.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// Crashes the server: all its processes end at once, without a checkpoint.
    ///
    /// SIGQUIT, which is PostgreSQL's own way to crash, because SIGKILL ends only the main process
    /// and leaves the others to notice it; SIGKILL follows if it is not obeyed.
    pub fn kill(&mut self) {
        // Dropping a child sends its `at_drop` signal.
        self.child = None;
    }

    /// Stops the server with a checkpoint, without waiting for clients, and waits for its end.
    ///
    /// # Errors
    /// [`Error::NotStopped`] when it does not end in time; it is killed then.
    pub async fn stop(&mut self) -> Result<(), Error> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let pid = child.pid();
        let asked = child.stop(Signal::Interrupt, STOP_LIMIT).await;
        match asked.map_err(Error::file("stop", &self.bin))? {
            Some(_status) => Ok(()),
            None => Err(Error::NotStopped {
                server: NAME,
                pid,
                limit: STOP_LIMIT,
            }),
        }
    }

    /// Starts the server again on the same port with the same data; stops it first if it runs.
    ///
    /// # Errors
    /// Those of [`PostgresServer::start`] and [`PostgresServer::stop`].
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await?;
        postmaster::clear(&self.options.data()).await?;
        self.start_once().await
    }

    async fn start_on_some_port(&mut self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            self.port = self.options.port.map_or_else(free_port, Ok)?;
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
        let supervision = Supervision {
            gentle: Signal::Interrupt,
            at_drop: Signal::Quit,
            cleanup: self
                .options
                .remove_if_killed
                .then(|| self.options.folder.clone()),
        };
        let command = self.command()?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = SupervisedChild::start(command, &supervision)
            .map_err(|source| Error::CannotRun { program, source })?;
        self.child = Some(child);
        let ready = self.wait_until_ready().await;
        if ready.is_err() {
            self.child = None;
        }
        ready
    }

    fn command(&self) -> Result<Command, Error> {
        let log = open_log(&self.log()).map_err(Error::file("create", self.log()))?;
        let stdout = log.try_clone().map_err(Error::file("create", self.log()))?;
        let mut command = Command::new(self.bin.join("postgres"));
        command
            .arg("-D")
            .arg(self.options.data())
            .current_dir(&self.options.folder);
        command.args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
        ]);
        command.arg("-c").arg(format!("port={}", self.port));
        for (name, value) in &self.options.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.stdout(stdout).stderr(log);
        self.account.apply(&mut command);
        Ok(command)
    }

    async fn wait_until_ready(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let log = self.log();
        let data = self.options.data();
        while let Some(child) = &mut self.child {
            if let Some(status) = child.try_wait() {
                let tail = log_tail(&log, 20);
                return Err(Error::EndedEarly {
                    server: NAME,
                    status,
                    log,
                    tail,
                });
            }
            if postmaster::is_ready(&data, child.pid()) {
                return Ok(());
            }
            if started.elapsed() > READY_LIMIT {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        let tail = log_tail(&log, 20);
        Err(Error::NotReady {
            server: NAME,
            limit: READY_LIMIT,
            log,
            tail,
        })
    }
}
