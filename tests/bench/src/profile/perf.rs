//! Samples processes with Linux's perf: the stack of whatever runs, many times a second.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::stacks::Stacks;
use crate::usage::family;
use crate::world::NATS;

/// What is counted: time of processors. It exists on virtual machines, too, which have no counter of
/// cycles; the second one is allowed where the kernel may not be looked at.
const CLOCKS: [&str; 2] = ["cpu-clock", "cpu-clock:u"];
/// Bytes of stack copied with a sample. Stacks of futures are deep: with perf's default of 8 KiB most
/// lose their outer half.
const STACK_BYTES: u32 = 32 * 1024;

/// A perf that works here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Perf {
    clock: &'static str,
}

impl Perf {
    /// Tries it out; what it says when it does not work.
    pub(crate) async fn find(folder: &Path) -> Result<Self, String> {
        let mut said = String::new();
        for clock in CLOCKS {
            let file = folder.join("try.perf.data");
            let tried = Command::new("perf")
                .args(["record", "--quiet", "--event", clock, "--output"])
                .arg(&file)
                .args(["--", "true"])
                .stdin(Stdio::null())
                .output()
                .await
                .map_err(|error| error.to_string())?;
            std::fs::remove_file(&file).ok();
            if tried.status.success() {
                return Ok(Self { clock });
            }
            said = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
        }
        Err(said)
    }

    pub(crate) fn words(self, hertz: u32) -> String {
        let kernel = match self.clock {
            "cpu-clock" => "",
            _ => ", without the kernel, which this user may not look at",
        };
        format!(
            "perf, {} at {hertz} Hz, stacks by DWARF{kernel}",
            self.clock
        )
    }

    /// Samples a process and its children for a while; their stacks.
    ///
    /// # Errors
    /// When perf fails.
    pub(crate) async fn record(
        self,
        (name, pid): (&str, u32),
        hertz: u32,
        length: Duration,
        folder: &Path,
    ) -> anyhow::Result<Stacks> {
        let file = folder.join(format!("{name}.perf.data"));
        let pids: Vec<_> = family(pid).iter().map(u32::to_string).collect();
        // Go programs keep frame pointers and have no DWARF for unwinding.
        let stacks = match name {
            NATS => "fp".to_owned(),
            _ => format!("dwarf,{STACK_BYTES}"),
        };
        let recorded = Command::new("perf")
            .args(["record", "--quiet", "--event", self.clock, "--freq"])
            .arg(hertz.to_string())
            .args(["--call-graph", &stacks, "--pid", &pids.join(",")])
            .arg("--output")
            .arg(&file)
            .args(["--", "sleep", &length.as_secs().to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("start perf")?;
        let said = String::from_utf8_lossy(&recorded.stderr).into_owned();
        ensure!(recorded.status.success(), "perf record of {name}: {said}");
        let read = tokio::task::spawn_blocking(move || read(&file));
        read.await?.with_context(|| format!("stacks of {name}"))
    }
}

/// Reads what was recorded, and removes it: it is large.
fn read(file: &PathBuf) -> anyhow::Result<Stacks> {
    let mut script = std::process::Command::new("perf")
        // With inlined functions it takes minutes.
        .args([
            "script",
            "--no-inline",
            "--fields",
            "comm,tid,ip,sym,dso",
            "--input",
        ])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = script.stdout.take().context("perf script has no output")?;
    let stacks = Stacks::read(BufReader::new(output));
    let ended = script.wait()?;
    ensure!(ended.success(), "perf script: {ended}");
    std::fs::remove_file(file)?;
    Ok(stacks?)
}
