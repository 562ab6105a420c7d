//! The connection, and the check that the server is one we can rely on.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::jobs::{JOB_BYTES_IN_FLIGHT, Turns};
use crate::rejection::LogLimit;
use crate::together::Queue;
use crate::{BusConfig, BusError, Role, events, outcomes};

/// The oldest nats-server that Posthorn runs on: atomic batches, message schedules, per-key TTL.
pub const OLDEST_SERVER: &str = "2.12.0";

/// Publishes that may await their ack at one time in a process; more wait for a place.
const MAX_ACKS_IN_FLIGHT: usize = 8_192;
/// Longest pause between two attempts to reconnect.
const MAX_RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// A process's connection to NATS. Clones share it, and cost next to nothing: async-nats' own types
/// copy texts and channels when they are cloned, so they stand behind an `Arc`.
#[derive(Debug, Clone)]
pub struct Bus {
    pub(crate) client: Arc<Client>,
    pub(crate) jetstream: Arc<jetstream::Context>,
    pub(crate) config: Arc<BusConfig>,
    pub(crate) rejection_log: Arc<LogLimit>,
    /// The bytes that jobs on their way may still take.
    pub(crate) job_bytes: Arc<Semaphore>,
    /// Whose jobs are on their way.
    pub(crate) turns: Arc<Turns>,
    /// Records for history that are to be sent.
    pub(crate) events: Queue,
    pub(crate) outcomes: Queue,
}

impl Bus {
    /// Connects and checks the server's version; streams are not touched ([`Bus::ensure`]).
    ///
    /// `process` names the connection. Answers and messages come to an inbox of the service's own, so
    /// that the rights on NATS can keep everybody else away from it.
    ///
    /// The connection then lives as long as the process: it reconnects for ever, and what is asked
    /// of it meanwhile waits or times out.
    ///
    /// # Errors
    /// [`BusError::Connect`] when no server answered within `connect_timeout`;
    /// [`BusError::ServerTooOld`].
    pub async fn connect(config: &BusConfig, process: &str) -> Result<Self, BusError> {
        let client = connect_within(config, process).await?;
        let found = client.server_info().version;
        if !client.is_server_compatible(2, 12, 0) {
            return Err(BusError::ServerTooOld {
                found,
                needed: OLDEST_SERVER,
            });
        }
        tracing::info!(server.version = %found, "connected to nats");
        let jetstream = ContextBuilder::new()
            .timeout(config.publish_timeout)
            .ack_timeout(config.publish_timeout)
            .max_ack_inflight(MAX_ACKS_IN_FLIGHT)
            .backpressure_on_inflight(true)
            .build(client.clone());
        let jetstream = Arc::new(jetstream);
        let (largest, deadline) = (client.max_payload(), config.publish_timeout);
        let queue = |kind| Queue::start(kind, Arc::clone(&jetstream), largest, deadline);
        Ok(Self {
            events: queue(events::EVENTS),
            outcomes: queue(outcomes::OUTCOMES),
            client: Arc::new(client),
            jetstream,
            config: Arc::new(config.clone()),
            rejection_log: Arc::default(),
            job_bytes: Arc::new(Semaphore::new(JOB_BYTES_IN_FLIGHT)),
            turns: Arc::default(),
        })
    }

    /// Sends what is still on its way to the server; acks are sent without waiting for an answer.
    ///
    /// For the end of a process. Gives up when the server does not take it within the publish
    /// timeout: what was not sent is done again by whoever gets the message next.
    pub async fn flush(&self) {
        let flushed = tokio::time::timeout(self.config.publish_timeout, self.client.flush()).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("nats connection not flushed, acks may be lost and their work repeated");
        }
    }

    /// How long a stream recognises a repeated message id.
    #[must_use]
    pub fn duplicate_window(&self) -> Duration {
        self.config.duplicate_window
    }

    /// How long a publish waits for its ack.
    #[must_use]
    pub fn publish_timeout(&self) -> Duration {
        self.config.publish_timeout
    }

    /// The largest message that the server takes, in bytes.
    #[must_use]
    pub fn max_message_bytes(&self) -> usize {
        self.client.max_payload()
    }

    /// Whether the connection is up at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }
}

async fn connect_within(config: &BusConfig, process: &str) -> Result<Client, BusError> {
    let deadline = Instant::now() + config.connect_timeout;
    let mut pause = Duration::from_millis(50);
    loop {
        let attempt = options(config, process)
            .await?
            .connect(addresses(config))
            .await;
        let error = match attempt {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        if Instant::now() + pause > deadline {
            return Err(BusError::Connect {
                url: public_url(&config.url),
                cause: error.into(),
            });
        }
        tracing::info!(error = %error, "waiting for nats");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_RECONNECT_PAUSE);
    }
}

async fn options(config: &BusConfig, process: &str) -> Result<ConnectOptions, BusError> {
    let mut options = ConnectOptions::new()
        .name(format!("posthorn-{process}"))
        .custom_inbox_prefix(inbox(process))
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            let doubled = Duration::from_millis(20 << attempts.min(6));
            doubled.min(MAX_RECONNECT_PAUSE)
        })
        .event_callback(log_event);
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        options = options.user_and_password(user.clone(), password.expose().to_owned());
    }
    if let Some(file) = &config.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &config.certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    if let Some(file) = &config.credentials_file {
        let read = options.credentials_file(file).await;
        options =
            read.map_err(|error| BusError::setup("the NATS credentials file")(error.into()))?;
    }
    Ok(options)
}

/// Where answers to a process come: `_INBOX_<service>.…`, and for a client that is no service where
/// those of all clients do.
fn inbox(process: &str) -> String {
    let mut roles = Role::ALL.into_iter().map(Role::name);
    match roles.find(|role| *role == process) {
        Some(role) => format!("_INBOX_{role}"),
        None => "_INBOX".to_owned(),
    }
}

fn addresses(config: &BusConfig) -> Vec<String> {
    config
        .url
        .split(',')
        .map(|url| url.trim().to_owned())
        .collect()
}

/// A URL list fit for logs: without user information.
fn public_url(urls: &str) -> String {
    let strip = |url: &str| match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url.to_owned(),
    };
    urls.split(',')
        .map(|url| strip(url.trim()))
        .collect::<Vec<_>>()
        .join(",")
}

async fn log_event(event: Event) {
    match event {
        Event::Connected => tracing::info!("nats connection is up"),
        Event::Disconnected => tracing::warn!("nats connection is down, reconnecting"),
        // Such as a missing right: whoever asked merely gets no answer.
        Event::ServerError(error) => tracing::warn!(error = %error, "nats reports an error"),
        Event::SlowConsumer(id) => tracing::warn!(subscription = id, "nats subscription is slow"),
        other => tracing::debug!(event = %other, "nats event"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_information_never_reaches_a_log() {
        let urls = "nats://u:secret@a:4222, tls://b:4222";
        assert_eq!(public_url(urls), "nats://a:4222,tls://b:4222");
    }
}
