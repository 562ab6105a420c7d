//! The door for producers that want an answer: requests on `posthorn.publish.<app>`.
//!
//! The answer is `{"id":"…","duplicate":false}` once the event is stored, or
//! `{"error":{"code":"…","detail":"…"}}` with the header `Nats-Service-Error-Code`.
//! Refused input is kept in REJECTED as well.
//!
//! Beyond so many requests at a time the answer is `unavailable`, at once: a request that waited for
//! its turn would be worked on after its caller has given up.

use std::sync::Arc;

use bytes::Bytes;
use posthorn_bus::requests::{Request, Requests, headers};
use posthorn_bus::{Bus, BusError, trace_context};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{clock, entropy, metric};
use posthorn_event_schema::{Door, EventId, OrganizationId, Timestamp};
use serde::Serialize;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::accept::{self, Accepted, Acceptor};
use crate::applications::Applications;
use crate::candidate::Identity;
use crate::nats_event::{
    self, APPLICATION_HEADER, Input, KEY_HEADER, NATS_KEY_HEADER, ORGANIZATION_HEADER, Refusal,
};
use crate::rejection;

/// All ingest processes share the requests.
pub(crate) const QUEUE_GROUP: &str = "ingest";

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    duplicate: bool,
}

#[derive(Serialize)]
struct ErrorAnswer<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    detail: &'a str,
}

/// The door's parts.
pub(crate) struct RequestDoor {
    pub(crate) bus: Bus,
    pub(crate) acceptor: Acceptor,
    pub(crate) applications: Applications,
    pub(crate) organization: OrganizationId,
    pub(crate) in_flight: usize,
}

impl RequestDoor {
    /// Serves the door until shutdown; requests in flight are answered under the drain.
    ///
    /// # Errors
    /// [`BusError::Closed`] when no request can come any more.
    pub(crate) async fn serve(
        self,
        mut requests: Requests,
        shutdown: Shutdown,
    ) -> Result<(), BusError> {
        let permits = Arc::new(Semaphore::new(self.in_flight));
        let door = Arc::new(self);
        loop {
            let request = tokio::select! {
                request = requests.next() => request.ok_or(BusError::Closed)?,
                () = shutdown.requested() => break,
            };
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                answer_busy(&request).await;
                continue;
            };
            let door = Arc::clone(&door);
            shutdown.spawn("publish request", async move {
                door.handle(request).await;
                drop(permit);
            });
        }
        requests.stop().await;
        Ok(())
    }

    async fn handle(&self, request: Request) {
        let span = tracing::info_span!(
            "process",
            otel.name = "process publish",
            otel.kind = "server",
            messaging.system = "nats",
            messaging.destination.name = "publish",
            posthorn.event.id = tracing::field::Empty,
        );
        trace_context::adopt(&span, request.headers());
        self.answer(&request).instrument(span).await;
    }

    async fn answer(&self, request: &Request) {
        let input = Input {
            subject: request.subject(),
            payload: request.payload(),
            application: request.header(APPLICATION_HEADER),
            organization: request.header(ORGANIZATION_HEADER),
            key: request
                .header(KEY_HEADER)
                .or_else(|| request.header(NATS_KEY_HEADER)),
        };
        match self.accept(input).await {
            Ok(accepted) => {
                accept::count("nats", "accepted");
                let id = accepted.event.meta.id.as_str();
                let body = to_json(&Answer {
                    id,
                    duplicate: accepted.duplicate,
                });
                request.answer(headers(&[]), body).await;
            }
            Err(refusal) => self.refuse(request, input, &refusal).await,
        }
    }

    async fn refuse(&self, request: &Request, input: Input<'_>, refusal: &Refusal) {
        accept::count(
            "nats",
            if refusal.is_transient() {
                "unavailable"
            } else {
                "rejected"
            },
        );
        let detail = refusal.detail();
        answer_error(request, refusal.status(), refusal.code(), &detail).await;
        if refusal.is_transient() {
            return;
        }
        let kept = rejection::reject(&self.bus, Door::NatsRequest, input, refusal).await;
        if let Err(error) = kept {
            // The producer has its answer; only the copy for the operator is missing.
            tracing::warn!(error = %error, "rejection not stored");
        }
    }

    async fn accept(&self, input: Input<'_>) -> Result<Accepted, Refusal> {
        let parsed = nats_event::parse_request(input, &self.organization)?;
        let found = self
            .applications
            .find(&parsed.organization, &parsed.application)
            .await;
        let application = found
            .map_err(|behind| Refusal::Accept(behind.into()))?
            .ok_or(Refusal::UnknownApplication(parsed.application))?;
        let now = Timestamp::from_unix_micros(clock::unix_micros());
        let id = match parsed.candidate.chosen_id() {
            Some(id) => id.clone(),
            None => EventId::generate_native(now, entropy::bytes()),
        };
        tracing::Span::current().record("posthorn.event.id", id.as_str());
        let fresh = Identity {
            id,
            accepted_at: now,
        };
        let accepted = self
            .acceptor
            .accept(&application, parsed.candidate, &parsed.keys, fresh)
            .await;
        accepted.map_err(Refusal::Accept)
    }
}

async fn answer_busy(request: &Request) {
    metric::Counter::LimitReached.add(1, &[("limit", "ingest_in_flight")]);
    accept::count("nats", "unavailable");
    let detail = "too many requests at a time, try again later";
    answer_error(request, 503, "unavailable", detail).await;
}

async fn answer_error(request: &Request, status: u16, code: &str, detail: &str) {
    let body = to_json(&ErrorAnswer {
        error: ErrorBody { code, detail },
    });
    let status = status.to_string();
    // The header of NATS' own service errors, so that service clients see an error.
    let headers = headers(&[
        ("Nats-Service-Error-Code", status.as_str()),
        ("Nats-Service-Error", code),
    ]);
    request.answer(headers, body).await;
}

fn to_json(answer: &impl Serialize) -> Bytes {
    // Strings and a boolean are always representable.
    serde_json::to_vec(answer)
        .map(Bytes::from)
        .unwrap_or_default()
}
