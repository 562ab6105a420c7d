//! Idempotency of every POST that carries a key: repeating it changes nothing and is answered alike.
//!
//! A row in PostgreSQL is claimed before the request runs and holds the sealed reply afterwards, so
//! it works across processes and restarts. Duplicates that come meanwhile wait for the reply.
//! A request that dies between effect and reply leaves its claim: whoever repeats it takes over
//! with the same seed ([`Minted`]) and creates the same object.
//!
//! Only successes are stored. After a refusal the key is free again; after a failure of ours the
//! effect is unknown, so the key stays bound to this request and its seed.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method};
use posthorn_chassis::{Shutdown, entropy, metric};
use posthorn_event_schema::OrganizationId;
use posthorn_public_http::{ApiError, Caller, RawBody, Scope};
use posthorn_signing::digest_parts;
use posthorn_store::idempotency::{Claimed, DIGEST_LEN, HOLDER_LEN, NewClaim};
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use crate::minted::Minted;
use crate::reply::{self, Place};
use crate::scope;
use crate::state::ApiState;
use crate::{capability, failure};

const HEADER: &str = "idempotency-key";
/// How long a key is remembered. *Source*: Svix's API.
const KEPT: Duration = Duration::from_secs(12 * 3_600);
/// A run that renewed its claim this long ago is dead.
const LEASE: Duration = Duration::from_secs(10);
/// How often a run renews its claim.
const RENEWAL: Duration = Duration::from_secs(3);
/// How long a duplicate waits for the first reply: longer than a lease, so that it can take over.
const WAIT: Duration = Duration::from_secs(14);
/// The first pause between two looks at a claim, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];

/// What the layer has at hand.
#[derive(Clone)]
pub(crate) struct Idempotency {
    pub(crate) state: ApiState,
    pub(crate) shutdown: Shutdown,
}

/// A run of a request.
struct Run {
    gate: Idempotency,
    key: [u8; DIGEST_LEN],
    request: [u8; DIGEST_LEN],
    holder: [u8; HOLDER_LEN],
    organization: OrganizationId,
}

/// The layer around every route of this crate.
pub(crate) async fn layer(
    State(gate): State<Idempotency>,
    request: Request,
    next: Next,
) -> Response {
    let answer = gate.pass(request, next).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

impl Idempotency {
    async fn pass(self, request: Request, next: Next) -> Result<Response, ApiError> {
        let Some(name) = key_of(&request) else {
            return Ok(next.run(request).await);
        };
        let (mut parts, body) = request.into_parts();
        // Who may not call is told so by the route itself.
        let Ok(caller) = scope::in_force(&mut parts, &self.state).await else {
            return Ok(next.run(Request::from_parts(parts, body)).await);
        };
        let request = Request::from_parts(parts.clone(), body);
        let RawBody(bytes) = RawBody::from_request(request, &self.state).await?;
        let run = Run {
            key: digest_parts(&[
                caller.organization.as_str().as_bytes(),
                subject(&caller).as_bytes(),
                parts.method.as_str().as_bytes(),
                parts.uri.to_string().as_bytes(),
                name.as_bytes(),
            ]),
            request: digest_parts(&[&bytes]),
            holder: entropy::bytes(),
            organization: caller.organization,
            gate: self,
        };
        match run.claim().await? {
            Claim::Answered(reply) => Ok(reply),
            Claim::Ours(minted) => {
                parts.extensions.insert(minted);
                let request = Request::from_parts(parts, Body::from(bytes));
                run.go(request, next).await
            }
        }
    }
}

/// How the wait for a claim ended.
enum Claim {
    Ours(Minted),
    Answered(Response),
}

impl Run {
    /// Claims the key, or waits for the reply of the run that has it.
    async fn claim(&self) -> Result<Claim, ApiError> {
        let end = Instant::now() + WAIT;
        let [mut pause, longest] = PAUSES;
        let claim = NewClaim {
            key: &self.key,
            request: &self.request,
            holder: &self.holder,
            seed: Minted::fresh().seed(),
            lease: LEASE,
            kept: KEPT,
        };
        loop {
            let claimed = self.gate.state.store.claim_idempotency_key(&claim).await;
            match claimed.map_err(|error| failure::store(&error))? {
                Claimed::Ours(seed) => return Ok(Claim::Ours(seed.into())),
                Claimed::Answered(sealed) => {
                    let opened = reply::open(&self.gate.state.config.keys, self.place(), &sealed);
                    let opened = opened.map_err(|error| ApiError::internal(&error))?;
                    return Ok(Claim::Answered(opened));
                }
                Claimed::OtherRequest => {
                    let detail = "this idempotency key was used for a different request";
                    return Err(ApiError::conflict("idempotency_conflict", detail));
                }
                Claimed::Running if Instant::now() < end => sleep(pause).await,
                Claimed::Running => {
                    metric::Counter::LimitReached.add(1, &[("limit", "idempotency_wait")]);
                    let detail = "The same request is still running, try again later.";
                    return Err(ApiError::unavailable(detail));
                }
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Runs the request to its end, even when the caller goes away in the middle.
    async fn go(self, request: Request, next: Next) -> Result<Response, ApiError> {
        let shutdown = self.gate.shutdown.clone();
        let work = async move {
            let response = tokio::select! {
                response = next.run(request) => response,
                never = self.renew() => never,
            };
            self.settle(response).await
        };
        let task = shutdown.spawn("idempotent request", work.in_current_span());
        task.await.map_err(|_panic| ApiError::server_error())
    }

    async fn renew(&self) -> Response {
        loop {
            sleep(RENEWAL).await;
            let store = &self.gate.state.store;
            let renewed = store.renew_idempotency_lease(&self.key, &self.holder, LEASE);
            note("renewed", renewed.await);
        }
    }

    async fn settle(&self, response: Response) -> Response {
        let store = &self.gate.state.store;
        let status = response.status();
        if !status.is_success() {
            let ended = if status.is_client_error() {
                store.forget_idempotency_key(&self.key, &self.holder).await
            } else {
                store.release_idempotency_key(&self.key, &self.holder).await
            };
            note("ended", ended);
            return response;
        }
        let keys = &self.gate.state.config.keys;
        let Ok((response, sealed)) = reply::seal(keys, self.place(), response).await else {
            return ApiError::server_error().into_response();
        };
        let stored = store.answer_idempotency_key(&self.key, &self.request, &sealed);
        match stored.await {
            // Another run was faster: everybody gets the same reply.
            Ok(Some(other)) if other != sealed => {
                reply::open(keys, self.place(), &other).unwrap_or(response)
            }
            stored => {
                note("answered", stored.map(drop));
                response
            }
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            organization: &self.organization,
            key: &self.key,
        }
    }
}

/// What was not written heals by itself: the lease ends, and the request repeats with its seed.
fn note(what: &'static str, result: Result<(), posthorn_store::StoreError>) {
    if let Err(error) = result {
        let reason = posthorn_chassis::error_chain::chain(&error);
        tracing::warn!(reason, what, "idempotency claim not changed");
    }
}

/// Who of the organisation calls, and what they may do: replies may hold secrets.
fn subject(caller: &Caller) -> String {
    match &caller.scope {
        Scope::Organization => caller.organization.to_string(),
        Scope::Application(id) => format!("{id} {}", caller.grant),
    }
}

fn key_of(request: &Request) -> Option<String> {
    let route = request.extensions().get::<MatchedPath>();
    let reads = route.is_some_and(|route| capability::only_reads(route.as_str()));
    if request.method() != Method::POST || reads {
        return None;
    }
    let headers: &HeaderMap = request.headers();
    let key = headers.get(HEADER)?.to_str().ok()?;
    (!key.is_empty()).then(|| key.to_owned())
}
