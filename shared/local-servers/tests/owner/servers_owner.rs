//! Starts a nats-server and a PostgreSQL in a folder, writes their process ids to `pids` in it, and waits
//! to be killed: what `servers_end_with_a_killed_owner` does to it.

use std::path::{Path, PathBuf};

use posthorn_local_servers::{NatsOptions, NatsServer, PostgresOptions, PostgresServer, Tools};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("usage: servers_owner FOLDER")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(own_servers(&folder))
}

async fn own_servers(folder: &Path) -> Result<(), Failure> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tools = Tools::of_workspace(&workspace);
    let mut options = NatsOptions::new(folder.join("nats"));
    options.remove_if_killed = true;
    let nats = NatsServer::start(&tools.find_nats().await?, options).await?;
    let options = PostgresOptions::for_tests(folder.join("postgres"));
    let postgres = PostgresServer::start(&tools.find_postgres().await?, options).await?;
    let pids = (nats.pid(), postgres.pid());
    let (Some(nats_pid), Some(postgres_pid)) = pids else {
        return Err("a server has ended already".into());
    };
    let partial = folder.join("pids.partial");
    std::fs::write(&partial, format!("{nats_pid} {postgres_pid}"))?;
    std::fs::rename(partial, folder.join("pids"))?;
    std::future::pending().await
}
