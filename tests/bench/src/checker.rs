//! A receiver that checks every delivery: its signature, and that each event comes to each of its
//! endpoints, once.
//!
//! An event's body begins with `{"n":<number>,"due":<microseconds since the Unix epoch>,`. Event `n`
//! belongs to application `n % applications`, whose endpoints are at `/<application>/<place>`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use posthorn_event_schema::Timestamp;
use posthorn_signing::Signer;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::arrivals::Arrivals;
use crate::latency::Times;
use crate::numbers::number;
use crate::server::serve;
use crate::tls::{self, Tls};

/// A running receiver; it ends with this.
pub(crate) struct Checker {
    address: SocketAddr,
    tls: Option<Tls>,
    state: Arc<State>,
    _server: JoinSet<()>,
}

struct State {
    /// By application and place.
    signers: OnceLock<Vec<Vec<Signer>>>,
    /// How many deliveries may be on their way: each one that arrives makes room for another.
    room: Semaphore,
    most: usize,
    found: Mutex<Found>,
}

/// What arrived.
struct Found {
    arrivals: Arrivals,
    /// From when an event was due to each of its arrivals, since this was asked before.
    times: Times,
    /// Deliveries that are not signed by their endpoint, or that nobody should have sent there.
    wrong: u32,
    /// Deliveries over HTTP/2.
    http2: u32,
}

/// How many deliveries arrived so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Different ones.
    pub(crate) arrived: u32,
    pub(crate) repeated: u32,
    pub(crate) wrong: u32,
    /// Of all these, those over HTTP/2.
    pub(crate) http2: u32,
}

impl Checker {
    /// Starts on a free port of the loopback interface; `room` deliveries may be on their way.
    ///
    /// # Errors
    /// When it cannot listen, or there are no certificates for TLS.
    pub(crate) async fn start(room: usize, tls: Option<Tls>) -> anyhow::Result<Self> {
        let acceptor = tls.map(tls::acceptor).transpose()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            signers: OnceLock::new(),
            room: Semaphore::new(room),
            most: room,
            found: Mutex::new(Found {
                arrivals: Arrivals::default(),
                times: Times::new(),
                wrong: 0,
                http2: 0,
            }),
        });
        let mut server = JoinSet::new();
        let answering = Arc::clone(&state);
        server.spawn(serve(listener, acceptor, move |request| {
            let state = Arc::clone(&answering);
            async move { state.answer(request).await }
        }));
        Ok(Self {
            address,
            tls,
            state,
            _server: server,
        })
    }

    /// Where an application's endpoint is.
    pub(crate) fn url(&self, application: usize, place: usize) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/{application}/{place}", self.address)
    }

    /// Says what signs for each application's endpoints; once.
    pub(crate) fn expect(&self, signers: Vec<Vec<Signer>>) {
        self.state.signers.set(signers).ok();
    }

    /// Waits for room for so many deliveries, and takes it.
    pub(crate) async fn take_room(&self, deliveries: usize) {
        let wanted = u32::try_from(deliveries).unwrap_or(u32::MAX);
        if let Ok(room) = self.state.room.acquire_many(wanted).await {
            room.forget();
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let found = self.state.found();
        Counts {
            arrived: found.arrivals.count,
            repeated: found.arrivals.repeated,
            wrong: found.wrong,
            http2: found.http2,
        }
    }

    /// Whether deliveries came over HTTP/2 if that was offered, which the sender prefers then.
    pub(crate) fn is_spoken_as_offered(&self) -> bool {
        let Counts { arrived, http2, .. } = self.counts();
        self.tls != Some(Tls::Http2) || http2 >= arrived
    }

    /// The times of the deliveries since this was asked before.
    pub(crate) fn take_times(&self) -> Times {
        std::mem::replace(&mut self.state.found().times, Times::new())
    }
}

impl State {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let (head, body) = request.into_parts();
        self.found().http2 += u32::from(head.version == Version::HTTP_2);
        let mut answer = Response::new(Empty::new());
        let Ok(body) = body.collect().await else {
            *answer.status_mut() = StatusCode::BAD_REQUEST;
            return answer;
        };
        if self
            .note(head.uri.path(), &head.headers, &body.to_bytes())
            .is_none()
        {
            self.found().wrong += 1;
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
        }
        answer
    }

    /// Checks a delivery and counts it; `None` when it is not one of ours.
    fn note(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> Option<()> {
        let (application, place) = path.strip_prefix('/')?.split_once('/')?;
        let (application, place): (usize, usize) = (application.parse().ok()?, place.parse().ok()?);
        let applications = self.signers.get()?;
        let endpoints = applications.get(application)?;
        if !is_signed(endpoints.get(place)?, headers, body) {
            return None;
        }
        let event: usize = number(body, "n")?;
        let due = Timestamp::from_unix_micros(number(body, "due")?);
        if event % applications.len() != application {
            return None;
        }
        let delivery = u32::try_from(event * endpoints.len() + place).ok()?;
        let took = posthorn_e2e::settings::now().since(due);
        let mut found = self.found();
        if found.arrivals.add(delivery) {
            found.times.add(took);
            // At a fixed rate nobody takes room.
            if self.room.available_permits() < self.most {
                self.room.add_permits(1);
            }
        }
        Some(())
    }
}

/// Whether one of the signatures is right.
fn is_signed(signer: &Signer, headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) = (
        text("svix-id"),
        text("svix-timestamp").and_then(|text| text.parse().ok()),
        text("svix-signature"),
    ) else {
        return false;
    };
    let right = signer.header_value(id, timestamp, body);
    signatures.split(' ').any(|signature| signature == right)
}

#[cfg(test)]
mod tests {
    use posthorn_signing::SigningSecret;

    use super::*;

    #[tokio::test]
    async fn only_signed_deliveries_to_the_right_endpoint_count_and_each_once() {
        let checker = Checker::start(10, None).await.unwrap();
        let signer = Signer::new(&[SigningSecret::generate()]);
        let other = Signer::new(&[SigningSecret::generate()]);
        checker.expect(vec![vec![signer.clone(), other], Vec::new()]);
        let body = br#"{"n":2,"due":1,"filler":""}"#;
        let mut headers = HeaderMap::new();
        headers.insert("svix-id", "a".parse().unwrap());
        headers.insert("svix-timestamp", "1".parse().unwrap());
        let signature = signer.header_value("a", 1, body).parse().unwrap();
        headers.insert("svix-signature", signature);
        let note = |path| checker.state.note(path, &headers, body).is_some();
        assert!(note("/0/0") && note("/0/0"));
        assert!(!note("/0/1"), "signed by another endpoint");
        assert!(!note("/1/0") && !note("/"), "no endpoint");
        let expected = Counts {
            arrived: 1,
            repeated: 1,
            wrong: 0,
            http2: 0,
        };
        assert_eq!(checker.counts(), expected);
        assert_eq!(checker.take_times().count(), 1);
    }
}
