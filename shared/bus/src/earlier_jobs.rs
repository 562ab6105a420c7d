//! Jobs of builds for which JOBS was one stream.
//!
//! In an upgrade, fanouts of such a build still put jobs there while senders of this one run, and nobody
//! else reads them any more. The owner of a partition brings its jobs over to where it takes them from.

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use async_nats::jetstream::{Error, ErrorCode};
use posthorn_event_schema::subject;

use crate::{Bus, BusError};

/// The stream that JOBS was.
const STREAM: &str = "JOBS";
const DOING: &str = "bring over jobs of an earlier build";

/// The stream that JOBS was, which a server has that was there before this build.
#[derive(Debug, Clone)]
pub struct EarlierJobs {
    bus: Bus,
    stream: Stream<()>,
}

impl Bus {
    /// The stream that JOBS was; `None` on a server that has none.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn earlier_jobs(&self) -> Result<Option<EarlierJobs>, BusError> {
        match self.jetstream.get_stream(STREAM).await {
            Ok(_there) => {}
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) if is_absence(&error) => return Ok(None),
                _ => return Err(BusError::request(DOING)(error)),
            },
        }
        let stream = self.jetstream.get_stream_no_info(STREAM).await;
        Ok(Some(EarlierJobs {
            bus: self.clone(),
            stream: stream.map_err(BusError::request(DOING))?,
        }))
    }
}

impl EarlierJobs {
    /// Brings over all jobs of such a subject, which names their partition: one that jobs have now. For the
    /// partition's owner alone, once whoever had it before has ended. Returns how many messages there were.
    ///
    /// *Guarantee*: a message is deleted there only once it is stored here, under the same id.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer or is full; what is not brought over stays.
    pub async fn bring_over(&self, subject: &str) -> Result<u64, BusError> {
        let Some(earlier) = subject::earlier_job(subject) else {
            return Ok(0);
        };
        let (mut from, mut moved) = (1, 0);
        while let Some(message) = self.next(&earlier, from).await? {
            from = message.sequence + 1;
            let sequence = message.sequence;
            if let Some(subject) = subject::job_of_earlier(&message.subject) {
                self.publish(subject, message).await?;
                self.bus.delete_from(STREAM, sequence, DOING).await?;
                moved += 1;
            }
        }
        Ok(moved)
    }

    async fn next(&self, filter: &str, from: u64) -> Result<Option<StreamMessage>, BusError> {
        let found = self.stream.get_first_raw_message_by_subject(filter, from);
        match found.await {
            Ok(message) => Ok(Some(message)),
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                // Its operator has removed it meanwhile.
                RawMessageErrorKind::JetStream(error) if is_absence(&error) => Ok(None),
                _ => Err(BusError::request(DOING)(error)),
            },
        }
    }

    /// With its headers: the id, and the trace.
    async fn publish(&self, subject: String, message: StreamMessage) -> Result<(), BusError> {
        let same = PublishMessage::build()
            .headers(message.headers)
            .payload(message.payload);
        let failed = BusError::request(DOING);
        let sent = async { self.bus.send_message(subject, same).await?.stored().await };
        sent.await.map(drop).map_err(failed)
    }
}

fn is_absence(error: &Error) -> bool {
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
}
