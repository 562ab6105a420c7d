//! `posthorn import svix`: brings a team's configuration over from a Svix server.
//!
//! Everything goes through the two REST APIs, so it runs anywhere. The target decides what becomes
//! of each object, in a dry run too; here the source is read and put into the target's words.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `settings` | where from and where to |
//! | `remote`, `retry` | asking a server, again where that helps |
//! | `source`, `extras` | what Svix has, as its API shows it |
//! | `translate` | from a source's object to the target's: pure |
//! | `walk` | the order of everything: event types, applications, their endpoints |
//! | `bring` | one object: the target is told of it |
//! | `report` | what became of each object |

mod bring;
mod extras;
mod remote;
mod report;
mod retry;
pub(crate) mod settings;
mod source;
mod translate;
mod walk;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use posthorn_chassis::{Env, Shutdown};
use tokio::signal::unix::{SignalKind, signal};

use self::report::Report;
use self::settings::{ImportSettings, Side};
use self::walk::Walk;
use crate::output;
use crate::settings::of_command;

/// As for every role whose settings cannot be used.
const EXIT_CONFIGURATION: u8 = 64;
/// Everything was done, and something could not come along.
const EXIT_LEFT_OUT: u8 = 3;
/// After a second signal: 128 plus SIGINT's number, as shells have it.
const EXIT_INTERRUPTED: u8 = 130;

#[derive(Subcommand)]
pub(crate) enum Command {
    Svix(SvixArgs),
}

/// From a Svix server, open source or hosted
///
/// Brings applications, endpoints, their secrets and headers, and event types into Posthorn, with
/// their ids, through the two REST APIs.
///
/// It may be run as often as you like, while both servers work: what is there already is left
/// alone, what changed at the source since is taken over, field by field, and what was changed in
/// Posthorn stays. What was deleted at the source stays in Posthorn.
///
/// What cannot come along is named, object by object: header values that Svix does not show, private
/// halves of ed25519 keys, transformations and other features of the hosted service.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct SvixArgs {
    /// The Svix server's URL, such as `https://api.eu.svix.com`
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// A token of the organisation at Svix; other users of this machine see a command line
    #[arg(long, value_name = "TOKEN")]
    from_token: Option<String>,
    /// The URL of Posthorn's REST API
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// A token of the organisation in Posthorn; see `posthorn jwt generate`
    #[arg(long, value_name = "TOKEN")]
    to_token: Option<String>,
    /// Change nothing, and say what would become of each object
    #[arg(long)]
    dry_run: bool,
    /// The source wins also where a field was changed in Posthorn
    #[arg(long)]
    overwrite: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Requests at a time, to each of the servers
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
}

const HELP: &str = "\
Instead of options, the environment:
  POSTHORN_IMPORT_FROM, POSTHORN_IMPORT_TO              the URLs
  POSTHORN_IMPORT_FROM_TOKEN, POSTHORN_IMPORT_TO_TOKEN  the tokens, or …_FILE: files with them

Exit codes:
  0  everything is in Posthorn as the source has it
  1  it did not come to its end; run it again to go on
  2  the command line cannot be used
  3  done, but something was left out, or stays as it was changed in Posthorn
  64 the environment cannot be used";

pub(crate) fn run(command: Command) -> ExitCode {
    let Command::Svix(args) = command;
    let mut env = Env::from_process();
    let given = ImportSettings {
        from: side(args.from.as_deref(), args.from_token.as_deref()),
        to: side(args.to.as_deref(), args.to_token.as_deref()),
    };
    let settings = of_command(&mut env, |env| ImportSettings::from_env(env, given));
    if let Err(error) = env.finish() {
        output::complain(error.to_string());
        return ExitCode::from(EXIT_CONFIGURATION);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    runtime.block_on(async {
        let ended = import(&settings, &args).await;
        ended.unwrap_or_else(|error| failed(&error))
    })
}

fn side(url: Option<&str>, token: Option<&str>) -> Side {
    Side {
        url: url.map(str::to_owned),
        token: token.map(posthorn_chassis::Secret::new),
    }
}

/// Imports until the end, or until the first signal has let the objects in hand come to theirs.
async fn import(settings: &ImportSettings, args: &SvixArgs) -> anyhow::Result<ExitCode> {
    let stop = Shutdown::new();
    let walk = Walk::new(settings, args, &stop)?;
    let failure = tokio::select! {
        ended = walk.run() => ended.err(),
        signals = two_signals(&stop) => {
            signals.context("cannot listen to signals")?;
            return Ok(ExitCode::from(EXIT_INTERRUPTED));
        }
    };
    let report = walk.into_report();
    output::line(if args.json {
        report.to_json(args.dry_run, failure.as_ref())
    } else {
        report.to_text(args.dry_run, failure.is_none())
    });
    Ok(match failure {
        Some(error) => failed(&error),
        None => ExitCode::from(exit_code(&report)),
    })
}

fn exit_code(report: &Report) -> u8 {
    if report.is_complete() {
        0
    } else {
        EXIT_LEFT_OUT
    }
}

/// Asks for a stop at the first signal, and returns at the second.
async fn two_signals(stop: &Shutdown) -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    for told in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if !told {
            output::note("stopping after the objects in hand; a second signal stops at once");
            stop.trigger();
        }
    }
    Ok(())
}

fn failed(error: &anyhow::Error) -> ExitCode {
    output::complain(format!("error: {error:#}"));
    ExitCode::FAILURE
}
