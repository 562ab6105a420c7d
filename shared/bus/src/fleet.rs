//! How the fleet does, as JetStream sees it: how full the streams are, and how far behind their readers.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::RawMessageErrorKind;
use futures::{StreamExt, TryStreamExt, stream};
use posthorn_event_schema::{Timestamp, subject};
use serde_json::json;

use crate::topology::{Reader, Stream};
use crate::{Bus, BusError};

/// Questions to the server at one time.
const CONCURRENT: usize = 16;
const DOING: &str = "look at the fleet";

/// A stream now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// Which it is.
    pub stream: Stream,
    /// Messages in it.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The most bytes that it takes; `None` = as many as the server has.
    pub max_bytes: Option<u64>,
    /// When its oldest message was stored.
    pub first_at: Option<Timestamp>,
    /// When its newest message was stored.
    pub last_at: Option<Timestamp>,
    /// Its readers.
    pub consumers: usize,
    /// Its copies.
    pub replicas: usize,
}

/// A reader now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderState {
    /// Which it is.
    pub reader: Reader,
    /// Messages that were not handed out yet.
    pub waiting: u64,
    /// Messages that were handed out and are not acked yet.
    pub in_flight: usize,
    /// Messages that were handed out again.
    pub redelivered: usize,
    /// When the oldest message was stored that is not acked.
    pub oldest_at: Option<Timestamp>,
}

/// The server, as the connection knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Its version.
    pub version: String,
    /// The name of its cluster, if it belongs to one.
    pub cluster: Option<String>,
}

impl Bus {
    /// The server that this process is connected to.
    #[must_use]
    pub fn server(&self) -> ServerState {
        let info = self.client.server_info();
        ServerState {
            version: info.version,
            cluster: info.cluster.filter(|name| !name.is_empty()),
        }
    }

    /// Looks at all streams, in the order of a message's journey.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn stream_states(&self) -> Result<Vec<StreamState>, BusError> {
        let looks: Vec<_> = Stream::ALL
            .into_iter()
            .map(|stream| self.stream_state(stream))
            .collect();
        stream::iter(looks).buffered(CONCURRENT).try_collect().await
    }

    pub(crate) async fn stream_state(&self, stream: Stream) -> Result<StreamState, BusError> {
        let found = self.jetstream.get_stream(stream.name()).await;
        let found = found.map_err(BusError::request(DOING))?;
        let info = found.cached_info();
        let state = &info.state;
        let any = state.messages > 0;
        Ok(StreamState {
            stream,
            messages: state.messages,
            bytes: state.bytes,
            max_bytes: u64::try_from(info.config.max_bytes).ok(),
            first_at: any.then(|| state.first_timestamp.into()),
            last_at: any.then(|| state.last_timestamp.into()),
            consumers: state.consumer_count,
            replicas: info.config.num_replicas,
        })
    }

    /// Looks at all readers.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn reader_states(&self) -> Result<Vec<ReaderState>, BusError> {
        let looks: Vec<_> = Reader::all()
            .map(|reader| self.reader_state(reader))
            .collect();
        stream::iter(looks).buffered(CONCURRENT).try_collect().await
    }

    pub(crate) async fn reader_state(&self, reader: Reader) -> Result<ReaderState, BusError> {
        let subject = format!("CONSUMER.INFO.{}.{}", reader.stream().name(), reader.name());
        let answer: Result<Response<Info>, _> = self.jetstream.request(subject, &json!({})).await;
        let info = match answer.map_err(BusError::request(DOING))? {
            Response::Ok(info) => info,
            Response::Err { error } if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND => {
                return self.state_of_forgotten(reader).await;
            }
            Response::Err { error } => return Err(BusError::request(DOING)(error)),
        };
        let behind = info.num_pending > 0 || info.num_ack_pending > 0;
        let oldest_at = if behind {
            self.oldest(reader, info.ack_floor.stream_sequence + 1)
                .await?
        } else {
            None
        };
        Ok(ReaderState {
            reader,
            waiting: info.num_pending,
            in_flight: info.num_ack_pending,
            redelivered: info.num_redelivered,
            oldest_at,
        })
    }

    /// A reader that nats-server forgot in its restart, and whose process has not asked for it yet.
    async fn state_of_forgotten(&self, reader: Reader) -> Result<ReaderState, BusError> {
        let name = reader.stream().name();
        let stream = self.jetstream.get_stream_no_info(name).await;
        let stream = stream.map_err(BusError::request(DOING))?;
        let messages = stream.info_with_subjects(filter(reader)).await;
        let mut messages = messages.map_err(BusError::request(DOING))?;
        let mut waiting = 0;
        while let Some((_subject, count)) = messages
            .try_next()
            .await
            .map_err(BusError::request(DOING))?
        {
            waiting += u64::try_from(count).unwrap_or(u64::MAX);
        }
        Ok(ReaderState {
            reader,
            waiting,
            in_flight: 0,
            redelivered: 0,
            oldest_at: self.oldest(reader, 1).await?,
        })
    }

    /// When the first message of a reader at or after a place was stored.
    async fn oldest(&self, reader: Reader, from: u64) -> Result<Option<Timestamp>, BusError> {
        let stream = self
            .jetstream
            .get_stream_no_info(reader.stream().name())
            .await;
        let stream = stream.map_err(BusError::request(DOING))?;
        match stream
            .get_first_raw_message_by_subject(filter(reader), from)
            .await
        {
            Ok(message) => Ok(Some(message.time.into())),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(BusError::request(DOING)(error)),
        }
    }
}

/// The subjects of a reader's messages.
fn filter(reader: Reader) -> String {
    match reader {
        Reader::Sender(partition) => subject::jobs_of(partition),
        Reader::FanoutScheduled => subject::SCHEDULED_DUE_FILTER.to_owned(),
        Reader::Ingest | Reader::Fanout | Reader::RecorderEvents | Reader::RecorderOutcomes => {
            ">".to_owned()
        }
    }
}
