//! Sends one request within one deadline, and reads at most a capped body.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use posthorn_chassis::error_chain;
use posthorn_egress::EgressPolicy;
use posthorn_event_schema::{AttemptHeaders, FailureClass};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::answer::{Answer, Kept, MAX_KEPT_BYTES, MAX_READ_BYTES, Timed};
use crate::capped::Capped;
use crate::classify;
use crate::connector::{Dialling, connector};
use crate::own_tls::TlsBase;
use crate::request::DeliveryRequest;
use crate::resolver::{self, Lookup};
use crate::wish;

/// Idle connections to one host that are kept for the next deliveries to it. Many endpoints may be
/// behind one host, each with requests at a time of its own: with fewer kept than are used at a time,
/// connections are closed and opened all along (measured with 10 endpoints and 200 deliveries at a
/// time: 32 kept, a new one for each fourth delivery).
const MAX_IDLE_PER_HOST: usize = 512;
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest head of an answer, and the most that a connection holds unread: a multiple of what
/// receivers send, and bounded with thousands of hostile ones at once.
pub(crate) const MAX_HEAD_BYTES: usize = 32 * 1024;
/// As much as an HTTP/2 receiver may send of all answers together before they are read.
const MAX_UNREAD_BYTES: u32 = 1024 * 1024;

/// The operator's proxy opens no connection, for a reason that has nothing to do with the receiver.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoWayOut(String);

/// An HTTP client of the sender. Clones share its connections.
///
/// It has no redirects and no proxy but the operator's, which would lead around the egress policy, and
/// it leaves the body of an answer as it came.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<Capped, Full<Bytes>>,
    timeout: Duration,
}

impl Client {
    /// Makes the client.
    ///
    /// # Errors
    /// When the TLS library finds no usable root certificates.
    pub fn new(policy: EgressPolicy, timeout: Duration) -> Result<Self, rustls::Error> {
        Self::with_lookup(policy, timeout, resolver::system())
    }

    /// Makes a client that learns the addresses of names in this way.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_lookup(
        policy: EgressPolicy,
        timeout: Duration,
        lookup: Lookup,
    ) -> Result<Self, rustls::Error> {
        let tls = TlsBase::new()?.settings(None)?;
        Ok(Self::with_tls(&Dialling::new(policy, lookup), tls, timeout))
    }

    /// Makes a client with these settings of TLS.
    pub(crate) fn with_tls(dialling: &Dialling, tls: ClientConfig, timeout: Duration) -> Self {
        let head_bytes = u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX);
        let body_bytes = u32::try_from(MAX_READ_BYTES).unwrap_or(u32::MAX);
        let http = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .http2_max_header_list_size(head_bytes)
            .http2_initial_stream_window_size(body_bytes)
            .http2_initial_connection_window_size(MAX_UNREAD_BYTES)
            .build(connector(dialling, tls));
        Self { http, timeout }
    }

    /// Posts a request. Whatever happens out there is an answer, not an error.
    ///
    /// # Errors
    /// [`NoWayOut`], a failure of ours: the receiver was not asked.
    pub async fn post(&self, request: DeliveryRequest) -> Result<Timed, NoWayOut> {
        self.post_until(request, Instant::now() + self.timeout)
            .await
    }

    /// How long a request may take, with everything that belongs to it.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// As [`Client::post`], within the rest of a deadline.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub(crate) async fn post_until(
        &self,
        request: DeliveryRequest,
        deadline: Instant,
    ) -> Result<Timed, NoWayOut> {
        let begun = Instant::now();
        let mut headers = AttemptHeaders::default();
        headers.keep_sent(pairs(&request.headers));
        let exchange = timeout_at(deadline, self.exchange(request, &mut headers)).await;
        let answer = exchange.unwrap_or_else(|_elapsed| {
            Ok(Answer::Failed {
                class: FailureClass::Timeout,
                words: format!("no complete answer came within {:?}", self.timeout),
            })
        })?;
        Ok(Timed {
            answer,
            took: begun.elapsed(),
            headers,
        })
    }

    async fn exchange(
        &self,
        request: DeliveryRequest,
        headers: &mut AttemptHeaders,
    ) -> Result<Answer, NoWayOut> {
        let Some(uri) = uri_of(request.url) else {
            return Ok(failed(FailureClass::Request, "the URL cannot be asked"));
        };
        let mut post = Request::new(Full::new(request.body));
        *post.method_mut() = Method::POST;
        *post.uri_mut() = uri;
        *post.headers_mut() = request.headers;
        match self.ask(post).await {
            Ok(response) => {
                headers.keep_received(pairs(response.headers()));
                Ok(read(response).await)
            }
            Err(error) => {
                if let Some(tunnel) = classify::ours(&error) {
                    return Err(NoWayOut(error_chain::chain(tunnel)));
                }
                let (class, words) = classify::transport(&error);
                Ok(Answer::Failed { class, words })
            }
        }
    }

    /// Asks, and once more if the receiver says that it has not looked at the request, as one does
    /// over HTTP/2 that shuts down. Without TLS there is no HTTP/2.
    async fn ask(&self, post: Request<Full<Bytes>>) -> Result<Response<Incoming>, legacy::Error> {
        if post.uri().scheme() == Some(&Scheme::HTTP) {
            return self.http.request(post).await;
        }
        match self.http.request(post.clone()).await {
            Err(error) if classify::is_unprocessed(&error) => self.http.request(post).await,
            answered => answered,
        }
    }
}

/// What of a URL is asked for; `None` when it is not one of the web.
fn uri_of(mut url: Url) -> Option<Uri> {
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    url.as_str().parse().ok()
}

fn failed(class: FailureClass, words: &str) -> Answer {
    let words = words.to_owned();
    Answer::Failed { class, words }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
}

/// Status and headers decide; of the body only the beginning is read, and less is kept.
async fn read(response: Response<Incoming>) -> Answer {
    let (head, mut body) = response.into_parts();
    let header = head.headers.get(RETRY_AFTER);
    let retry_after = header
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let mut kept = Vec::new();
    let mut read_bytes = 0;
    let ended = loop {
        if read_bytes >= MAX_READ_BYTES {
            break false;
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                read_bytes += data.len();
                let room = MAX_KEPT_BYTES - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
            }
            None => break true,
            // The answer broke off after its headers: they stand.
            Some(Err(_)) => break false,
        }
    };
    Answer::Http {
        status: head.status.as_u16(),
        body: Kept::from_read(&kept, ended && read_bytes == kept.len()),
        retry_after,
        wish: wish::of_headers(&head.headers),
    }
}
