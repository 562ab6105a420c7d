//! The demo's receivers: HTTP servers on this machine that verify and show what they are sent.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::Context;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
};
use posthorn_chassis::Shutdown;
use standardwebhooks::{Webhook, WebhookError};
use time::OffsetDateTime;
use tokio::{net::TcpListener, sync::mpsc};

use super::{FAILURES, report};
use crate::output;

/// What a receiver plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Accepts everything.
    Healthy,
    /// Refuses the demo's event [`FAILURES`] times before it accepts it.
    Recovering,
}

impl Role {
    pub(super) const ALL: [Self; 2] = [Self::Healthy, Self::Recovering];

    /// The role in one word, which is also the path of the receiver's URL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Recovering => "recovering",
        }
    }

    /// The uid of the role's endpoint.
    pub(super) fn uid(self) -> &'static str {
        match self {
            Self::Healthy => "demo-healthy",
            Self::Recovering => "demo-recovering",
        }
    }
}

/// A delivery of the demo's event.
pub(super) struct Seen {
    pub(super) role: Role,
    /// The id in the delivery's header.
    pub(super) event: String,
    /// Whether it was answered with 200.
    pub(super) accepted: bool,
    pub(super) at: OffsetDateTime,
}

/// A receiver that has a port and does not answer yet.
pub(super) struct Receiver {
    role: Role,
    listener: TcpListener,
    url: String,
}

/// What the answers depend on.
struct Script {
    role: Role,
    webhook: Webhook,
    /// What the body of the demo's event contains.
    marker: String,
    refused: AtomicU32,
    seen: mpsc::Sender<Seen>,
}

impl Receiver {
    /// Takes a free port of this machine; connections wait until [`Self::serve`].
    pub(super) async fn bind(role: Role) -> anyhow::Result<Self> {
        let attempt = || format!("cannot listen for the {} receiver", role.name());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .with_context(attempt)?;
        let address = listener.local_addr().with_context(attempt)?;
        let url = format!("http://{address}/{}", role.name());
        Ok(Self {
            role,
            listener,
            url,
        })
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Answers until the shutdown; deliveries whose body contains `marker` are told to `seen`.
    pub(super) fn serve(
        self,
        secret: &str,
        marker: &str,
        seen: mpsc::Sender<Seen>,
        shutdown: &Shutdown,
    ) -> anyhow::Result<()> {
        let script = Script {
            role: self.role,
            webhook: Webhook::new(secret).context("cannot use the endpoint's secret")?,
            marker: marker.to_owned(),
            refused: AtomicU32::new(0),
            seen,
        };
        let router = Router::new().fallback(receive).with_state(Arc::new(script));
        let stop = shutdown.clone();
        shutdown.spawn("demo receiver", async move {
            let until = async move { stop.requested().await };
            let served = axum::serve(self.listener, router)
                .with_graceful_shutdown(until)
                .await;
            if let Err(error) = served {
                tracing::warn!(%error, "a receiver of the demo has failed");
            }
        });
        Ok(())
    }
}

/// Receives one delivery.
async fn receive(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let delivery = Delivery::of(&headers);
    let verified = delivery.verify(&script.webhook, &body);
    let answer = script.answer(&verified, &body);
    output::line(report::delivery(
        script.role,
        &delivery,
        &verified,
        &body,
        answer,
    ));
    if script.is_the_demos(&body) {
        let seen = Seen {
            role: script.role,
            event: delivery.id.to_owned(),
            accepted: answer == StatusCode::OK,
            at: OffsetDateTime::now_utc(),
        };
        // Nobody listens any more once the demo is over.
        drop(script.seen.try_send(seen));
    }
    answer
}

impl Script {
    fn is_the_demos(&self, body: &[u8]) -> bool {
        let marker = self.marker.as_bytes();
        body.windows(marker.len()).any(|part| part == marker)
    }

    fn answer(&self, verified: &Result<(), WebhookError>, body: &[u8]) -> StatusCode {
        if verified.is_err() {
            return StatusCode::UNAUTHORIZED;
        }
        let refuses = self.role == Role::Recovering
            && self.is_the_demos(body)
            && self.refused.fetch_add(1, Ordering::Relaxed) < FAILURES;
        if refuses {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        }
    }
}

/// The headers of a delivery that matter to a receiver; empty where they are missing.
pub(crate) struct Delivery<'a> {
    /// `svix-` or `webhook-`, as the fleet is set up.
    pub(super) prefix: &'static str,
    pub(crate) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Delivery<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let prefix = if headers.contains_key("webhook-id") {
            "webhook-"
        } else {
            "svix-"
        };
        let text = |name: &str| {
            let value = headers.get(format!("{prefix}{name}"));
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        Self {
            prefix,
            id: text("id"),
            timestamp: text("timestamp"),
            signature: text("signature"),
        }
    }

    /// Verifies with the official library, which knows the headers by their standard names only.
    pub(crate) fn verify(&self, webhook: &Webhook, body: &[u8]) -> Result<(), WebhookError> {
        let mut standard = HeaderMap::new();
        let headers = [
            (standardwebhooks::HEADER_WEBHOOK_ID, self.id),
            (standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, self.timestamp),
            (standardwebhooks::HEADER_WEBHOOK_SIGNATURE, self.signature),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                standard.insert(name, value);
            }
        }
        webhook.verify(body, &standard)
    }
}

#[cfg(test)]
mod tests;
