//! Typed publishes. Each returns once the server has stored the message.

use async_nats::HeaderMap;
use async_nats::header::{NATS_SCHEDULE, NATS_SCHEDULE_TARGET};
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use posthorn_chassis::metric;
use posthorn_event_schema::subject::{self, WaitingSubject};
use posthorn_event_schema::{DeliveryJob, Event, Timestamp};
use tracing::Instrument;

use crate::{Bus, NotStored, PublishError, trace_context};

/// Jobs of one event that are on their way at a time. *Source*: 256 pipelined publishes come within
/// a fifth of the highest rate measured.
const JOBS_IN_FLIGHT: usize = 256;
/// Bytes of jobs on their way at a time, in a process: each job is a copy of its event's body.
pub(crate) const JOB_BYTES_IN_FLIGHT: usize = 64 * 1024 * 1024;
/// What a job has beside its body, about, in bytes.
const JOB_METADATA: usize = 1024;

/// What the server answered to a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The message's place in its stream.
    pub sequence: u64,
    /// The stream had it already; nothing new was stored.
    pub duplicate: bool,
}

impl Bus {
    /// Publishes an accepted event on EVENTS.
    ///
    /// *Guarantee*: after `Ok` the event will be fanned out, whatever dies next.
    ///
    /// # Errors
    /// See [`PublishError`]; after an error the event may still be stored, and publishing it again
    /// is safe.
    pub async fn publish_event(&self, event: &Event) -> Result<Stored, PublishError> {
        let span = tracing::info_span!(
            "send",
            otel.name = "send events",
            otel.kind = "producer",
            messaging.system = "nats",
            messaging.destination.name = "events",
            posthorn.event.id = %event.meta.id,
        );
        let subject = subject::event(&event.meta.application);
        let sent = async {
            self.send(subject, event.dedup_id(), event.encode())
                .await?
                .stored()
                .await
        };
        sent.instrument(span).await
    }

    /// Puts an event off until `at`: it then comes out of SCHEDULED, at most some tenths of a second
    /// late (measured: 0.02 to 0.4 s), and maybe more than once after a crash of the server.
    ///
    /// *Guarantee*: after `Ok` the event will be fanned out, whatever dies next.
    ///
    /// # Errors
    /// See [`PublishError`]; publishing it again is safe.
    pub async fn publish_scheduled(
        &self,
        event: &Event,
        at: Timestamp,
    ) -> Result<Stored, PublishError> {
        let mut headers = HeaderMap::new();
        trace_context::inject(&mut headers);
        let target = subject::scheduled_due(&event.meta.application);
        headers.insert(NATS_SCHEDULE, format!("@at {}", at.to_rfc3339_micros()));
        headers.insert(NATS_SCHEDULE_TARGET, target);
        let message = PublishMessage::build()
            .headers(headers)
            .payload(event.encode())
            .message_id(event.dedup_id());
        let subject = subject::scheduled_wait(&event.meta.application, &event.meta.id);
        self.send_message(subject, message).await?.stored().await
    }

    /// Publishes deliveries on JOBS, pipelined within bounds of number and, over all callers, bytes;
    /// shown by `a_fan_out_holds_few_of_its_jobs_in_memory_at_a_time`.
    ///
    /// *Guarantee*: after `Ok` each of them will be attempted, and after an error each that the
    /// error does not name. Publishing the others again is safe.
    ///
    /// # Errors
    /// [`NotStored`] with the jobs whose ack did not come. After a first failure no further job is
    /// begun, so that a server that is away costs one time-out and not one per job.
    pub async fn publish_jobs(&self, jobs: Vec<DeliveryJob>) -> Result<(), NotStored> {
        let mut to_come = jobs.into_iter();
        let mut under_way = FuturesUnordered::new();
        let mut failed = Vec::new();
        let mut first_cause = None;
        loop {
            while first_cause.is_none() && under_way.len() < JOBS_IN_FLIGHT {
                let Some(job) = to_come.next() else { break };
                under_way.push(self.publish_within_budget(job));
            }
            match under_way.next().await {
                Some(Ok(())) => {}
                Some(Err((job, cause))) => {
                    failed.push(job);
                    first_cause.get_or_insert(cause);
                }
                None => break,
            }
        }
        let Some(cause) = first_cause else {
            return Ok(());
        };
        failed.extend(to_come);
        Err(NotStored {
            jobs: failed,
            cause,
        })
    }

    async fn publish_within_budget(
        &self,
        job: DeliveryJob,
    ) -> Result<(), (DeliveryJob, PublishError)> {
        let size = (job.body.len() + JOB_METADATA).min(JOB_BYTES_IN_FLIGHT);
        let share = u32::try_from(size).unwrap_or(u32::MAX);
        // Until the ack: a copy of the bytes may wait in the connection's buffer as long as that.
        let _share = match self.job_bytes.try_acquire_many(share) {
            Ok(free) => Some(free),
            Err(_none_free) => {
                metric::Counter::LimitReached.add(1, &[("limit", "job_bytes_in_flight")]);
                // Never closed; if it were, there would merely be no bound.
                self.job_bytes.acquire_many(share).await.ok()
            }
        };
        match self.publish_job(&job).await {
            Ok(_stored) => Ok(()),
            Err(cause) => Err((job, cause)),
        }
    }

    /// Publishes one delivery on JOBS.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_job(&self, job: &DeliveryJob) -> Result<Stored, PublishError> {
        let span = tracing::info_span!(
            "send",
            otel.name = "send jobs",
            otel.kind = "producer",
            messaging.system = "nats",
            messaging.destination.name = "jobs",
            posthorn.delivery.id = %job.meta.delivery,
            posthorn.endpoint.id = %job.meta.endpoint,
        );
        let subject = subject::job(&job.meta.endpoint, job.meta.line);
        let sent = async {
            self.send(subject, job.meta.dedup_id(), job.encode())
                .await?
                .stored()
                .await
        };
        sent.instrument(span).await
    }

    /// Puts a delivery at the end of a lane of the waiting room.
    ///
    /// *Guarantee*: after `Ok` the owner of its partition will attempt it once it is due.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_waiting(
        &self,
        lane: &WaitingSubject,
        job: &DeliveryJob,
    ) -> Result<Stored, PublishError> {
        let sent = self
            .send(lane.to_string(), job.meta.dedup_id(), job.encode())
            .await?;
        sent.stored().await
    }

    pub(crate) async fn send(
        &self,
        subject: String,
        dedup_id: String,
        payload: Bytes,
    ) -> Result<Sent, PublishError> {
        let mut headers = HeaderMap::new();
        trace_context::inject(&mut headers);
        let message = PublishMessage::build().headers(headers).payload(payload);
        self.send_message(subject, message.message_id(dedup_id))
            .await
    }

    /// As [`Bus::send`], without the trace's headers: their size is the producer's choice.
    pub(crate) async fn send_bare(
        &self,
        subject: String,
        dedup_id: String,
        payload: Bytes,
    ) -> Result<Sent, PublishError> {
        let message = PublishMessage::build().payload(payload);
        self.send_message(subject, message.message_id(dedup_id))
            .await
    }

    pub(crate) async fn send_message(
        &self,
        subject: String,
        message: PublishMessage,
    ) -> Result<Sent, PublishError> {
        let ack = self.jetstream.send_publish(subject, message).await;
        ack.map(Sent).map_err(PublishError::from_nats)
    }
}

/// A message on its way; its ack is still to come.
pub(crate) struct Sent(PublishAckFuture);

impl Sent {
    pub(crate) async fn stored(self) -> Result<Stored, PublishError> {
        let ack = self.0.await.map_err(PublishError::from_nats)?;
        Ok(Stored {
            sequence: ack.sequence,
            duplicate: ack.duplicate,
        })
    }
}
