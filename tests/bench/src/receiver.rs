//! A receiver that costs little and misbehaves on request.
//!
//! A delivery's body says when its event was due, in microseconds since the Unix epoch, as `"due":…`;
//! what is measured is how long after that it arrived. The path says what kind of endpoint it is:
//! `/good/<n>`, `/hang/<n>` or `/fail/<n>`.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use posthorn_event_schema::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::latency::Times;

/// Longer than any sender waits.
const HANG: Duration = Duration::from_secs(60);

/// A running receiver; it ends with this.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    _server: JoinSet<()>,
}

struct State {
    /// Whether those that can misbehave do.
    misbehaving: AtomicBool,
    times: Mutex<Times>,
}

impl Receiver {
    /// Starts on a free port of the loopback interface; everybody behaves.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            misbehaving: AtomicBool::new(false),
            times: Mutex::new(Times::new()),
        });
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            _server: server,
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on those that can misbehave do, or no longer do.
    pub(crate) fn misbehave(&self, on: bool) {
        self.state.misbehaving.store(on, Ordering::Relaxed);
    }

    /// The times of deliveries to good endpoints since this was asked before.
    pub(crate) fn take_times(&self) -> Times {
        let times = &mut *self.state.times();
        std::mem::replace(times, Times::new())
    }
}

impl State {
    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let misbehaves = self.misbehaving.load(Ordering::Relaxed);
        let kind = request.uri().path().as_bytes().get(1).copied();
        let body = request.into_body().collect().await;
        match (kind, body) {
            (Some(b'g'), Ok(body)) => self.note(&body.to_bytes()),
            (Some(b'h'), _) if misbehaves => tokio::time::sleep(HANG).await,
            (Some(b'f'), _) if misbehaves => {
                let mut refusal = Response::new(Empty::new());
                *refusal.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                return refusal;
            }
            _ => {}
        }
        Response::new(Empty::new())
    }

    fn note(&self, body: &[u8]) {
        if let Some(due) = due(body) {
            self.times().add(posthorn_e2e::settings::now().since(due));
        }
    }
}

/// When the event was due.
fn due(body: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(body).ok()?;
    let digits = text.split_once(r#""due":"#)?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    digits[..end].parse().ok().map(Timestamp::from_unix_micros)
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // A connection without the option works as well.
        stream.set_nodelay(true).ok();
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, Infallible>(state.answer(request).await) }
        });
        connections.spawn(async move {
            // How a connection ends is the sender's choice.
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
        while connections.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_when_it_was_due() {
        let micros = |body: &str| due(body.as_bytes()).map(Timestamp::as_unix_micros);
        assert_eq!(micros(r#"{"due":17,"filler":"x"}"#), Some(17));
        assert_eq!(micros(r#"{"filler":"x"}"#), None);
        assert_eq!(micros(r#"{"due":x}"#), None);
    }
}
