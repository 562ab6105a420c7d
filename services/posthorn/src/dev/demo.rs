//! The first minute with Posthorn: an event, two endpoints, one of which fails, and what they receive.
//!
//! Nothing here takes a short cut. The endpoints are created through the REST API, the event is
//! published by an ordinary NATS client, the receivers are HTTP servers that verify signatures with
//! the official library, and what happened is read back from the history.
//!
//! The receivers stay until the shutdown, so that whatever is published to the application `demo`
//! afterwards is shown, too.

mod producer;
pub(crate) mod receiver;
mod report;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use posthorn_chassis::{Shutdown, entropy};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use self::{
    producer::Producer,
    receiver::{Receiver, Role, Seen},
    report::Report,
};
use crate::output;
use crate::rest::{Api, Attempt};

/// The application's uid; one without dots can stand in a NATS subject.
const APPLICATION: &str = "demo";
const APPLICATION_NAME: &str = "Posthorn's demo";

/// How often the second endpoint answers with an error before it works.
const FAILURES: u32 = 2;

/// How long a delivery, or its row in the history, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The demo does not wait longer for a retry; with another schedule, it may come in hours.
const LONGEST_WAIT: time::Duration = time::Duration::minutes(2);

/// Pause between two looks at the history.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Deliveries that the demo has not looked at yet; further ones are shown, but not looked at.
const SEEN_AHEAD: usize = 256;

/// Plays the demo and returns when it is over, or when the shutdown is requested.
///
/// # Errors
/// When an API call or the publish fails, or a delivery does not come.
///
/// # Cancel safety
/// Dropping it leaves the receivers running until the shutdown.
pub(crate) async fn run(
    api_url: &str,
    nats_url: &str,
    token: &str,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let api = Api::new(api_url, token)?;
    tokio::select! {
        played = Box::pin(play(&api, nats_url, shutdown)) => played,
        () = shutdown.requested() => Ok(()),
    }
}

async fn play(api: &Api, nats_url: &str, shutdown: &Shutdown) -> anyhow::Result<()> {
    // The event is recognised by this, whatever else an earlier run has left to be delivered.
    let file_id = format!("file_{:032x}", u128::from_be_bytes(entropy::bytes()));
    let (seen_sender, mut seen) = mpsc::channel(SEEN_AHEAD);
    let receivers = [
        Receiver::bind(Role::Healthy).await?,
        Receiver::bind(Role::Recovering).await?,
    ];
    let application = api
        .create_application(APPLICATION, APPLICATION_NAME)
        .await?;
    let mut report = Report::default();
    for receiver in receivers {
        let (role, url) = (receiver.role(), receiver.url());
        let endpoint = api.create_endpoint(&application, role.uid(), &url).await?;
        output::line(report::endpoint(role, &url, &endpoint));
        let secret = api.secret(&application, &endpoint).await?;
        receiver.serve(&secret, &file_id, seen_sender.clone(), shutdown)?;
        report.add(role, endpoint);
    }

    let producer = Producer::connect(nats_url).await?;
    let published = producer.publish(APPLICATION, &file_id).await?;
    output::line(report::published(&published));
    let event = follow(api, &application, &report, &mut seen).await?;
    let attempts = whole_history(api, &application, &event).await?;
    output::line(report.history(&event, &attempts));
    Ok(())
}

/// Waits until both endpoints have the event, and tells when the next attempt comes in between;
/// returns the event's id.
async fn follow(
    api: &Api,
    application: &str,
    report: &Report,
    seen: &mut mpsc::Receiver<Seen>,
) -> anyhow::Result<String> {
    let mut served = Vec::new();
    let mut patience = PATIENCE;
    loop {
        let next = tokio::time::timeout(patience, seen.recv()).await;
        let Some(delivery) = next.context("the event was not delivered in time")? else {
            bail!("the receivers have stopped");
        };
        if delivery.accepted {
            served.push(delivery.role);
        } else {
            let endpoint = report.endpoint(delivery.role);
            let next = next_attempt(api, application, &delivery, endpoint).await?;
            let wait = next - OffsetDateTime::now_utc();
            output::line(report::next_attempt(delivery.role, next, wait));
            if wait > LONGEST_WAIT {
                return Ok(delivery.event);
            }
            patience = PATIENCE + Duration::try_from(wait).unwrap_or_default();
        }
        if Role::ALL.iter().all(|role| served.contains(role)) {
            return Ok(delivery.event);
        }
    }
}

/// When the history says that the next attempt comes; waits until it knows about the failed one.
async fn next_attempt(
    api: &Api,
    application: &str,
    failed: &Seen,
    endpoint: &str,
) -> anyhow::Result<OffsetDateTime> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let next = api
            .next_attempt(application, &failed.event, endpoint)
            .await?;
        // An earlier time was that of the attempt that has just failed.
        if let Some(next) = next.filter(|next| *next > failed.at) {
            return Ok(next);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    bail!("the history shows no next attempt of {}", failed.event)
}

/// The attempts of the event, once the last one of each endpoint has reached the history.
async fn whole_history(api: &Api, application: &str, event: &str) -> anyhow::Result<Vec<Attempt>> {
    let started = Instant::now();
    loop {
        let attempts = api.attempts(application, event).await?;
        let successes = attempts
            .iter()
            .filter(|attempt| attempt.succeeded())
            .count();
        if successes >= Role::ALL.len() || started.elapsed() >= PATIENCE / 6 {
            return Ok(attempts);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
