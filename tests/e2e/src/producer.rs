//! Publishing events as a producer does: a plain NATS client, nothing of ours.

use async_nats::jetstream;
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use serde_json::Value;

/// A producer that is connected to NATS.
#[derive(Debug, Clone)]
pub struct Producer {
    client: Client,
    jetstream: jetstream::Context,
}

impl Producer {
    /// Connects.
    ///
    /// # Panics
    /// When there is no server.
    pub async fn connect(url: &str) -> Self {
        let client = async_nats::connect(url).await.expect("a nats-server");
        Self {
            jetstream: jetstream::new(client.clone()),
            client,
        }
    }

    /// Connects as a user to any of several servers, whose URLs are separated by commas; the first
    /// to answer will do.
    ///
    /// # Panics
    /// When there is no server.
    pub async fn connect_as(user: &str, password: &str, urls: &str) -> Self {
        let addresses: Vec<String> = urls.split(',').map(str::to_owned).collect();
        let options =
            async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
        let client = options.connect(addresses).await.expect("a nats-server");
        Self {
            jetstream: jetstream::new(client.clone()),
            client,
        }
    }

    /// Publishes on `posthorn.events.<app>.<type>` and waits until it is stored.
    ///
    /// # Panics
    /// When it is not stored.
    pub async fn publish(&self, subject: &str, body: impl Into<Bytes>) {
        self.publish_with(subject, &[], body).await;
    }

    /// As [`Producer::publish`], with headers.
    ///
    /// # Panics
    /// When it is not stored.
    pub async fn publish_with(
        &self,
        subject: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) {
        let sent = self.jetstream.publish_with_headers(
            subject.to_owned(),
            header_map(headers),
            body.into(),
        );
        sent.await
            .expect("a connection")
            .await
            .expect("the publish ack");
    }

    /// Publishes and tells whether it was stored; for a server that may be away.
    pub async fn try_publish(&self, subject: &str, headers: &[(&str, &str)], body: Bytes) -> bool {
        let headers = header_map(headers);
        match self
            .jetstream
            .publish_with_headers(subject.to_owned(), headers, body)
            .await
        {
            Ok(ack) => ack.await.is_ok(),
            Err(_not_sent) => false,
        }
    }

    /// Requests `posthorn.publish.<app>` and returns the answer.
    ///
    /// # Panics
    /// When there is no answer, or one that is no JSON.
    pub async fn request(&self, subject: &str, body: impl Into<Bytes>) -> Value {
        self.request_with(subject, &[], body).await
    }

    /// As [`Producer::request`], with headers.
    ///
    /// # Panics
    /// When there is no answer, or one that is no JSON.
    pub async fn request_with(
        &self,
        subject: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Value {
        let request =
            self.client
                .request_with_headers(subject.to_owned(), header_map(headers), body.into());
        let answer = request.await.expect("an answer");
        serde_json::from_slice(&answer.payload).expect("JSON")
    }

    /// The largest message that the server takes, headers included, in bytes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// The JetStream context, to look into streams.
    #[must_use]
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }
}

fn header_map(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, *value);
    }
    headers
}
