//! Typed publishes. Each returns once the server has stored the message.

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures::future::try_join_all;
use posthorn_event_schema::subject::{self, WaitingSubject};
use posthorn_event_schema::{DeliveryJob, Event, Outcome};
use tracing::Instrument;

use crate::{Bus, PublishError, trace_context};

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

    /// Publishes deliveries on JOBS: all are sent before the first ack is awaited.
    ///
    /// *Guarantee*: after `Ok` each of them will be attempted. After an error some may be stored;
    /// publishing all of them again is safe.
    ///
    /// # Errors
    /// The first [`PublishError`] met.
    pub async fn publish_jobs<'a>(
        &self,
        jobs: impl IntoIterator<Item = &'a DeliveryJob>,
    ) -> Result<(), PublishError> {
        try_join_all(jobs.into_iter().map(|job| self.publish_job(job)))
            .await
            .map(drop)
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
        let subject = subject::job(&job.meta.endpoint);
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

    /// Publishes a record for history on OUTCOMES.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_outcome(&self, outcome: &Outcome) -> Result<Stored, PublishError> {
        let subject = subject::outcome(outcome);
        self.send(subject, outcome.dedup_id(), outcome.encode())
            .await?
            .stored()
            .await
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

    async fn send_message(
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
