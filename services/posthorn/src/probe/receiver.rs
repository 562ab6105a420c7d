//! The probe's endpoint: accepts what is signed well, and says what came.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use posthorn_chassis::Shutdown;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::dev::demo::receiver::Delivery;
use crate::output;

/// Deliveries that nobody has looked at yet; one is expected.
const SEEN_AHEAD: usize = 16;

/// A receiver that has a port and does not answer yet.
pub(super) struct Receiver {
    listener: TcpListener,
    addr: SocketAddr,
}

struct Expected {
    webhook: Webhook,
    seen: mpsc::Sender<String>,
}

impl Receiver {
    /// Takes the port; connections wait until [`Self::serve`].
    pub(super) async fn bind(addr: SocketAddr) -> anyhow::Result<Self> {
        let attempt = || format!("cannot listen on {addr}");
        let listener = TcpListener::bind(addr).await.with_context(attempt)?;
        let addr = listener.local_addr().with_context(attempt)?;
        Ok(Self { listener, addr })
    }

    /// How it is reached: as told, or else directly.
    pub(super) fn url(&self, told: Option<&str>) -> String {
        told.map_or_else(|| format!("http://{}/", self.addr), str::to_owned)
    }

    /// Answers until the shutdown; the ids of deliveries that are signed well come out.
    pub(super) fn serve(
        self,
        secret: &str,
        shutdown: &Shutdown,
    ) -> anyhow::Result<mpsc::Receiver<String>> {
        let (seen, deliveries) = mpsc::channel(SEEN_AHEAD);
        let webhook = Webhook::new(secret).context("cannot use the endpoint's secret")?;
        let router = Router::new()
            .fallback(receive)
            .with_state(Arc::new(Expected { webhook, seen }));
        let stop = shutdown.clone();
        shutdown.spawn("probe receiver", async move {
            let until = async move { stop.requested().await };
            let served = axum::serve(self.listener, router).with_graceful_shutdown(until);
            if let Err(error) = served.await {
                output::complain(format!("the receiver has failed: {error}"));
            }
        });
        Ok(deliveries)
    }
}

async fn receive(
    State(expected): State<Arc<Expected>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let delivery = Delivery::of(&headers);
    if let Err(error) = delivery.verify(&expected.webhook, &body) {
        output::complain(format!("a request with a bad signature came: {error}"));
        return StatusCode::UNAUTHORIZED;
    }
    // Nobody listens any more once the probe is over.
    drop(expected.seen.try_send(delivery.id.to_owned()));
    StatusCode::OK
}
