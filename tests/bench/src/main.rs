//! The yardstick: what Posthorn costs, as ratios to the limit measured in the same run.
//!
//! Each scenario starts servers and a fleet of its own, made of the release build beside this
//! program, and prints a table and, with `--json`, a line of JSON.
//! Figures are never part of a test: machines are noisy, and a ratio of two noisy figures is only
//! worth something when both come from one run.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod acceptance;
mod arrivals;
mod audience;
mod checker;
mod http;
mod latency;
mod limits;
mod load;
mod machine;
mod neighbours;
mod numbers;
mod pace;
mod peer;
mod plot;
mod producer;
mod profile;
mod receiver;
mod server;
mod slower_disk;
mod svg;
mod sweep;
mod table;
mod throughput;
mod tls;
mod traffic;
mod usage;
mod waiting;
mod world;

use clap::{Parser, Subcommand};

/// Measures Posthorn against the limits of the machine that it runs on.
#[derive(Parser)]
#[command(name = "posthorn-bench", max_term_width = 100)]
struct Cli {
    /// Print one line of JSON after the table
    #[arg(long, global = true)]
    json: bool,
    /// Set by the program itself, when it has made an authority that it trusts
    #[arg(long, global = true, hide = true)]
    trusting: bool,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// How long a producer waits until its event is accepted, beside a bare JetStream publish
    Acceptance(acceptance::Options),
    /// What healthy endpoints feel of hanging and failing ones
    Neighbours(neighbours::Options),
    /// Where the processor time of each process goes, by function and by crate
    Profile(profile::Options),
    /// Latency over the rate and cost over endpoints, as plots and a summary
    Sweep(sweep::Options),
    /// How many deliveries a second come through, and what each costs, beside the limits
    Throughput(throughput::Options),
    /// What a million deliveries that wait cost, and what becomes of them
    Waiting(waiting::Options),
}

impl Scenario {
    /// Whether its receivers have TLS.
    fn tls(&self) -> Option<tls::Tls> {
        match self {
            Self::Profile(options) => options.load.tls,
            Self::Sweep(options) => options.tls,
            Self::Throughput(options) => options.tls,
            Self::Acceptance(_) | Self::Neighbours(_) | Self::Waiting(_) => None,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if cli.scenario.tls().is_some() && !cli.trusting {
        match tls::start_trusting()? {}
    }
    let _files = cli.trusting.then(tls::Files::of_this_run);
    println!("{}\n", machine::facts());
    let result = match cli.scenario {
        Scenario::Acceptance(options) => acceptance::run(&options).await?,
        Scenario::Neighbours(options) => neighbours::run(&options).await?,
        Scenario::Profile(options) => profile::run(&options).await?,
        Scenario::Sweep(options) => sweep::run(&options).await?,
        Scenario::Throughput(options) => throughput::run(&options).await?,
        Scenario::Waiting(options) => waiting::run(&options).await?,
    };
    if cli.json {
        println!("{result}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
