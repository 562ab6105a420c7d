//! The API with servers of its own.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use posthorn_api::{Api, ApiConfig};
use posthorn_bus::{Bus, BusConfig, Role};
use posthorn_chassis::{Context, Env, Service};
use posthorn_event_schema::{ApplicationId, EndpointId, OrganizationId, Timestamp};
use posthorn_harness::{TestDatabase, TestNats};
use posthorn_public_http::token::DEFAULT_ORGANIZATION;
use posthorn_public_http::{Authenticated, TokenKey};
use posthorn_store::{Store, StoreConfig, migrate::migrate};
use serde_json::{Value, json};

use crate::client::Client;

/// All processes of a fleet have the same.
const KEYS: &str = "1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Where traces are looked at.
pub(crate) const TRACE_URL: &str = "https://jaeger.example.com/trace/{trace_id}";
const JWT_SECRET: &str = "a secret of the tests that nobody else knows";

pub(crate) struct World {
    // In the order of their end: the servers last.
    pub(crate) context: Context,
    /// Speaks for the whole organisation.
    pub(crate) client: Client,
    pub(crate) organization: OrganizationId,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    tokens: TokenKey,
    address: SocketAddr,
    _database: TestDatabase,
    _nats: TestNats,
}

impl World {
    pub(crate) async fn start() -> Self {
        let migrated = TestDatabase::migrated("posthorn", async |url| {
            migrate(&StoreConfig::from_url(&url).unwrap())
                .await
                .unwrap();
        });
        let (nats, database) = tokio::join!(TestNats::start(), migrated);
        let store = Store::connect(&StoreConfig::from_url(database.url()).unwrap()).unwrap();
        let bus = Bus::connect(&BusConfig::for_url(&nats.url()), "test")
            .await
            .unwrap();
        bus.ensure(&Role::ALL).await.unwrap();
        let tokens = TokenKey::new(JWT_SECRET);
        let context = Context::new();
        let address = serve(&tokens, &bus, &store, &context).await;
        context.readiness.ready().await;
        let organization = OrganizationId::parse("org_first").unwrap();
        let token = tokens.issue_organization(&organization, now());
        Self {
            context,
            client: Client::new(address, &token),
            organization,
            store,
            bus,
            tokens,
            address,
            _database: database,
            _nats: nats,
        }
    }

    /// A caller that speaks for another organisation.
    pub(crate) fn other_organization(&self) -> Client {
        let other = OrganizationId::parse("org_second").unwrap();
        Client::new(self.address, &self.tokens.issue_organization(&other, now()))
    }

    /// A caller that speaks for the organisation that runs the fleet.
    pub(crate) fn operator(&self) -> Client {
        Client::new(self.address, &self.operator_token())
    }

    /// A token that speaks for the organisation that runs the fleet.
    pub(crate) fn operator_token(&self) -> String {
        let operator = OrganizationId::parse(DEFAULT_ORGANIZATION).unwrap();
        self.tokens.issue_organization(&operator, now())
    }

    /// A caller that speaks for one application, as its customer's portal does.
    pub(crate) fn portal(&self, application: &str) -> Client {
        Client::new(self.address, &self.portal_token(application))
    }

    /// The token of an application's portal.
    pub(crate) fn portal_token(&self, application: &str) -> String {
        let application = ApplicationId::parse(application).unwrap();
        self.tokens
            .issue_application(&self.organization, &application, now())
    }

    /// A token that speaks for the whole organisation.
    pub(crate) fn organization_token(&self) -> String {
        self.tokens.issue_organization(&self.organization, now())
    }

    /// A caller of a second process with the same servers behind it.
    pub(crate) async fn another_process(&self) -> Process {
        let context = Context::new();
        let address = serve(&self.tokens, &self.bus, &self.store, &context).await;
        let token = self.tokens.issue_organization(&self.organization, now());
        Process {
            client: Client::new(address, &token),
            context,
        }
    }

    /// A caller with this token.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client::new(self.address, token)
    }

    /// Makes an application and returns its id.
    pub(crate) async fn application(&self, uid: &str) -> ApplicationId {
        let made = self
            .client
            .post("/app", &json!({"name": uid, "uid": uid}))
            .await;
        ApplicationId::parse(text(&made.expect(201)["id"])).unwrap()
    }

    /// Makes an endpoint and returns its id.
    pub(crate) async fn endpoint(&self, application: &ApplicationId, uid: &str) -> EndpointId {
        let body = json!({"url": "https://example.com/hook", "uid": uid});
        let made = self
            .client
            .post(&format!("/app/{application}/endpoint"), &body)
            .await;
        EndpointId::parse(text(&made.expect(201)["id"])).unwrap()
    }

    /// Ends the API; nothing may be left.
    pub(crate) async fn stop(self) {
        self.context.shutdown.trigger();
        assert_eq!(
            self.context
                .shutdown
                .drain(std::time::Duration::from_secs(10))
                .await,
            0
        );
    }
}

/// Another process of the API.
pub(crate) struct Process {
    /// Speaks for the whole organisation.
    pub(crate) client: Client,
    context: Context,
}

impl Process {
    /// Another caller of this process.
    pub(crate) fn with(&self, caller: &Client) -> Client {
        caller.at(&self.client)
    }

    pub(crate) async fn stop(self) {
        self.context.shutdown.trigger();
        let left = self.context.shutdown.drain(Duration::from_secs(10)).await;
        assert_eq!(left, 0);
    }
}

/// Starts the API, which need not become ready.
pub(crate) async fn serve(
    tokens: &TokenKey,
    bus: &Bus,
    store: &Store,
    context: &Context,
) -> SocketAddr {
    let mut env = Env::from_pairs([
        ("POSTHORN_API_ADDR", "127.0.0.1:0".to_owned()),
        ("POSTHORN_ENCRYPTION_KEYS", KEYS.to_owned()),
        ("POSTHORN_TRACE_URL", TRACE_URL.to_owned()),
    ]);
    let config = ApiConfig::from_env(&mut env);
    env.finish().unwrap();
    // Ingest's place: another method of a path that the API serves, too.
    // It asks for a caller like ingest does.
    let place = async |Authenticated(caller): Authenticated| caller.organization.to_string();
    let ingest = Router::new().route("/api/v1/app/{app_id}/msg", post(place));
    let ingest = ingest.with_state(tokens.clone()).into();
    let (bus, store) = (bus.clone(), store.clone());
    let api = Api::build(&config, tokens.clone(), bus, store, ingest, context)
        .await
        .unwrap();
    let address = api.local_addr();
    context.readiness.open();
    let shutdown = context.shutdown.clone();
    context
        .shutdown
        .spawn("api", async move { api.run(shutdown).await.unwrap() });
    address
}

pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_unix_micros(i64::try_from(now.as_micros()).unwrap())
}

/// A JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
}
