//! `posthorn jwt`: tokens for the REST API.

use std::process::ExitCode;

use clap::Subcommand;
use posthorn_chassis::{Env, clock};
use posthorn_event_schema::{ApplicationId, OrganizationId, Timestamp};
use posthorn_ingest::config::DEFAULT_ORGANIZATION;
use posthorn_public_http::TokenKey;

use crate::output;
use crate::settings::of_command;

/// As for every role whose settings cannot be used.
const EXIT_CONFIGURATION: u8 = 64;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a token, signed with the secret that the services have
    Generate {
        /// The organisation that the token speaks for
        #[arg(default_value = DEFAULT_ORGANIZATION, value_parser = OrganizationId::parse)]
        organization: OrganizationId,
        /// Only for this application, as its customer's portal uses it
        #[arg(long, value_parser = ApplicationId::parse)]
        application: Option<ApplicationId>,
    },
}

pub(crate) fn run(command: Command) -> ExitCode {
    let Command::Generate {
        organization,
        application,
    } = command;
    let mut env = Env::from_process();
    let key = of_command(&mut env, TokenKey::from_env);
    if let Err(error) = env.finish() {
        output::complain(error.to_string());
        return ExitCode::from(EXIT_CONFIGURATION);
    }
    let now = Timestamp::from_unix_micros(clock::unix_micros());
    output::line(match application {
        Some(application) => key.issue_application(&organization, &application, now),
        None => key.issue_organization(&organization, now),
    });
    ExitCode::SUCCESS
}
