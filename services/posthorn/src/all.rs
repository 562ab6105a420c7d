//! Every service in one process: for small installations, development and tests.
//!
//! The services share nothing but the process; they meet at the streams as always.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use futures::future::try_join_all;
use posthorn_api::Api;
use posthorn_bus::Role;
use posthorn_bus::backlog::Stage;
use posthorn_chassis::{BoxError, Context, Service, Shutdown, error_chain};
use posthorn_fanout::Fanout;
use posthorn_ingest::{HttpDoor, Ingest};
use posthorn_recorder::Recorder;
use posthorn_sender::Sender;
use posthorn_store::{Store, StoreConfig, migrate};
use tokio::task::JoinHandle;

use crate::roles::{self, connect};
use crate::settings::Fleet;

/// Pause before another try to bring the schema up to date.
const MIGRATE_PAUSE: Duration = Duration::from_secs(2);

pub(crate) fn all(print_config: bool) -> ExitCode {
    roles::start(
        "all",
        print_config,
        Fleet::from_env,
        async |fleet, context| Box::pin(All::build(fleet, &context)).await,
    )
}

/// All services, built and not yet running.
pub(crate) struct All {
    ingest: Ingest,
    fanout: Fanout,
    sender: Sender,
    recorder: Recorder,
    api: Api,
}

impl All {
    /// Builds all services; the database is migrated as soon as it answers.
    pub(crate) async fn build(fleet: Fleet, context: &Context) -> Result<Self, BoxError> {
        let bus = connect(&fleet.bus, "all", &Role::ALL, &Stage::ALL, context).await?;
        let store = Store::connect(&fleet.store)?;
        migrate_now_or_soon(fleet.store, context).await;
        let door = HttpDoor::build(&fleet.ingest, fleet.tokens.clone(), &bus, context).await?;
        let api = Api::build(
            &fleet.api,
            fleet.tokens.clone(),
            bus.clone(),
            store.clone(),
            door.router(),
            context,
        );
        Ok(Self {
            api: api.await?,
            ingest: Ingest::build(&fleet.ingest, fleet.tokens, bus.clone(), context).await?,
            fanout: Fanout::build(&fleet.fanout, bus.clone(), context).await?,
            sender: Sender::build(&fleet.sender, bus.clone(), context).await?,
            recorder: Recorder::build(&fleet.recorder, bus, store, context).await?,
        })
    }

    /// Where the REST API is served.
    pub(crate) fn api_addr(&self) -> SocketAddr {
        self.api.local_addr()
    }
}

impl Service for All {
    async fn run(self, shutdown: Shutdown) -> Result<(), BoxError> {
        let tasks = [
            spawn("ingest", self.ingest, &shutdown),
            spawn("fanout", self.fanout, &shutdown),
            spawn("sender", self.sender, &shutdown),
            spawn("recorder", self.recorder, &shutdown),
            spawn("api", self.api, &shutdown),
        ];
        let ended = tasks.into_iter().map(async |task| task.await?);
        try_join_all(ended).await.map(drop)
    }
}

fn spawn(
    name: &'static str,
    service: impl Service,
    shutdown: &Shutdown,
) -> JoinHandle<Result<(), BoxError>> {
    let own = shutdown.clone();
    shutdown.spawn(name, async move { service.run(own).await })
}

/// Migrates now if PostgreSQL answers, and otherwise as soon as it does. Deliveries do not wait for
/// that: they need no PostgreSQL.
async fn migrate_now_or_soon(store: StoreConfig, context: &Context) {
    let gate = context.readiness.gate("schema");
    if migrate_once(&store).await {
        return gate.ready();
    }
    gate.unready("the database's schema is not up to date yet");
    let shutdown = context.shutdown.clone();
    context.shutdown.spawn("migrate", async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(MIGRATE_PAUSE) => {}
                () = shutdown.requested() => return,
            }
            if migrate_once(&store).await {
                return gate.ready();
            }
        }
    });
}

async fn migrate_once(store: &StoreConfig) -> bool {
    match migrate::migrate(store).await {
        Ok(applied) => {
            tracing::info!(applied, "database schema is up to date");
            true
        }
        Err(error) => {
            let reason = error_chain::chain(&error);
            tracing::warn!(reason, "database schema not brought up to date yet");
            false
        }
    }
}
