//! The servers, really started, stopped, crashed and abandoned.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod abandoned;
mod fetching;
mod nats;
mod nats_client;
mod postgres;

use std::path::Path;

use posthorn_local_servers::Tools;

/// The tools of this workspace.
fn tools() -> Tools {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Tools::of_workspace(here.ancestors().nth(2).unwrap())
}
