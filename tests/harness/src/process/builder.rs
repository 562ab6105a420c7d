//! What a process is started with.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use posthorn_local_servers::{
    Signal, SupervisedChild,
    child::{Supervision, open_log},
};

use super::Process;
use crate::{failure::OrFail, temp};

/// A binary that is to be started; it inherits the test's environment, without `POSTHORN_…` and
/// `OTEL_…` variables, so that a developer's settings change no test.
#[derive(Debug)]
pub struct ProcessBuilder {
    command: Command,
}

impl ProcessBuilder {
    pub(super) fn new(program: &Path) -> Self {
        let mut command = Command::new(program);
        for (key, _) in std::env::vars_os() {
            let name = key.to_string_lossy();
            if name.starts_with("POSTHORN_") || name.starts_with("OTEL_") {
                command.env_remove(&key);
            }
        }
        Self { command }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Sets environment variables.
    #[must_use]
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Sets the working folder; without it, the test's.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Starts the binary with no input; its output goes to files.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut self) -> Process {
        let folder = temp::folder("process");
        let stdout = open_log(&stdout_file(folder.path())).or_fail("create a file for stdout");
        let stderr = open_log(&stderr_file(folder.path())).or_fail("create a file for stderr");
        self.command.stdout(stdout).stderr(stderr);
        let command_line = format!("{:?}", self.command);
        let supervision = Supervision {
            gentle: Signal::Terminate,
            at_drop: Signal::Kill,
            cleanup: Some(folder.path().to_owned()),
        };
        let child = SupervisedChild::start(self.command, &supervision).or_fail(&command_line);
        Process {
            command_line,
            child,
            folder,
        }
    }
}

pub(super) fn stdout_file(folder: &Path) -> PathBuf {
    folder.join("stdout")
}

pub(super) fn stderr_file(folder: &Path) -> PathBuf {
    folder.join("stderr")
}
