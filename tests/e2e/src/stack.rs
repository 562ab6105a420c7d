//! All services in the test's own process, with servers of their own.
//!
//! Quick to start, and a panic or a deadlock shows where it happens. What only real processes show
//! (signals, crashes, exported traces) is tested with a [`Fleet`](crate::Fleet).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use futures::future::join_all;
use posthorn_api::{Api, ApiConfig};
use posthorn_bus::{Bus, BusConfig, Role};
use posthorn_chassis::telemetry::{self, TelemetryGuard};
use posthorn_chassis::{Admin, BoxError, Context, RunError, Service, Shutdown};
use posthorn_fanout::{Fanout, FanoutConfig};
use posthorn_harness::{TestDatabase, TestNats};
use posthorn_ingest::{HttpDoor, Ingest, IngestConfig};
use posthorn_public_http::TokenKey;
use posthorn_recorder::{Recorder, RecorderConfig};
use posthorn_sender::{Sender, SenderConfig};
use posthorn_store::{Store, StoreConfig};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{Client, Producer, Settings};

/// How long services may take to end.
const GRACE: Duration = Duration::from_secs(20);

/// A database of the test's own with the current schema.
///
/// # Panics
/// When PostgreSQL does not start or the schema cannot be made.
pub async fn database() -> TestDatabase {
    TestDatabase::migrated("posthorn", async |url| {
        let config = StoreConfig::from_url(&url).expect("a good URL");
        posthorn_store::migrate::migrate(&config)
            .await
            .expect("the schema");
    })
    .await
}

/// All services in the test's own process.
pub struct Stack {
    /// The server that they meet at.
    pub nats: TestNats,
    /// Their settings.
    pub settings: Settings,
    /// A client of the REST API.
    pub client: Client,
    /// Where ingest serves its HTTP doors.
    pub ingest_url: String,
    /// Their database, for what the API neither shows nor takes.
    pub database: TestDatabase,
    running: Vec<(Context, JoinHandle<Result<usize, RunError>>)>,
}

impl Stack {
    /// Starts everything.
    ///
    /// # Panics
    /// When anything does not start.
    pub async fn start() -> Self {
        Self::start_with(|settings| settings).await
    }

    /// Starts everything with other settings.
    ///
    /// # Panics
    /// When anything does not start.
    pub async fn start_with(adjust: impl FnOnce(Settings) -> Settings) -> Self {
        Self::start_on(TestNats::start().await, adjust).await
    }

    /// Starts everything on a server that the test has set up.
    ///
    /// # Panics
    /// When anything does not start.
    pub async fn start_on(nats: TestNats, adjust: impl FnOnce(Settings) -> Settings) -> Self {
        show_errors();
        let database = database().await;
        let settings = adjust(Settings::new(&nats.url(), database.url()));
        let bus = Bus::connect(&BusConfig::from_env(&mut settings.env()), "test").await;
        let bus = bus.expect("a connection");
        bus.ensure(&Role::ALL).await.expect("the streams");
        let store = Store::connect(&StoreConfig::from_env(&mut settings.env()));
        let store = store.expect("a pool");
        let outer = Shutdown::new();
        let mut services = Services {
            bus,
            store,
            settings: &settings,
            running: Vec::new(),
            outer,
        };
        let (api, ingest) = services.start().await;
        Self {
            client: Client::new(&format!("http://{api}"), &settings.token()),
            ingest_url: format!("http://{ingest}"),
            running: services.running,
            nats,
            settings,
            database,
        }
    }

    /// A producer connected to the same server.
    pub async fn producer(&self) -> Producer {
        Producer::connect(&self.nats.url()).await
    }

    /// History itself, for what the API does not show.
    ///
    /// # Panics
    /// Never: the services use the same settings.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::connect(&StoreConfig::from_env(&mut self.settings.env())).expect("a pool")
    }

    /// Stops all services in order.
    ///
    /// # Panics
    /// When one failed, or had work left at the end of its grace.
    pub async fn stop(self) {
        for (context, _) in &self.running {
            context.shutdown.trigger();
        }
        for ended in join_all(self.running.into_iter().map(|(_, task)| task)).await {
            let left = ended.expect("no panic").expect("no failure");
            assert_eq!(left, 0, "tasks were left at the end of the grace");
        }
    }
}

/// Errors of all stacks of this process go to its output: an error means that a person must act.
fn show_errors() {
    static TELEMETRY: OnceLock<TelemetryGuard> = OnceLock::new();
    TELEMETRY.get_or_init(|| {
        let settings = telemetry::Settings::new("test").with_log_filter("error");
        telemetry::init(&settings, "test")
    });
}

struct Services<'a> {
    bus: Bus,
    store: Store,
    settings: &'a Settings,
    running: Vec<(Context, JoinHandle<Result<usize, RunError>>)>,
    outer: Shutdown,
}

impl Services<'_> {
    /// Starts all of them; returns where api and ingest listen.
    async fn start(&mut self) -> (SocketAddr, SocketAddr) {
        let mut env = self.settings.env();
        let tokens = TokenKey::from_env(&mut env);
        let ingest = IngestConfig::from_env(&mut env);
        let fanout = FanoutConfig::from_env(&mut env);
        let sender = SenderConfig::from_env(&mut env);
        let recorder = RecorderConfig::from_env(&mut env);
        let api = ApiConfig::from_env(&mut env);
        let (bus, store) = (self.bus.clone(), self.store.clone());
        self.run(|context| async move { Fanout::build(&fanout, bus, &context).await })
            .await;
        let bus = self.bus.clone();
        self.run(|context| async move { Sender::build(&sender, bus, &context).await })
            .await;
        let bus = self.bus.clone();
        self.run(|context| async move { Recorder::build(&recorder, bus, store, &context).await })
            .await;
        let (bus, store, door) = (self.bus.clone(), self.store.clone(), ingest.clone());
        let api_tokens = tokens.clone();
        let (tell, api_addr) = oneshot::channel();
        self.run(|context| async move {
            let door = HttpDoor::build(&door, api_tokens.clone(), &bus, &context).await?;
            let api = Api::build(&api, api_tokens, bus, store, door.router(), &context).await?;
            tell.send(api.local_addr()).ok();
            Ok(api)
        })
        .await;
        let bus = self.bus.clone();
        let (tell, ingest_addr) = oneshot::channel();
        self.run(|context| async move {
            let built = Ingest::build(&ingest, tokens, bus, &context).await?;
            tell.send(built.local_addr()).ok();
            Ok(built)
        })
        .await;
        (
            api_addr.await.expect("api is built"),
            ingest_addr.await.expect("ingest is built"),
        )
    }

    /// Starts one service and waits until it is ready.
    async fn run<S, F>(&mut self, build: impl FnOnce(Context) -> F + Send + 'static)
    where
        S: Service,
        F: Future<Output = Result<S, BoxError>> + Send + 'static,
    {
        let context = Context::new();
        let admin = Admin::bind((Ipv4Addr::LOCALHOST, 0).into())
            .await
            .expect("a free port");
        let readiness = context.readiness.clone();
        let life = posthorn_chassis::run_until(admin, GRACE, context.clone(), build);
        let mut task = self.outer.spawn("service under test", life);
        tokio::select! {
            () = readiness.ready() => {}
            ended = &mut task => panic!("ended before it was ready: {ended:?}"),
        }
        self.running.push((context, task));
    }
}
