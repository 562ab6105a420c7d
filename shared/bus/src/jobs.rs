//! Deliveries on their way to JOBS.
//!
//! Jobs of one endpoint that come of one message of EVENTS travel in one message, too: with several
//! events in a message, an endpoint that receives them all costs nats-server one message instead of one
//! for each. Whatever makes the jobs makes the same messages of them again, under the same ids, but for jobs that
//! had to wait for an earlier message of their endpoint (`turns`).

mod drafts;
mod turns;

use async_nats::HeaderMap;
use async_nats::jetstream::message::PublishMessage;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use posthorn_chassis::{metric, telemetry};
use posthorn_event_schema::batch::{self, Part};
use posthorn_event_schema::{DeliveryJob, subject};
use tracing::{Instrument, Span};

use self::drafts::{BYTES_TOGETHER, messages, size};
pub(crate) use self::turns::Turns;

use crate::{Bus, PublishError, Stored, trace_context};

/// Messages of jobs that are on their way at a time. *Source*: 256 pipelined publishes come within
/// a fifth of the highest rate measured.
const MESSAGES_IN_FLIGHT: usize = 256;
/// Bytes of jobs on their way at a time, in a process: each job is a copy of its event's body.
pub(crate) const JOB_BYTES_IN_FLIGHT: usize = 64 * 1024 * 1024;

/// A delivery to be stored in JOBS.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What is to be delivered to whom.
    pub job: DeliveryJob,
    /// The span that it follows from.
    pub cause: Span,
    /// It shares no message with what other callers bring: its endpoint wants an order, which a message has only
    /// if all of it came of one message of EVENTS; or it may be stored already, and is known by its message's id.
    pub apart: bool,
}

impl From<DeliveryJob> for NewJob {
    /// A delivery that follows from the current span.
    fn from(job: DeliveryJob) -> Self {
        Self {
            job,
            cause: Span::current(),
            apart: false,
        }
    }
}

/// Deliveries of which some are not known to be stored.
#[derive(Debug, thiserror::Error)]
#[error("{} deliveries were not stored", jobs.len())]
pub struct NotStored {
    /// These; all others are stored.
    pub jobs: Vec<NewJob>,
    /// Why the first of them was not.
    #[source]
    pub cause: PublishError,
}

impl Bus {
    /// Publishes deliveries on JOBS, pipelined within bounds of number and, over all callers, bytes;
    /// shown by `a_fan_out_holds_few_of_its_jobs_in_memory_at_a_time`.
    ///
    /// *Guarantee*: after `Ok` each of them will be attempted, and after an error each that the
    /// error does not name. Publishing the others again is safe: what is stored twice all the same, because it had
    /// shared a message, is recognised by its sender for [`REPEATED_WITHIN`](crate::events::REPEATED_WITHIN).
    ///
    /// # Errors
    /// [`NotStored`] with the jobs whose ack did not come. After a first failure nothing further is
    /// begun but what waits for its turn already, so that a server that is away costs one time-out and not one per job.
    pub async fn publish_jobs(&self, jobs: Vec<NewJob>) -> Result<(), NotStored> {
        let mut to_come = messages(jobs, self.most_job_bytes()).into_iter();
        let mut under_way = FuturesUnordered::new();
        let mut failed = Vec::new();
        let mut first_cause = None;
        loop {
            while first_cause.is_none() && under_way.len() < MESSAGES_IN_FLIGHT {
                let Some(jobs) = to_come.next() else { break };
                under_way.push(self.publish_with_others(jobs));
            }
            match under_way.next().await {
                Some(Ok(())) => {}
                Some(Err((jobs, cause))) => {
                    failed.extend(jobs);
                    first_cause.get_or_insert(cause);
                }
                None => break,
            }
        }
        let Some(cause) = first_cause else {
            return Ok(());
        };
        failed.extend(to_come.flatten());
        // In the order of their events, as they were given, so that they make the same messages.
        failed.sort_by_key(|new| new.job.meta.order_within);
        Err(NotStored {
            jobs: failed,
            cause,
        })
    }

    /// Most bytes of a message with several jobs.
    fn most_job_bytes(&self) -> usize {
        BYTES_TOGETHER.min(self.max_message_bytes() / 4)
    }

    async fn publish_within_budget(&self, jobs: &[&NewJob]) -> Result<(), PublishError> {
        let size: usize = jobs.iter().map(|new| size(new)).sum();
        let share = u32::try_from(size.min(JOB_BYTES_IN_FLIGHT)).unwrap_or(u32::MAX);
        // Until the ack: a copy of the bytes may wait in the connection's buffer as long as that.
        let _share = match self.job_bytes.try_acquire_many(share) {
            Ok(free) => Some(free),
            Err(_none_free) => {
                metric::Counter::LimitReached.add(1, &[("limit", "job_bytes_in_flight")]);
                // Never closed; if it were, there would merely be no bound.
                self.job_bytes.acquire_many(share).await.ok()
            }
        };
        self.publish_message(jobs).await.map(drop)
    }

    /// Publishes one delivery on JOBS.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_job(&self, job: &DeliveryJob) -> Result<Stored, PublishError> {
        let span = send_span(&Span::current(), job);
        let mut headers = HeaderMap::new();
        trace_context::inject_from(&span, &mut headers);
        let message = PublishMessage::build()
            .headers(headers)
            .payload(job.encode())
            .message_id(job.meta.dedup_id());
        let subject = subject::job(&job.meta.endpoint, job.meta.line);
        let sent = async { self.send_message(subject, message).await?.stored().await };
        sent.instrument(span).await
    }

    async fn publish_message(&self, jobs: &[&NewJob]) -> Result<Stored, PublishError> {
        let count = f64::from(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
        metric::Histogram::MessageParts.record(count, &[("stream", "jobs")]);
        if let [NewJob { job, cause, .. }] = jobs {
            return self.publish_job(job).instrument(cause.clone()).await;
        }
        // Each is sent until the message is stored.
        let spans: Vec<Span> = jobs
            .iter()
            .map(|new| send_span(&new.cause, &new.job))
            .collect();
        let part = |(new, span): (&&NewJob, &Span)| Part {
            trace: trace_context::of_span(span),
            frame: new.job.encode(),
        };
        let parts: Vec<Part> = jobs.iter().zip(&spans).map(part).collect();
        let jobs: Vec<&DeliveryJob> = jobs.iter().map(|new| &new.job).collect();
        let message = PublishMessage::build()
            .payload(batch::join(&parts))
            .message_id(DeliveryJob::dedup_id_of(&jobs));
        let subject = subject::job(&jobs[0].meta.endpoint, jobs[0].meta.line);
        self.send_message(subject, message).await?.stored().await
    }
}

/// The span of sending a job, or, where nobody takes spans, what it follows from.
fn send_span(cause: &Span, job: &DeliveryJob) -> Span {
    if !telemetry::exports_spans() {
        return cause.clone();
    }
    tracing::info_span!(
        parent: cause,
        "send",
        otel.name = "send jobs",
        otel.kind = "producer",
        messaging.system = "nats",
        messaging.destination.name = "jobs",
        posthorn.delivery.id = %job.meta.delivery,
        posthorn.endpoint.id = %job.meta.endpoint,
    )
}

/// The delivery of an event of its own, all to one endpoint.
#[cfg(test)]
fn new_job(number: usize) -> NewJob {
    let meta = format!(
        r#"{{"v":1,"delivery":"event_{number}.ep_1","event":"event_{number}","organization":"org_1",
            "application":"app_1","endpoint":"ep_1","type":"a","accepted_at":1,"deadline":2,"attempt":1,
            "trigger":"scheduled","not_before":0}}"#
    );
    let meta: posthorn_event_schema::JobMeta = serde_json::from_str(&meta).unwrap();
    let body = "{}".into();
    DeliveryJob { meta, body }.into()
}
