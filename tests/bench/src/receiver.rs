//! A receiver that costs little and misbehaves on request.
//!
//! A delivery's body says when its event was due, in microseconds since the Unix epoch, as `"due":…`;
//! what is measured is how long after that it arrived. The path says what kind of endpoint it is:
//! `/good/<n>`, `/hang/<n>`, `/fail/<n>`, or `/late/<n>` for deliveries that waited, which are counted by
//! their numbers, `"n":…`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use posthorn_event_schema::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::arrivals::Arrivals;
use crate::latency::Times;
use crate::numbers::number;
use crate::server::serve;

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
    late: Mutex<Arrivals>,
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
            late: Mutex::default(),
        });
        let mut server = JoinSet::new();
        let answering = Arc::clone(&state);
        server.spawn(serve(listener, None, move |request| {
            let state = Arc::clone(&answering);
            async move { state.answer(request).await }
        }));
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

    /// How many late deliveries arrived so far, and how many of them again.
    pub(crate) fn late(&self) -> (u32, u32) {
        let late = self
            .state
            .late
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (late.count, late.repeated)
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
            (Some(b'l'), Ok(body)) => self.note_late(&body.to_bytes()),
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

    fn note_late(&self, body: &[u8]) {
        if let Some(number) = number(body, "n") {
            let late = self.late.lock();
            late.unwrap_or_else(PoisonError::into_inner).add(number);
        }
    }

    fn note(&self, body: &[u8]) {
        if let Some(due) = number(body, "due").map(Timestamp::from_unix_micros) {
            self.times().add(posthorn_e2e::settings::now().since(due));
        }
    }
}
