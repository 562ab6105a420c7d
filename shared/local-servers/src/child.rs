//! A child process that does not outlive us, however we end.
//!
//! | We… | The child… |
//! | --- | --- |
//! | drop the [`SupervisedChild`] | gets the `at_drop` signal, then SIGKILL for its whole process group |
//! | call [`SupervisedChild::stop`] | gets the signal we choose and is waited for |
//! | die without dropping anything | is stopped by its watchdog, a shell that notices our end |
//!
//! It sits in its own process group: Ctrl-C in a terminal reaches only us, so that children end in
//! the order we choose.
//!
//! Plain `std` processes and polling, because a child may be started in one async runtime and
//! waited for in another (every `#[tokio::test]` has its own).

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, WaitId, WaitIdOptions};

use crate::watchdog::Watchdog;

/// How often a waiting caller looks whether the child has ended.
const POLL: Duration = Duration::from_millis(10);

/// How long a dropped child may take to obey its `at_drop` signal before it is killed.
const DROP_PATIENCE: Duration = Duration::from_secs(3);

/// The signals that children are ended with, or frozen for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: stop in order. For PostgreSQL this waits for its clients, see [`Signal::Interrupt`].
    Terminate,
    /// SIGINT: Ctrl-C; PostgreSQL's *fast* shutdown.
    Interrupt,
    /// SIGQUIT: PostgreSQL's *immediate* shutdown, a crash of all its processes at once.
    Quit,
    /// SIGKILL: ends at once, nothing is written.
    Kill,
    /// SIGSTOP: frozen until [`Signal::Continue`].
    Stop,
    /// SIGCONT: goes on after [`Signal::Stop`].
    Continue,
}

impl Signal {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }

    pub(crate) const fn number(self) -> rustix::process::Signal {
        match self {
            Self::Terminate => rustix::process::Signal::TERM,
            Self::Interrupt => rustix::process::Signal::INT,
            Self::Quit => rustix::process::Signal::QUIT,
            Self::Kill => rustix::process::Signal::KILL,
            Self::Stop => rustix::process::Signal::STOP,
            Self::Continue => rustix::process::Signal::CONT,
        }
    }
}

/// How a child is ended when nobody ends it on purpose.
#[derive(Debug, Clone)]
pub struct Supervision {
    /// What the watchdog sends first, when we died.
    pub gentle: Signal,
    /// What dropping the child sends first.
    pub at_drop: Signal,
    /// A temporary folder that the watchdog removes after the child has ended, when we died.
    pub cleanup: Option<PathBuf>,
}

/// A running child process in its own group, with a watchdog.
#[derive(Debug)]
pub struct SupervisedChild {
    child: Child,
    watchdog: Option<Watchdog>,
    at_drop: Signal,
    ended: Option<ExitStatus>,
}

impl SupervisedChild {
    /// Starts `command` with no input; where its output goes is the caller's choice.
    ///
    /// # Errors
    /// The system's, when the program or the watchdog's shell cannot be started.
    pub fn start(mut command: Command, supervision: &Supervision) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let cleanup = supervision.cleanup.as_deref();
        match Watchdog::start(child.id(), supervision.gentle, cleanup) {
            Ok(watchdog) => {
                let at_drop = supervision.at_drop;
                Ok(Self {
                    child,
                    watchdog: Some(watchdog),
                    at_drop,
                    ended: None,
                })
            }
            Err(no_shell) => {
                child.kill()?;
                child.wait()?;
                Err(no_shell)
            }
        }
    }

    /// The child's process id, which is also its process group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal` to the child alone; nothing happens if it has ended.
    ///
    /// # Errors
    /// The system's, when the child may not be signalled.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if self.try_wait().is_some() {
            return Ok(());
        }
        rustix::process::kill_process(self.rustix_pid(), signal.number())?;
        Ok(())
    }

    /// How the child ended, or `None` while it runs.
    ///
    /// What an ended child leaves behind in its process group is killed here.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() && self.has_ended() {
            self.kill();
        }
        self.ended
    }

    /// Waits for the end of the child, for at most `limit`; `None` when it still runs then.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            let ended = self.try_wait();
            if ended.is_some() || started.elapsed() >= limit {
                return ended;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends `signal` and waits for the end, for at most `limit`; `None` when it still runs then.
    ///
    /// # Errors
    /// The system's, when the child may not be signalled.
    pub async fn stop(
        &mut self,
        signal: Signal,
        limit: Duration,
    ) -> io::Result<Option<ExitStatus>> {
        self.signal(signal)?;
        Ok(self.wait(limit).await)
    }

    /// Kills the child and everything in its group, and waits for its end, which takes no time.
    pub fn kill(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // Before the child is reaped, while its number cannot belong to anybody else.
        // An error means that the group is empty but for a child that has ended already.
        rustix::process::kill_process_group(self.rustix_pid(), Signal::Kill.number()).ok();
        self.ended = self.child.wait().ok();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
    }

    /// Whether the child has ended, without reaping it.
    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(
            rustix::process::waitid(WaitId::Pid(self.rustix_pid()), look),
            Ok(Some(_))
        )
    }

    fn rustix_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for SupervisedChild {
    #[expect(
        clippy::disallowed_methods,
        reason = "drop cannot wait in any other way"
    )]
    fn drop(&mut self) {
        let started = Instant::now();
        if self.at_drop != Signal::Kill && self.signal(self.at_drop).is_ok() {
            while self.try_wait().is_none() && started.elapsed() < DROP_PATIENCE {
                std::thread::sleep(POLL);
            }
        }
        self.kill();
    }
}

/// Opens a log file for appending, for a child's standard output and error.
///
/// # Errors
/// The system's, when the file cannot be created.
pub fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// The last `lines` lines of a log file; what is missing or unreadable reads as empty.
#[must_use]
pub fn log_tail(path: &Path, lines: usize) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
