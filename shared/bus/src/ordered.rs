//! JOBS as the owner of a partition sees it for an endpoint that keeps an order: read as it stands in
//! the stream, whatever was handed out to whom.
//!
//! All of it is answered by the stream's leader, so nothing that is stored is missed.

use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{RawMessageError, RawMessageErrorKind};
use async_nats::{HeaderMap, jetstream};
use bytes::Bytes;
use posthorn_event_schema::batch::Part;
use posthorn_event_schema::{FrameError, Partition, Timestamp};
use serde_json::json;

use crate::consumer::parts;
use crate::topology::{Reader, Stream};
use crate::{Bus, BusError};

/// One or several jobs of an endpoint, as a message of the stream.
#[derive(Debug, Clone)]
pub struct StoredJob {
    /// Its place in its stream of JOBS.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    payload: Bytes,
    headers: HeaderMap,
}

impl StoredJob {
    /// The frames of its deliveries, each with its trace, in the order of their events.
    ///
    /// # Errors
    /// When it is a batch that this build cannot read.
    pub fn parts(&self) -> Result<Vec<Part>, FrameError> {
        parts(&self.payload, Some(&self.headers))
    }
}

/// How far fan-out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FannedOut {
    /// The place in EVENTS up to which every event has been fanned out.
    pub to: u64,
    /// When this count of places began: those of older events mean nothing.
    pub since: Timestamp,
}

const DOING: &str = "read jobs in order";

fn stored(found: Result<StreamMessage, RawMessageError>) -> Result<Option<StoredJob>, BusError> {
    match found {
        Ok(message) => Ok(Some(StoredJob {
            sequence: message.sequence,
            subject: message.subject.to_string(),
            payload: message.payload,
            headers: message.headers,
        })),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(BusError::request(DOING)(error)),
    }
}

impl Bus {
    /// How far fan-out is: whatever an event up to there led to was stored before this was asked.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn fanned_out(&self) -> Result<FannedOut, BusError> {
        let doing = "ask how far fan-out is";
        let reader = Reader::Fanout;
        let subject = format!("CONSUMER.INFO.{}.{}", reader.stream().name(), reader.name());
        let answer: Result<Response<Info>, _> = self.jetstream.request(subject, &json!({})).await;
        match answer.map_err(BusError::request(doing))? {
            Response::Ok(info) => Ok(FannedOut {
                to: info.ack_floor.stream_sequence,
                since: info.created.into(),
            }),
            Response::Err { error } => Err(BusError::request(doing)(error)),
        }
    }

    /// The first job with such a subject at or after a place in the partition's stream of JOBS; `None` when
    /// there is none.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn next_job(
        &self,
        partition: Partition,
        subject: &str,
        from: u64,
    ) -> Result<Option<StoredJob>, BusError> {
        let jobs = self.jobs(partition).await?;
        stored(
            jobs.get_first_raw_message_by_subject(subject, from.max(1))
                .await,
        )
    }

    /// The job at this place in the partition's stream of JOBS; `None` when it is not there any more.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn job_at(
        &self,
        partition: Partition,
        sequence: u64,
    ) -> Result<Option<StoredJob>, BusError> {
        stored(self.jobs(partition).await?.get_raw_message(sequence).await)
    }

    async fn jobs(&self, partition: Partition) -> Result<jetstream::stream::Stream<()>, BusError> {
        let stream = Stream::jobs_of(partition).name();
        let jobs = self.jetstream.get_stream_no_info(stream).await;
        jobs.map_err(BusError::request(DOING))
    }

    /// Deletes a job that is stored elsewhere now, without its having been handed out.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn delete_job(&self, partition: Partition, sequence: u64) -> Result<(), BusError> {
        let stream = Stream::jobs_of(partition);
        self.delete(stream, sequence, "delete a job").await
    }
}
