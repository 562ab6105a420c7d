//! `posthorn migrate`: for a job that runs before a new release, with rights that services lack.

use std::process::ExitCode;

use posthorn_chassis::{Env, error_chain};
use posthorn_store::{StoreConfig, migrate as schema};

use crate::output;
use crate::settings::{of_command, of_role};

/// As for every role whose settings cannot be used.
const EXIT_CONFIGURATION: u8 = 64;

pub(crate) fn migrate(print_config: bool) -> ExitCode {
    if print_config {
        return posthorn_chassis::print_config("migrate", |env| {
            of_role(env, StoreConfig::from_env)
        });
    }
    let mut env = Env::from_process();
    let config = of_command(&mut env, StoreConfig::from_env);
    if let Err(error) = env.finish() {
        output::complain(error.to_string());
        return ExitCode::from(EXIT_CONFIGURATION);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(schema::migrate(&config)) {
        Ok(applied) => {
            output::line(format!(
                "the schema is up to date, {applied} migrations were applied"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    output::complain(error_chain::chain(error));
    ExitCode::FAILURE
}
