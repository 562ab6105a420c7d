//! The NATS and the PostgreSQL of `posthorn dev`: given ones are used, missing ones are started.
//!
//! What is started keeps its data in the folder, so that the next start goes on where this one
//! ended, and belongs to this process: it is stopped at the end, and ended by a watchdog if we are
//! killed (see `posthorn-local-servers`).

use std::{
    collections::BTreeMap,
    future::Future,
    net::{Ipv4Addr, TcpListener},
    pin::Pin,
    time::Duration,
};

use anyhow::Context;
use posthorn_local_servers::{
    NatsOptions, NatsServer, PostgresOptions, PostgresServer, Tools, port::free_port,
};

use super::{
    folder::DevFolder,
    settings::{DevSettings, Port},
};

/// How often we look whether a server still runs.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Both servers are looked for and started at the same time; their futures are large.
type Starting<'a, T> = Pin<Box<dyn Future<Output = anyhow::Result<T>> + Send + 'a>>;

/// NATS and PostgreSQL; dropping it kills those that were started and keeps their data.
#[derive(Debug)]
pub(crate) struct Servers {
    nats: Used<NatsServer>,
    postgres: Used<PostgresServer>,
}

/// A server that is used.
#[derive(Debug)]
struct Used<S> {
    /// Where it is, with its password.
    url: String,
    /// A line for people, without a password.
    about: String,
    /// The server, if it was started and not given.
    started: Option<S>,
}

impl Servers {
    /// Starts what is not given and waits until it answers; fetches the programs if there are none.
    ///
    /// # Errors
    /// When a program is neither found nor fetched, or does not start; what was started is stopped.
    ///
    /// # Cancel safety
    /// Dropping the future kills what was started.
    pub(crate) async fn start(folder: &DevFolder, settings: &DevSettings) -> anyhow::Result<Self> {
        let tools = tools(settings)?;
        let nats: Starting<'_, _> = Box::pin(nats(&tools, folder, settings));
        let postgres: Starting<'_, _> = Box::pin(postgres(&tools, folder, settings));
        let (nats, postgres) = tokio::try_join!(nats, postgres)?;
        Ok(Self { nats, postgres })
    }

    /// Where NATS is.
    pub(crate) fn nats_url(&self) -> &str {
        &self.nats.url
    }

    /// Where PostgreSQL is, with its password.
    pub(crate) fn database_url(&self) -> &str {
        &self.postgres.url
    }

    /// The processes that were started, by name.
    pub(crate) fn pids(&self) -> BTreeMap<&'static str, u32> {
        let nats = self.nats.started.as_ref().and_then(NatsServer::pid);
        let postgres = self.postgres.started.as_ref().and_then(PostgresServer::pid);
        let named = [("nats", nats), ("postgres", postgres)];
        let running = named
            .into_iter()
            .filter_map(|(name, pid)| Some((name, pid?)));
        running.collect()
    }

    /// A line about each server, for people; without passwords.
    pub(crate) fn describe(&self) -> [&str; 2] {
        [&self.nats.about, &self.postgres.about]
    }

    /// Waits until a server that was started ends by itself; returns its name and its log.
    ///
    /// # Cancel safety
    /// May be dropped and called again at any time.
    pub(crate) async fn failed(&mut self) -> String {
        loop {
            if let Some(server) = &mut self.nats.started
                && !server.is_running()
            {
                return format!("nats-server, log {}", server.log().display());
            }
            if let Some(server) = &mut self.postgres.started
                && !server.is_running()
            {
                return format!("PostgreSQL, log {}", server.log().display());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Stops what was started, in order; after the fleet, which uses it.
    ///
    /// # Errors
    /// When a server does not stop in time; it is killed then.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let nats = async {
            match &mut self.nats.started {
                Some(server) => server.stop().await,
                None => Ok(()),
            }
        };
        let postgres = async {
            match &mut self.postgres.started {
                Some(server) => server.stop().await,
                None => Ok(()),
            }
        };
        let (nats, postgres) = tokio::join!(nats, postgres);
        nats.context("cannot stop nats-server")?;
        postgres.context("cannot stop PostgreSQL")
    }
}

/// The programs of the folder in which the command is run, as `make tools` and earlier runs leave them there.
fn tools(settings: &DevSettings) -> anyhow::Result<Tools> {
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let mut tools = Tools::of_workspace(&here);
    if let Some(program) = &settings.nats_server {
        tools = tools.nats_server(program);
    }
    if let Some(bin) = &settings.pg_bin {
        tools = tools.pg_bin(bin);
    }
    Ok(tools)
}

async fn nats(
    tools: &Tools,
    folder: &DevFolder,
    settings: &DevSettings,
) -> anyhow::Result<Used<NatsServer>> {
    if let Some(url) = &settings.nats_url {
        let about = "NATS: the one of POSTHORN_NATS_URL".to_owned();
        return Ok(Used {
            url: url.clone(),
            about,
            started: None,
        });
    }
    let tool = tools.find_nats().await.context("no NATS to start")?;
    let mut options = NatsOptions::new(folder.join("nats"));
    options.port = wanted_port(settings.nats_port);
    let server = NatsServer::start(&tool, options)
        .await
        .context("cannot start nats-server")?;
    let (url, log) = (server.url(), server.log());
    let about = format!(
        "nats-server {} ({}) at {url}, log {}",
        tool.version,
        tool.origin,
        log.display()
    );
    Ok(Used {
        url,
        about,
        started: Some(server),
    })
}

async fn postgres(
    tools: &Tools,
    folder: &DevFolder,
    settings: &DevSettings,
) -> anyhow::Result<Used<PostgresServer>> {
    if let Some(url) = &settings.database_url {
        let about = "PostgreSQL: the one of POSTHORN_DATABASE_URL".to_owned();
        return Ok(Used {
            url: url.expose().to_owned(),
            about,
            started: None,
        });
    }
    let tool = tools
        .find_postgres()
        .await
        .context("no PostgreSQL to start")?;
    let mut options = PostgresOptions::new(folder.join("postgres"));
    options.port = wanted_port(settings.postgres_port);
    let server = PostgresServer::start(&tool, options)
        .await
        .context("cannot start PostgreSQL")?;
    let (port, log) = (server.port(), server.log());
    let about = format!(
        "PostgreSQL {} ({}) on port {port}, log {}",
        tool.version,
        tool.origin,
        log.display()
    );
    Ok(Used {
        url: server.url(),
        about,
        started: Some(server),
    })
}

/// The port to ask for; `None` asks for a free one.
fn wanted_port(port: Port) -> Option<u16> {
    match port {
        Port::Fixed(port) => Some(port),
        Port::Usual(port) => is_free(port).then_some(port),
        Port::Free => None,
    }
}

/// The port for the REST API, as a number: nothing else asks for a free one there.
///
/// # Errors
/// When no port is free.
pub(crate) fn api_port(port: Port) -> anyhow::Result<u16> {
    match wanted_port(port) {
        Some(port) => Ok(port),
        None => free_port().context("no free port for the REST API"),
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests;
