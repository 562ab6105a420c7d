//! One service each: its settings and how it is built from them.

use std::process::ExitCode;

use posthorn_api::{Api, ApiConfig};
use posthorn_bus::backlog::{self, Stage};
use posthorn_bus::{Bus, BusConfig, Role};
use posthorn_chassis::{BoxError, Context, Env, Service};
use posthorn_fanout::{Fanout, FanoutConfig};
use posthorn_ingest::{HttpDoor, Ingest, IngestConfig};
use posthorn_public_http::TokenKey;
use posthorn_recorder::{Recorder, RecorderConfig};
use posthorn_sender::{Sender, SenderConfig};
use posthorn_store::{Store, StoreConfig};

use crate::settings::of_role;

/// Runs a role, or shows its settings.
pub(crate) fn start<C, S, F>(
    role: &'static str,
    print_config: bool,
    read: impl FnOnce(&mut Env) -> C,
    build: impl FnOnce(C, Context) -> F,
) -> ExitCode
where
    F: Future<Output = Result<S, BoxError>>,
    S: Service,
{
    if print_config {
        posthorn_chassis::print_config(role, |env| of_role(env, read))
    } else {
        posthorn_chassis::run(role, |env| of_role(env, read), build)
    }
}

/// Connects to NATS, and makes sure that the streams exist which these roles make and need.
///
/// From then on the process shows what waits at the stages that it works at.
pub(crate) async fn connect(
    config: &BusConfig,
    process: &str,
    roles: &[Role],
    stages: &'static [Stage],
    context: &Context,
) -> Result<Bus, BoxError> {
    let bus = Bus::connect(config, process).await?;
    bus.ensure(roles).await?;
    // The last acks are on their way when the last task ends.
    let flushed = bus.clone();
    context
        .shutdown
        .at_end(async move { flushed.flush().await });
    let report = backlog::report(bus.clone(), stages, context.shutdown.clone());
    context.shutdown.spawn("backlog", report);
    Ok(bus)
}

pub(crate) fn ingest(print_config: bool) -> ExitCode {
    let read = |env: &mut Env| {
        (
            BusConfig::from_env(env),
            TokenKey::from_env(env),
            IngestConfig::from_env(env),
        )
    };
    start(
        "ingest",
        print_config,
        read,
        async |(bus, tokens, config), context| {
            let bus = connect(&bus, "ingest", &[Role::Ingest], &[Stage::Ingest], &context).await?;
            Ingest::build(&config, tokens, bus, &context).await
        },
    )
}

pub(crate) fn fanout(print_config: bool) -> ExitCode {
    let read = |env: &mut Env| (BusConfig::from_env(env), FanoutConfig::from_env(env));
    start(
        "fanout",
        print_config,
        read,
        async |(bus, config), context| {
            let bus = connect(&bus, "fanout", &[Role::Fanout], &[Stage::Fanout], &context).await?;
            Fanout::build(&config, bus, &context).await
        },
    )
}

pub(crate) fn sender(print_config: bool) -> ExitCode {
    let read = |env: &mut Env| (BusConfig::from_env(env), SenderConfig::from_env(env));
    start(
        "sender",
        print_config,
        read,
        async |(bus, config), context| {
            let bus = connect(&bus, "sender", &[Role::Sender], &[Stage::Sender], &context).await?;
            Sender::build(&config, bus, &context).await
        },
    )
}

pub(crate) fn recorder(print_config: bool) -> ExitCode {
    let read = |env: &mut Env| {
        (
            BusConfig::from_env(env),
            StoreConfig::from_env(env),
            RecorderConfig::from_env(env),
        )
    };
    start(
        "recorder",
        print_config,
        read,
        async |(bus, store, config), context| {
            let bus = connect(
                &bus,
                "recorder",
                &[Role::Recorder],
                &[Stage::Recorder],
                &context,
            )
            .await?;
            let store = Store::connect(&store)?;
            Recorder::build(&config, bus, store, &context).await
        },
    )
}

/// The settings of `api`: it serves the message-create routes of ingest, too, so that one base URL
/// is enough for an SDK.
struct ApiRole {
    bus: BusConfig,
    store: StoreConfig,
    tokens: TokenKey,
    ingest: IngestConfig,
    api: ApiConfig,
}

pub(crate) fn api(print_config: bool) -> ExitCode {
    let read = |env: &mut Env| ApiRole {
        bus: BusConfig::from_env(env),
        store: StoreConfig::from_env(env),
        tokens: TokenKey::from_env(env),
        ingest: IngestConfig::from_env(env),
        api: ApiConfig::from_env(env),
    };
    start("api", print_config, read, async |role: ApiRole, context| {
        let bus = connect(&role.bus, "api", &[Role::Api], &[], &context).await?;
        let store = Store::connect(&role.store)?;
        let door = HttpDoor::build(&role.ingest, role.tokens.clone(), &bus, &context).await?;
        Api::build(&role.api, role.tokens, bus, store, door.router(), &context).await
    })
}
