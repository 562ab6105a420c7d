//! The demo's producer: an ordinary NATS client that publishes an event and waits for its ack.
//!
//! It goes through no crate of ours, because it stands for the programs of other people.

use std::time::Duration;

use anyhow::Context;
use async_nats::{HeaderMap, jetstream};
use serde_json::{Value, json};

/// How long NATS may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

const EVENT_TYPE: &str = "file.deleted";

/// A connection to NATS.
pub(super) struct Producer {
    jetstream: jetstream::Context,
}

/// What was published, and where it is stored.
pub(super) struct Published {
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) stream: String,
    pub(super) sequence: u64,
}

impl Producer {
    /// Connects; the URL may contain a user and a password.
    pub(super) async fn connect(url: &str) -> anyhow::Result<Self> {
        let options = async_nats::ConnectOptions::new()
            .name("posthorn demo producer")
            .connection_timeout(TIMEOUT)
            .request_timeout(Some(TIMEOUT));
        let servers: Vec<String> = url.split(',').map(|one| one.trim().to_owned()).collect();
        let connected = tokio::time::timeout(TIMEOUT, options.connect(servers)).await;
        let client = connected
            .context("NATS does not answer")?
            .context("cannot connect to NATS")?;
        Ok(Self {
            jetstream: jetstream::new(client),
        })
    }

    /// Publishes the event that a file was deleted, and waits until it is stored.
    ///
    /// *Guarantee*: once it returns, the event is in a stream on disk. Publishing again after an
    /// error makes no second event, because `Nats-Msg-Id` stays the same.
    pub(super) async fn publish(
        &self,
        application: &str,
        file_id: &str,
    ) -> anyhow::Result<Published> {
        let subject = format!("posthorn.events.{application}.{EVENT_TYPE}");
        let body = event(file_id).to_string();
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", format!("deleted-{file_id}"));
        let attempt = || format!("cannot publish on {subject}");
        let sent =
            self.jetstream
                .publish_with_headers(subject.clone(), headers, body.clone().into());
        let stored = sent
            .await
            .with_context(attempt)?
            .await
            .with_context(attempt)?;
        Ok(Published {
            subject,
            body,
            stream: stored.stream,
            sequence: stored.sequence,
        })
    }
}

fn event(file_id: &str) -> Value {
    let data = json!({
        "file_id": file_id,
        "name": "quarterly report.pdf",
        "size_bytes": 48_213,
        "deleted_by": "user_ada",
    });
    json!({ "type": EVENT_TYPE, "data": data })
}
