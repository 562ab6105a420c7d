//! A real binary: started with arguments and environment, watched through its output, ended by signal.

mod builder;
mod http;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

pub use builder::ProcessBuilder;
use posthorn_local_servers::{Signal, SupervisedChild, child::log_tail};
use tempfile::TempDir;

use crate::{eventually, failure::OrFail};

/// How many lines of each output a failure shows.
const TAIL_LINES: usize = 40;

/// The memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// In use now.
    pub now: u64,
    /// In use at most, since the process began.
    pub peak: u64,
}

/// A running binary; dropping it kills it with everything it started in its process group.
#[derive(Debug)]
pub struct Process {
    command_line: String,
    child: SupervisedChild,
    folder: TempDir,
}

impl Process {
    /// Describes a binary to start, such as `env!("CARGO_BIN_EXE_posthorn")`.
    #[must_use]
    pub fn builder(program: impl AsRef<Path>) -> ProcessBuilder {
        ProcessBuilder::new(program.as_ref())
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// How much memory it has in use, and had at most, in bytes (`VmRSS` and `VmHWM`).
    ///
    /// # Panics
    /// When it has ended, or the system is not Linux.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let file = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(&file).or_fail(&file);
        let bytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let number = line.and_then(|rest| rest.split_whitespace().next());
            let kibibytes: Option<u64> = number.and_then(|number| number.parse().ok());
            kibibytes.map_or(0, |kibibytes| kibibytes * 1024)
        };
        Memory {
            now: bytes("VmRSS:"),
            peak: bytes("VmHWM:"),
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_none()
    }

    /// Everything it has written to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        read(&self.stdout_file())
    }

    /// Everything it has written to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        read(&self.stderr_file())
    }

    /// The command line and the end of both outputs, for a failure's message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        format!(
            "$ {}\n--- end of stdout ---\n{}\n--- end of stderr ---\n{}",
            self.command_line,
            log_tail(&self.stdout_file(), TAIL_LINES),
            log_tail(&self.stderr_file(), TAIL_LINES),
        )
    }

    /// Asks it to stop with SIGTERM.
    ///
    /// # Panics
    /// When it may not be signalled.
    pub fn sigterm(&mut self) {
        self.child.signal(Signal::Terminate).or_fail("send SIGTERM");
    }

    /// Sends SIGINT, as Ctrl-C does.
    ///
    /// # Panics
    /// When it may not be signalled.
    pub fn sigint(&mut self) {
        self.child.signal(Signal::Interrupt).or_fail("send SIGINT");
    }

    /// Freezes it with SIGSTOP, as a machine that is starved or migrated does.
    ///
    /// # Panics
    /// When it may not be signalled.
    pub fn sigstop(&mut self) {
        self.child.signal(Signal::Stop).or_fail("send SIGSTOP");
    }

    /// Lets it go on with SIGCONT.
    ///
    /// # Panics
    /// When it may not be signalled.
    pub fn sigcont(&mut self) {
        self.child.signal(Signal::Continue).or_fail("send SIGCONT");
    }

    /// Kills it with SIGKILL, with everything it started in its process group, and reaps it.
    pub fn sigkill(&mut self) {
        self.child.kill();
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it still runs after `timeout`, with the end of its output.
    pub async fn wait(&mut self, timeout: Duration) -> ExitStatus {
        match self.child.wait(timeout).await {
            Some(status) => status,
            None => panic!("still running after {timeout:?}\n{}", self.log_tail()),
        }
    }

    /// Waits for its end with this exit code.
    ///
    /// # Panics
    /// When it still runs after `timeout` or ends in another way, with the end of its output.
    pub async fn wait_exit_code(&mut self, code: i32, timeout: Duration) {
        let status = self.wait(timeout).await;
        assert!(
            status.code() == Some(code),
            "ended with {status} instead of exit code {code}\n{}",
            self.log_tail()
        );
    }

    /// Waits until a line of either output contains `part`, and returns that line.
    ///
    /// # Panics
    /// After `timeout`, or when it ends without such a line, with the end of its output.
    pub async fn wait_for_line(&mut self, part: &str, timeout: Duration) -> String {
        let what = format!("a line with {part:?}");
        eventually(timeout, &what, async || {
            // Looked at before the output: what an ended process wrote is complete.
            let running = self.is_running();
            let output = self.stdout() + &self.stderr();
            match output.lines().find(|line| line.contains(part)) {
                Some(line) => Ok(line.to_owned()),
                None if running => Err(self.log_tail()),
                None => panic!("ended without {what}\n{}", self.log_tail()),
            }
        })
        .await
    }

    /// Waits for a line that contains `part`, such as `admin server listening`, and returns the
    /// address in it: how a test learns the ports of a process that chose them itself.
    ///
    /// # Panics
    /// As [`Process::wait_for_line`]; also when that line has no address.
    pub async fn wait_for_address(&mut self, part: &str, timeout: Duration) -> SocketAddr {
        let line = self.wait_for_line(part, timeout).await;
        match address_in(&line) {
            Some(address) => address,
            None => panic!("no address in {line:?}"),
        }
    }

    /// Waits until a GET of this `http://` URL is answered with a status from 200 to 299.
    ///
    /// # Panics
    /// After `timeout`, or when it ends before, with the end of its output.
    pub async fn wait_for_http(&mut self, url: &str, timeout: Duration) {
        let what = format!("a good answer from {url}");
        eventually(timeout, &what, async || match http::status(url).await {
            Ok(200..=299) => Ok(()),
            _ if !self.is_running() => panic!("ended before {what}\n{}", self.log_tail()),
            Ok(status) => Err(format!("status {status}\n{}", self.log_tail())),
            Err(refused) => Err(format!("{refused}\n{}", self.log_tail())),
        })
        .await;
    }

    fn stdout_file(&self) -> PathBuf {
        builder::stdout_file(self.folder.path())
    }

    fn stderr_file(&self) -> PathBuf {
        builder::stderr_file(self.folder.path())
    }
}

/// The first `<ip>:<port>` in a line of any log format; ports of 0 and words with colons are none.
fn address_in(line: &str) -> Option<SocketAddr> {
    let is_part = |character: char| character.is_ascii_hexdigit() || "[]:.".contains(character);
    line.split(|character| !is_part(character))
        .filter_map(|word| word.trim_matches(':').parse().ok())
        .find(|address: &SocketAddr| address.port() != 0)
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn an_address_is_found_in_any_log_format() {
        let cases = [
            (
                r#"{"ts":"2026-11-23T16:59:13Z","msg":"listening","addr":"0.0.0.0:9071"}"#,
                "0.0.0.0:9071",
            ),
            ("16:59:13 INFO listening addr=[::1]:8071", "[::1]:8071"),
            ("API: http://127.0.0.1:8071/api", "127.0.0.1:8071"),
        ];
        for (line, address) in cases {
            assert_eq!(address_in(line), address.parse().ok(), "{line}");
        }
        assert_eq!(address_in("16:59:13 nothing at 127.0.0.1:0"), None);
    }
}
