//! Making a data folder, completely or not at all, and programs that the server's user can reach.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{Access, PostgresOptions, USER};
use crate::{account::Account, command, error::Error, tools::PostgresTool, version::Version};

/// How long initdb, and the copy of the programs, may take on a slow disk.
const INIT_LIMIT: Duration = Duration::from_secs(120);

/// The folder with the programs, or with a copy of them when `account` cannot reach them.
///
/// Happens as root, with programs that were fetched below root's home.
pub(super) async fn reachable_programs(
    account: Account,
    tool: &PostgresTool,
    folder: &Path,
) -> Result<PathBuf, Error> {
    let bin = tool
        .bin
        .canonicalize()
        .map_err(Error::file("resolve", &tool.bin))?;
    let Some(programs) = bin.parent().filter(|_| !account.can_reach(&bin)) else {
        return Ok(bin);
    };
    let copy = folder.join(format!("programs-{}", tool.version));
    if !copy.is_dir() {
        let partial = folder.join("programs.partial");
        if partial.exists() {
            std::fs::remove_dir_all(&partial).map_err(Error::file("remove", &partial))?;
        }
        let mut cp = Command::new("cp");
        cp.arg("-RP").arg(programs).arg(&partial);
        command::run(cp, INIT_LIMIT).await?;
        std::fs::rename(&partial, &copy).map_err(Error::file("rename", &partial))?;
    }
    Ok(copy.join(bin.file_name().unwrap_or_default()))
}

/// Initialises the data folder unless it is there; returns the password if there is one.
pub(super) async fn data_folder(
    account: Account,
    bin: &Path,
    version: Version,
    options: &PostgresOptions,
) -> Result<Option<String>, Error> {
    let data = options.data();
    if data.exists() {
        check_version(&data, version)?;
        return read_password(options);
    }
    let partial = options.folder.join("data.partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(Error::file("remove", &partial))?;
    }
    // Made here and given away, since the server's user may not write to the folder itself.
    std::fs::create_dir(&partial).map_err(Error::file("create", &partial))?;
    account.give(&partial)?;
    let password = match options.access {
        Access::Trust => None,
        Access::Password => Some(new_password(account, options)?),
    };
    initdb(account, bin, &partial, options).await?;
    create_database(account, bin, &partial, &options.database).await?;
    std::fs::rename(&partial, &data).map_err(Error::file("rename", &partial))?;
    Ok(password)
}

async fn initdb(
    account: Account,
    bin: &Path,
    data: &Path,
    options: &PostgresOptions,
) -> Result<(), Error> {
    let mut initdb = Command::new(bin.join("initdb"));
    initdb
        .arg("--pgdata")
        .arg(data)
        .current_dir(&options.folder);
    // Bytewise order and UTF-8 everywhere, whatever this machine's locale is.
    initdb.args([
        "--username",
        USER,
        "--encoding",
        "UTF8",
        "--locale",
        "C",
        "--no-sync",
    ]);
    initdb.env("LC_ALL", "C");
    match options.access {
        Access::Trust => initdb.args(["--auth", "trust"]),
        Access::Password => initdb
            .args(["--auth", "scram-sha-256"])
            .arg("--pwfile")
            .arg(options.password_file()),
    };
    account.apply(&mut initdb);
    command::run(initdb, INIT_LIMIT).await?;
    Ok(())
}

/// Creates the database in single-user mode: no client, no port, no password is needed.
async fn create_database(
    account: Account,
    bin: &Path,
    data: &Path,
    database: &str,
) -> Result<(), Error> {
    if database == "postgres" {
        return Ok(());
    }
    let mut single = Command::new(bin.join("postgres"));
    single
        .arg("--single")
        .arg("-D")
        .arg(data)
        .arg("postgres")
        .current_dir(data);
    account.apply(&mut single);
    let create = format!("CREATE DATABASE \"{}\"\n", database.replace('"', "\"\""));
    command::run_with_input(single, INIT_LIMIT, &create).await?;
    Ok(())
}

fn check_version(data: &Path, server: Version) -> Result<(), Error> {
    let file = data.join("PG_VERSION");
    let text = std::fs::read_to_string(&file).map_err(Error::file("read", file))?;
    if text.trim() == server.major.to_string() {
        return Ok(());
    }
    Err(Error::DataVersion {
        path: data.to_owned(),
        found: text.trim().to_owned(),
        server,
    })
}

/// Writes a random password to a file that only the server's user, and root, can read.
fn new_password(account: Account, options: &PostgresOptions) -> Result<String, Error> {
    let password = format!("{:032x}", rand::random::<u128>());
    let path = options.password_file();
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(Error::file("create", &path))?;
    file.write_all(password.as_bytes())
        .map_err(Error::file("write", &path))?;
    account.give(&path)?;
    Ok(password)
}

fn read_password(options: &PostgresOptions) -> Result<Option<String>, Error> {
    let path = options.password_file();
    match std::fs::read_to_string(&path) {
        Ok(password) => Ok(Some(password.trim().to_owned())),
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(other) => Err(Error::file("read", path)(other)),
    }
}
