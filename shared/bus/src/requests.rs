//! Core NATS requests: the door `posthorn.publish.<app>`.

use async_nats::{Client, HeaderMap, Subscriber};
use bytes::Bytes;
use futures::StreamExt;

use crate::{Bus, BusError};

/// Requests sent to a subject, shared by all processes that serve it.
pub struct Requests {
    client: Client,
    subscriber: Subscriber,
}

impl Bus {
    /// Serves a subject together with all other members of the queue group: each request reaches
    /// one of them.
    ///
    /// # Errors
    /// [`BusError::Request`] when the subscription cannot be made.
    pub async fn requests(&self, filter: &str, group: &str) -> Result<Requests, BusError> {
        let made = self
            .client
            .queue_subscribe(filter.to_owned(), group.to_owned())
            .await;
        let subscriber = made.map_err(BusError::request("subscribe to requests"))?;
        Ok(Requests {
            client: self.client.as_ref().clone(),
            subscriber,
        })
    }
}

impl Requests {
    /// The next request; `None` once the connection is closed for good.
    pub async fn next(&mut self) -> Option<Request> {
        let message = self.subscriber.next().await?;
        Some(Request {
            client: self.client.clone(),
            message,
        })
    }

    /// Stops taking requests; those already taken can still be answered.
    pub async fn stop(mut self) {
        if let Err(error) = self.subscriber.unsubscribe().await {
            tracing::debug!(error = %error, "subscription not ended");
        }
    }
}

/// One request of a producer.
pub struct Request {
    client: Client,
    message: async_nats::Message,
}

impl Request {
    /// Its bytes.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.message.payload
    }

    /// The subject that it came on.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.message.subject.as_str()
    }

    /// Its headers, if it has any.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.message.headers.as_ref()
    }

    /// One header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()?
            .get(name)
            .map(async_nats::HeaderValue::as_str)
    }

    /// Answers the request; a request that wants no answer gets none.
    pub async fn answer(&self, headers: HeaderMap, payload: Bytes) {
        let Some(reply) = self.message.reply.clone() else {
            return;
        };
        let sent = self
            .client
            .publish_with_headers(reply, headers, payload)
            .await;
        if let Err(error) = sent {
            tracing::debug!(error = %error, "request not answered");
        }
    }
}

/// Headers of one name and value, for answers.
#[must_use]
pub fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, *value);
    }
    headers
}
