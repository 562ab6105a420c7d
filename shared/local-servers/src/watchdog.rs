//! The watchdog: ends a child when *our* process dies without having had the time to do so.
//!
//! A shell waits on a pipe whose other end only we hold. When we reap the child ourselves we write
//! one line, and the shell leaves. When we are killed, the system closes the pipe, the shell sees
//! the end of file, asks the child to stop, kills it if it does not, and removes its temporary
//! files. The shell sits in its own process group, so that Ctrl-C and a test runner's group kill
//! reach us but not the shell.
//!
//! Why not Linux' parent-death signal (`setpriv --pdeathsig`): it fires when the *thread* that
//! started the child ends, which for a test is much too early, it cannot escalate or clean up, and
//! macOS has none.

use std::{
    io::{self, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::child::Signal;

/// `$1` the gentle signal, `$2` the child, `$3` a folder to remove or nothing.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
read -r word && exit 0
kill -"$1" "$2" 2>/dev/null
tries=0
while kill -0 "$2" 2>/dev/null && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -KILL -- "-$2" 2>/dev/null
[ -z "$3" ] || rm -rf -- "$3"
"#;

/// A running watchdog over one child; dropping it without [`Watchdog::dismiss`] ends the child.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Watches over `pid`; `cleanup` is removed if the watchdog has to act.
    pub(crate) fn start(pid: u32, gentle: Signal, cleanup: Option<&Path>) -> io::Result<Self> {
        let shell = Command::new("sh")
            .args([
                "-c",
                SCRIPT,
                "posthorn-watchdog",
                gentle.name(),
                &pid.to_string(),
            ])
            .arg(cleanup.unwrap_or_else(|| Path::new("")))
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { shell })
    }

    /// Sends the watchdog away: the child has ended and was reaped.
    pub(crate) fn dismiss(mut self) {
        let told = self
            .shell
            .stdin
            .take()
            .map(|mut pipe| pipe.write_all(b"done\n"));
        // A shell that is gone already, killed by somebody, needs no further word.
        drop(told);
        drop(self.shell.wait());
    }
}
