//! Everything that Posthorn can do: a subcommand each.

mod all;
mod dev;
mod import;
mod jwt;
mod migrate;
mod openapi;
mod output;
mod probe;
mod rest;
mod roles;
mod settings;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use mimalloc::MiMalloc;

/// *Source*: a twentieth less processor time for the whole fleet than with glibc's (ARCHITECTURE.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// An open-source webhook delivery fleet.
#[derive(Parser)]
#[command(name = "posthorn", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Accepts events over HTTP and NATS
    Ingest(RoleArgs),
    /// Finds out who receives each event
    Fanout(RoleArgs),
    /// Delivers to endpoints, and retries
    Sender(RoleArgs),
    /// Writes what happened into PostgreSQL
    Recorder(RoleArgs),
    /// Serves the REST API
    Api(RoleArgs),
    /// Runs all services in one process; brings the database's schema up to date first
    All(RoleArgs),
    /// Runs all services with a NATS and a PostgreSQL of their own, for development
    Dev {
        /// Show an event on its way: publish it on NATS, deliver it, fail, retry
        #[arg(long)]
        demo: bool,
    },
    /// Brings the database's schema up to date
    Migrate(RoleArgs),
    /// Brings applications, endpoints and event types over from another server
    Import {
        #[command(subcommand)]
        command: import::Command,
    },
    /// Sends an event through a running fleet, and receives its delivery
    Probe(RoleArgs),
    /// Makes tokens for the REST API
    Jwt {
        #[command(subcommand)]
        command: jwt::Command,
    },
    /// Prints the OpenAPI document of the REST API
    Openapi,
}

#[derive(Args)]
struct RoleArgs {
    /// Print the effective settings, without secrets, and exit
    #[arg(long)]
    print_config: bool,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Ingest(args) => roles::ingest(args.print_config),
        Command::Fanout(args) => roles::fanout(args.print_config),
        Command::Sender(args) => roles::sender(args.print_config),
        Command::Recorder(args) => roles::recorder(args.print_config),
        Command::Api(args) => roles::api(args.print_config),
        Command::All(args) => all::all(args.print_config),
        Command::Dev { demo } => dev::dev(demo),
        Command::Migrate(args) => migrate::migrate(args.print_config),
        Command::Import { command } => import::run(command),
        Command::Probe(args) => probe::probe(args.print_config),
        Command::Jwt { command } => jwt::run(command),
        Command::Openapi => openapi::print(),
    }
}
