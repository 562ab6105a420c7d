//! Sends one request within one deadline, and reads at most a capped body.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use posthorn_egress::EgressPolicy;
use posthorn_event_schema::{AttemptHeaders, FailureClass};
use tokio::time::{Instant, timeout_at};
use url::Host;

use crate::answer::{Answer, Kept, MAX_READ_BYTES, Timed};
use crate::classify;
use crate::request::DeliveryRequest;
use crate::resolver::GuardedResolver;
use crate::wish;

/// Idle connections to one endpoint that are kept for its next delivery.
const MAX_IDLE_PER_HOST: usize = 32;
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The sender's HTTP client. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    policy: Arc<EgressPolicy>,
    timeout: Duration,
}

impl Client {
    /// Makes the client.
    ///
    /// It never follows a redirect and never uses a proxy from the environment: either would lead
    /// around the egress policy.
    ///
    /// # Errors
    /// When the TLS library finds no usable root certificates.
    pub fn new(policy: EgressPolicy, timeout: Duration) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(policy);
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(GuardedResolver::new(Arc::clone(&policy))))
            .referer(false)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()?;
        Ok(Self {
            http,
            policy,
            timeout,
        })
    }

    /// Posts a request. Whatever happens out there is an answer, not an error.
    pub async fn post(&self, request: DeliveryRequest) -> Timed {
        let begun = Instant::now();
        let deadline = begun + self.timeout;
        let mut headers = AttemptHeaders::default();
        headers.keep_sent(pairs(&request.headers));
        let exchange = timeout_at(deadline, self.exchange(request, &mut headers)).await;
        let answer = exchange.unwrap_or_else(|_elapsed| Answer::Failed {
            class: FailureClass::Timeout,
            words: format!("no complete answer came within {:?}", self.timeout),
        });
        Timed {
            answer,
            took: begun.elapsed(),
            headers,
        }
    }

    async fn exchange(&self, request: DeliveryRequest, headers: &mut AttemptHeaders) -> Answer {
        if !self.may_contact(&request.url) {
            let words = "address not allowed".to_owned();
            return Answer::Failed {
                class: FailureClass::BlockedAddress,
                words,
            };
        }
        let post = self
            .http
            .post(request.url)
            .headers(request.headers)
            .body(request.body);
        match post.send().await {
            Ok(response) => {
                headers.keep_received(pairs(response.headers()));
                read(response).await
            }
            Err(error) => {
                let (class, words) = classify::transport(&error.without_url());
                Answer::Failed { class, words }
            }
        }
    }

    /// The resolver guards names; a literal address never reaches it, so it is judged here.
    fn may_contact(&self, url: &url::Url) -> bool {
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return true,
            None => return false,
        };
        self.policy.allows(literal)
    }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
}

/// Status and headers decide; of the body only the beginning is read.
async fn read(mut response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let header = response.headers().get(RETRY_AFTER);
    let retry_after = header
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let wish = wish::of_headers(response.headers());
    let mut read = Vec::new();
    let ended = loop {
        if read.len() >= MAX_READ_BYTES {
            break false;
        }
        match response.chunk().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk[..chunk.len().min(MAX_READ_BYTES)]),
            Ok(None) => break true,
            // The answer broke off after its headers: they stand.
            Err(_) => break false,
        }
    };
    Answer::Http {
        status,
        body: Kept::from_read(&read, ended),
        retry_after,
        wish,
    }
}
