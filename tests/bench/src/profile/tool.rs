//! Which profiler is used: perf where it works, else callgrind.

use std::path::Path;

use anyhow::bail;
use clap::ValueEnum;

use super::callgrind;
use super::perf::Perf;

/// A profiler that may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wanted {
    /// Samples everything, at nearly full speed
    Perf,
    /// Counts instructions, very slowly; needs no rights
    Callgrind,
}

/// A profiler that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tool {
    Perf(Perf),
    Callgrind,
}

impl Tool {
    /// The best one that works, or the one that is asked for.
    ///
    /// # Errors
    /// When there is none; says why, and what would help.
    pub(crate) async fn find(wanted: Option<Wanted>, folder: &Path) -> anyhow::Result<Self> {
        let mut why = Vec::new();
        if wanted != Some(Wanted::Callgrind) {
            match Perf::find(folder).await {
                Ok(perf) => return Ok(Self::Perf(perf)),
                Err(said) => why.push(format!("perf: {said}")),
            }
        }
        if wanted != Some(Wanted::Perf) {
            match callgrind::find().await {
                Ok(()) => {
                    for reason in why {
                        println!("not used: {reason}");
                    }
                    return Ok(Self::Callgrind);
                }
                Err(said) => why.push(said),
            }
        }
        bail!(
            "no profiler works here:\n{}\nwhat helps: apt-get install linux-perf (or valgrind), and \
             sysctl kernel.perf_event_paranoid=1 unless you are root",
            why.join("\n")
        );
    }
}
