//! One attempt of a delivery, from the endpoint's look-up to everything that follows being stored.
//!
//! The order on failure: the next attempt goes into WAITING, then the record into OUTCOMES, and
//! only then may the caller ack the job or delete the waiting delivery. A crash in between repeats
//! a request, and never loses one.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::snapshot::Snapshot;
use posthorn_bus::{Bus, PublishError};
use posthorn_chassis::{clock, error_chain, metric, telemetry};
use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{
    ApplicationId, CancelReason, DeliveryCancelled, DeliveryJob, EndpointId, EndpointSnapshot,
    Outcome, Progress, SchemaVersion, Timestamp, Trigger,
};
use tracing::{Instrument, Span};

use crate::answer::{Answer, Timed};
use crate::authorized::Authorized;
use crate::classify;
use crate::client::Client;
use crate::clients::Clients;
use crate::endpoint::Endpoints;
use crate::follow_up::{self, FollowUp};
use crate::lanes::{Finish, Lesson};
use crate::lease::Term;
use crate::receiver::Receiver;
use crate::record;
use crate::request::{self, DeliveryRequest, Style};
use crate::retry::{self, Decision, RetrySchedule};
use crate::store::until_stored;
use crate::token::OAuth;
use crate::tokens::Tokens;
use crate::withdrawn::Withdrawn;

/// Pause before a delivery that we cannot attempt for a reason of our own is looked at again.
pub(crate) const OUR_FAILURE_PAUSE: Duration = Duration::from_secs(5);
/// How long an endpoint that looks gone waits for the snapshot to catch up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an attempt needs. Clones share it.
#[derive(Clone)]
pub struct Attempts {
    /// Where outcomes go.
    pub bus: Bus,
    /// Who the endpoints are.
    pub snapshot: Snapshot,
    /// The endpoints ready to be sent to.
    pub endpoints: Arc<Endpoints>,
    /// Send requests.
    pub clients: Arc<Clients>,
    /// The tokens that endpoints want to see.
    pub tokens: Arc<Tokens>,
    /// What all requests have in common.
    pub style: Arc<Style>,
    /// The waits of endpoints that have none of their own.
    pub schedule: Arc<RetrySchedule>,
    /// The endpoints that want no further request.
    pub withdrawn: Arc<Withdrawn>,
}

/// How an attempt ended for the caller. Everything that follows from it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// The next attempt was put into a lane, where it is due at this time.
    pub placed: Option<(Lane, Timestamp)>,
    /// What it means for the endpoint's other deliveries.
    pub finish: Finish,
    /// How many deliveries a second the endpoint may get, if that was seen.
    pub rate: Option<Option<u16>>,
}

/// A failure of our own, or an endpoint that is about to be disabled: no attempt was spent, and the
/// delivery must be kept as it is.
///
/// It is not waited for here, where it would hold a place in flight and the partition's hand-over:
/// the owner holds the endpoint back for a while and then tries anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept;

/// What the look-up of a delivery's receiver came to.
enum Target {
    Ready(Receiver),
    Cancel(CancelReason),
}

impl Attempts {
    /// Makes the delivery's next attempt, or ends the delivery without one. Nothing is sent once the
    /// term has ended in which its partition was claimed.
    ///
    /// *Guarantee*: after `Ok`, what follows is stored, and the job may be acked or the waiting
    /// delivery deleted. Shown by `killing_each_service_under_load_loses_nothing`.
    ///
    /// # Errors
    /// [`Kept`] when a failure of our own prevents it.
    pub(crate) async fn run(&self, job: &DeliveryJob, term: &Term) -> Result<Ended, Kept> {
        let target = self.target(job).await?;
        if !term.is_valid() {
            return Err(Kept);
        }
        match target {
            Target::Ready(receiver) => self.attempt(job, &receiver, term).await,
            Target::Cancel(reason) => self.cancel(job, reason).await,
        }
    }

    async fn target(&self, job: &DeliveryJob) -> Result<Target, Kept> {
        let meta = &job.meta;
        if let Some(reason) = follow_up::too_late(meta, now()) {
            return Ok(Target::Cancel(reason));
        }
        if let Some(url) = &meta.callback {
            return Ok(Target::Ready(Receiver::Callback(url.clone())));
        }
        let Some(snapshot) = self.look_up(job).await? else {
            self.endpoints.forget(&meta.endpoint);
            return Ok(Target::Cancel(CancelReason::EndpointDeleted));
        };
        if snapshot.disabled {
            return Ok(Target::Cancel(CancelReason::EndpointDisabled));
        }
        if is_called_off(job, &snapshot) {
            return Ok(Target::Cancel(CancelReason::Requested));
        }
        if self.withdrawn.stands(&snapshot, now()) {
            return Err(Kept);
        }
        match self.endpoints.get(&snapshot, now()) {
            Ok(prepared) => Ok(Target::Ready(Receiver::Endpoint(snapshot, prepared))),
            Err(error) => {
                let reason = error_chain::chain(&error);
                tracing::error!(
                    posthorn.endpoint.id = %meta.endpoint,
                    reason,
                    "endpoint cannot be prepared, its deliveries are kept"
                );
                Err(Kept)
            }
        }
    }

    /// How many deliveries a second an endpoint may get; `None` = as many as there are.
    pub(crate) fn rate(&self, application: &ApplicationId, endpoint: &EndpointId) -> Option<u16> {
        self.snapshot.endpoint(application, endpoint)?.throttle_rate
    }

    /// The endpoint's entry. One that is missing may have been created a moment ago, so its
    /// absence counts only in a snapshot that has caught up.
    async fn look_up(&self, job: &DeliveryJob) -> Result<Option<Arc<EndpointSnapshot>>, Kept> {
        let find = || {
            self.snapshot
                .endpoint(&job.meta.application, &job.meta.endpoint)
        };
        if let Some(found) = find() {
            return Ok(Some(found));
        }
        match self.snapshot.catch_up(PATIENCE).await {
            Ok(()) => Ok(find()),
            Err(error) => {
                tracing::warn!(error = %error, "snapshot cannot catch up, deliveries are kept");
                Err(Kept)
            }
        }
    }

    async fn attempt(
        &self,
        job: &DeliveryJob,
        receiver: &Receiver,
        term: &Term,
    ) -> Result<Ended, Kept> {
        let client = self.client(receiver)?;
        let started_at = now();
        let request = match receiver {
            Receiver::Endpoint(_, prepared) => {
                request::build(&self.style, prepared, job, started_at)
            }
            Receiver::Callback(url) => request::build_callback(&self.style, url, &job.body),
        };
        let timed = match request {
            Ok(request) => self.post(job, receiver, &client, request).await?,
            Err(words) => Timed::not_sent(words),
        };
        if classify::failure(&timed.answer).is_some() && !term.is_valid() {
            // Whoever owns the partition now makes this attempt and decides what follows.
            return Err(Kept);
        }
        let ended_at = now();
        let FollowUp {
            decision,
            hold_until,
            disabling,
        } = self.follow_up(job, receiver, &timed.answer, ended_at);
        let progress = match decision {
            None => Progress::Delivered,
            Some(Decision::Retry { at, .. }) => Progress::Waiting {
                next_attempt_at: at,
            },
            Some(Decision::Expired { at }) => Progress::Waiting {
                next_attempt_at: at,
            },
            Some(Decision::Exhausted) => Progress::Exhausted,
        };
        if let Some(snapshot) = receiver.snapshot().filter(|_| disabling) {
            self.withdrawn.note(snapshot, ended_at);
        }
        let lesson = Lesson {
            sign: classify::sign(&timed.answer),
            started_at,
            took: timed.took,
        };
        let record = record::of(job, receiver, started_at, timed, progress);
        record::count(&record, ended_at.since(job.meta.starts_at()));
        let placed = match decision {
            Some(Decision::Retry { at, lane }) => Some(self.place(job, lane, at).await?),
            Some(Decision::Expired { .. } | Decision::Exhausted) | None => None,
        };
        self.store(Outcome::Attempt(record)).await?;
        if let Some(Decision::Expired { .. }) = decision {
            self.cancel(job, CancelReason::Expired).await?;
        }
        Ok(Ended {
            placed,
            finish: Finish {
                lesson,
                hold_until,
                kept: false,
            },
            rate: Some(receiver.rate()),
        })
    }

    /// The client whose connections the receiver may be asked on.
    fn client(&self, receiver: &Receiver) -> Result<Arc<Client>, Kept> {
        self.clients.get(receiver.tls()).map_err(|error| {
            tracing::error!(
                posthorn.endpoint.id = receiver.snapshot().map(|endpoint| endpoint.id.as_str()),
                error = %error,
                "TLS of an endpoint cannot be set up, its deliveries are kept"
            );
            Kept
        })
    }

    fn authorized<'a>(&'a self, client: &'a Client, oauth: &'a OAuth) -> Authorized<'a> {
        Authorized {
            client,
            tokens: &self.tokens,
            oauth,
            user_agent: &self.style.user_agent,
        }
    }

    async fn post(
        &self,
        job: &DeliveryJob,
        receiver: &Receiver,
        client: &Client,
        request: DeliveryRequest,
    ) -> Result<Timed, Kept> {
        let span = post_span(job, &request);
        let exchange = async {
            match receiver.oauth() {
                None => client.post(request).await,
                Some(oauth) => self.authorized(client, oauth).post(request).await,
            }
        };
        let timed = exchange.instrument(span.clone()).await.map_err(|error| {
            tracing::error!(error = %error, "no way out, the delivery is kept");
            Kept
        })?;
        if let Answer::Http { status, .. } = &timed.answer {
            span.record("http.response.status_code", status);
        }
        if let Some(class) = classify::failure(&timed.answer) {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", class.as_str());
        }
        Ok(timed)
    }

    /// What follows from the answer, by the schedule that applies to the delivery.
    fn follow_up(
        &self,
        job: &DeliveryJob,
        receiver: &Receiver,
        answer: &Answer,
        ended_at: Timestamp,
    ) -> FollowUp {
        let meta = &job.meta;
        let of_type = self
            .snapshot
            .retry_waits(&meta.organization, &meta.event_type)
            .map(|waits| RetrySchedule::from_millis(&waits));
        let schedule = retry::applicable(receiver.schedule(), of_type.as_ref(), &self.schedule);
        follow_up::of(meta, schedule, answer, ended_at)
    }

    /// Puts the next attempt into its lane of the waiting room.
    async fn place(
        &self,
        job: &DeliveryJob,
        lane: Lane,
        due: Timestamp,
    ) -> Result<(Lane, Timestamp), Kept> {
        let mut next = job.clone();
        next.meta.attempt = job.meta.attempt.next();
        next.meta.not_before = due;
        let subject = WaitingSubject {
            lane,
            endpoint: job.meta.endpoint.clone(),
        };
        let stored = until_stored(|| self.bus.publish_waiting(&subject, &next)).await;
        stored.map(|_| (lane, due)).map_err(|error| keep(&error))
    }

    async fn store(&self, outcome: Outcome) -> Result<(), Kept> {
        let stored = until_stored(|| self.bus.publish_outcome(&outcome)).await;
        stored.map_err(|error| keep(&error))
    }

    /// Ends the delivery without a request, with the reason in history.
    async fn cancel(&self, job: &DeliveryJob, reason: CancelReason) -> Result<Ended, Kept> {
        let meta = &job.meta;
        tracing::info!(
            posthorn.delivery.id = %meta.delivery,
            reason = reason.as_str(),
            "delivery cancelled"
        );
        metric::Counter::Attempts.add(1, &[("outcome", "cancelled")]);
        self.store(Outcome::Cancelled(DeliveryCancelled {
            version: SchemaVersion,
            delivery: meta.delivery.clone(),
            event: meta.event.clone(),
            organization: meta.organization.clone(),
            application: meta.application.clone(),
            endpoint: meta.endpoint.clone(),
            accepted_at: meta.accepted_at,
            at: now(),
            reason,
        }))
        .await?;
        Ok(Ended::default())
    }
}

/// The span of a request. Where nobody takes spans there is none: what is logged meanwhile is about the
/// delivery, whose span says more.
fn post_span(job: &DeliveryJob, request: &DeliveryRequest) -> Span {
    if !telemetry::exports_spans() {
        return Span::none();
    }
    tracing::info_span!(
        "post",
        otel.name = "POST",
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        http.request.method = "POST",
        http.request.resend_count = job.meta.attempt.get() - 1,
        http.response.status_code = tracing::field::Empty,
        server.address = request.url.host_str().unwrap_or_default(),
        server.port = request.url.port_or_known_default().unwrap_or_default(),
        url.scheme = request.url.scheme(),
        error.type = tracing::field::Empty,
    )
}

/// Whether somebody has ended what waited then. What was asked for by hand is not meant: a resend
/// comes after the order and would never arrive.
fn is_called_off(job: &DeliveryJob, snapshot: &EndpointSnapshot) -> bool {
    let meta = &job.meta;
    meta.trigger == Trigger::Scheduled
        && snapshot
            .cancelled_before
            .is_some_and(|before| meta.accepted_at < before)
}

fn keep(error: &PublishError) -> Kept {
    let reason = error_chain::chain(error);
    tracing::error!(reason, "outcome can never be stored, the delivery is kept");
    Kept
}

fn now() -> Timestamp {
    Timestamp::from_unix_micros(clock::unix_micros())
}
