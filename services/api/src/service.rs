//! api as a process: HTTP, work in the background, the repair of the configuration snapshot,
//! disabling and telling, upkeep, and a look at PostgreSQL.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::Bus;
use posthorn_chassis::readiness::Gate;
use posthorn_chassis::{BoxError, Context, Service, Shutdown, error_chain};
use posthorn_public_http::{HttpServer, TokenKey};
use posthorn_store::Store;
use utoipa_axum::router::OpenApiRouter;

use crate::config::ApiConfig;
use crate::default_schedule::DefaultSchedule;
use crate::disabling::Disabler;
use crate::live::Live;
use crate::notices;
use crate::operational::Operational;
use crate::reconcile::Reconciler;
use crate::router::router;
use crate::routes::fleet::FleetCache;
use crate::routes::inbox_door::InboxDoor;
use crate::snapshot::SnapshotWriter;
use crate::state::ApiState;
use crate::tasks::Worker;
use crate::upkeep;

/// How often readiness looks at PostgreSQL.
const LOOK: Duration = Duration::from_secs(1);

/// api, built and not yet running.
pub struct Api {
    server: HttpServer,
    state: ApiState,
    ingest: OpenApiRouter,
    database: Gate,
}

impl Api {
    /// Opens the configuration bucket and binds the address; PostgreSQL need not be there yet.
    ///
    /// `ingest` are the routes that accept messages, with their full paths.
    ///
    /// # Errors
    /// When NATS does not answer or the address cannot be bound.
    pub async fn build(
        config: &ApiConfig,
        tokens: TokenKey,
        bus: Bus,
        store: Store,
        ingest: OpenApiRouter,
        context: &Context,
    ) -> Result<Self, BoxError> {
        let bucket = bus.config_bucket().await?;
        let server = HttpServer::bind(config.addr).await?;
        tracing::info!(addr = %server.local_addr(), "api listening");
        let state = ApiState {
            snapshots: SnapshotWriter::new(store.clone(), bucket),
            operational: Operational {
                store: store.clone(),
                bus: bus.clone(),
                shutdown: context.shutdown.clone(),
            },
            fleet: FleetCache::default(),
            default_schedule: DefaultSchedule::default(),
            inbox_door: InboxDoor::default(),
            live: Live::new(bus.clone(), config.keys.clone(), context.shutdown.clone()),
            store,
            bus,
            tokens,
            config: Arc::new(config.clone()),
        };
        let database = context.readiness.gate("database");
        Ok(Self {
            server,
            state,
            ingest,
            database,
        })
    }

    /// Where the API listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }
}

impl Service for Api {
    async fn run(self, shutdown: Shutdown) -> Result<(), BoxError> {
        let Self {
            server,
            state,
            ingest,
            database,
        } = self;
        let store = state.store.clone();
        shutdown.spawn(
            "database watch",
            watch(store.clone(), database, shutdown.clone()),
        );
        let reconciler = Reconciler::new(store, state.snapshots.clone());
        let interval = state.config.reconcile_interval;
        shutdown.spawn("reconcile", reconciler.run(interval, shutdown.clone()));
        let telling = state.operational.clone().run(interval);
        shutdown.spawn("operational events", telling);
        let telling = notices::run(state.operational.clone());
        shutdown.spawn("operational notices", telling);
        let after = state.config.endpoint_auto_disable_after;
        let warn_after = state.config.endpoint_warn_after.clone();
        let (store, snapshots) = (state.store.clone(), state.snapshots.clone());
        let disabler = Disabler::new(store, snapshots, after, warn_after);
        shutdown.spawn("disabling", disabler.run(shutdown.clone()));
        let upkeep = upkeep::run(state.store.clone(), shutdown.clone());
        shutdown.spawn("upkeep", upkeep);
        let (bus, rate) = (state.bus.clone(), state.config.replay_rate);
        let worker = Worker::new(state.store.clone(), bus, rate, shutdown.clone());
        shutdown.spawn("background tasks", worker.run());
        let router = router(state, ingest, shutdown.clone());
        server.serve(router, shutdown).await;
        Ok(())
    }
}

/// Without PostgreSQL hardly a request can be answered, so none should be sent here.
async fn watch(store: Store, gate: Gate, shutdown: Shutdown) {
    let look = async {
        loop {
            match store.ping().await {
                Ok(()) => gate.ready(),
                Err(error) => gate.unready(error_chain::chain(&error)),
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = look => {}
        () = shutdown.requested() => {}
    }
}
