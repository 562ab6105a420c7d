//! `posthorn probe`: whether a running fleet does what it is for, asked from outside.
//!
//! It takes no short cut: an application and an endpoint by the REST API, an event by NATS as any
//! producer publishes it, the delivery on a port of its own with its signature verified, the attempt
//! read back from history. `helm test` runs it. What it creates it deletes again.

mod receiver;
pub(crate) mod settings;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use posthorn_bus::Bus;
use posthorn_chassis::{Env, Shutdown, clock, entropy};
use posthorn_event_schema::{OrganizationId, Timestamp};
use posthorn_ingest::config::DEFAULT_ORGANIZATION;
use tokio::time::{Instant, sleep, timeout};

use self::receiver::Receiver;
use self::settings::ProbeSettings;
use crate::output;
use crate::rest::Api;
use crate::settings::{of_command, of_role};

/// As for every role whose settings cannot be used.
const EXIT_CONFIGURATION: u8 = 64;
/// How long the delivery may take, and its way into history. An endpoint that is not reached at once
/// is tried again after 5 s and after 30 s more.
const PATIENCE: Duration = Duration::from_secs(45);
/// Pause between two looks at the history.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

const EVENT_TYPE: &str = "posthorn.probe";

pub(crate) fn probe(print_config: bool) -> ExitCode {
    if print_config {
        return posthorn_chassis::print_config("probe", |env| {
            of_role(env, ProbeSettings::from_env)
        });
    }
    let mut env = Env::from_process();
    let settings = of_command(&mut env, ProbeSettings::from_env);
    if let Err(error) = env.finish() {
        output::complain(error.to_string());
        return ExitCode::from(EXIT_CONFIGURATION);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(Box::pin(run(&settings))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    output::complain(format!("probe failed: {error:#}"));
    ExitCode::FAILURE
}

/// Creates an application, plays the event through it, and deletes it whatever happened.
async fn run(settings: &ProbeSettings) -> anyhow::Result<()> {
    let organization = OrganizationId::parse(DEFAULT_ORGANIZATION)?;
    let now = Timestamp::from_unix_micros(clock::unix_micros());
    let token = settings.tokens.issue_organization(&organization, now);
    let api = Api::new(&settings.api_url, &token)?;
    let uid = format!("probe-{:032x}", u128::from_be_bytes(entropy::bytes()));
    let application = api.create_application(&uid, "posthorn probe").await?;
    output::line(format!("application {application} created"));
    let played = play(settings, &api, &application, &uid).await;
    let deleted = api.delete_application(&application).await;
    played?;
    deleted.context("the application was not deleted")
}

async fn play(
    settings: &ProbeSettings,
    api: &Api,
    application: &str,
    uid: &str,
) -> anyhow::Result<()> {
    let receiver = Receiver::bind(settings.receiver_addr).await?;
    let url = receiver.url(settings.receiver_url.as_deref());
    let endpoint = api.create_endpoint(application, "probe", &url).await?;
    output::line(format!("endpoint {endpoint} created for {url}"));
    let secret = api.secret(application, &endpoint).await?;
    let shutdown = Shutdown::new();
    let mut deliveries = receiver.serve(&secret, &shutdown)?;

    let bus = Bus::connect(&settings.bus, "probe").await?;
    let event = format!("event_{uid}");
    let body = format!(r#"{{"id":"{event}","data":{{"probe":true}}}}"#);
    let published = Instant::now();
    bus.offer(uid, EVENT_TYPE, &event, body).await?;
    output::line(format!("event {event} published and stored"));

    let delivered = timeout(PATIENCE, deliveries.recv()).await;
    let Some(id) = delivered.context("the event was not delivered in time")? else {
        bail!("the receiver has stopped");
    };
    if id != event {
        bail!("{id} was delivered instead of {event}");
    }
    let milliseconds = published.elapsed().as_millis();
    output::line(format!(
        "event {event} delivered after {milliseconds} ms, its signature is good"
    ));
    in_history(api, application, &event).await?;
    output::line("the attempt stands in history");
    shutdown.trigger();
    Ok(())
}

/// Waits until history has the attempt that succeeded.
async fn in_history(api: &Api, application: &str, event: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let attempts = api.attempts(application, event).await;
        match attempts {
            Ok(attempts) if attempts.iter().any(|attempt| attempt.succeeded()) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context("the attempt is not in history"));
            }
            Ok(_) if Instant::now() > deadline => bail!("the attempt is not in history"),
            Ok(_) | Err(_) => sleep(LOOK_INTERVAL).await,
        }
    }
}
