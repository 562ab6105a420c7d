//! The fleet, and the input that it refused, as operators receive them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use posthorn_bus::fleet::{ReaderState, ServerState, StreamState};
use posthorn_bus::rejected::RejectedInput;
use posthorn_event_schema::Rejection;
use posthorn_event_schema::subject::{InboxSubject, PublishSubject};
use serde::Serialize;
use utoipa::ToSchema;

/// How the fleet does.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FleetOut {
    /// When it was looked at.
    pub at: String,
    /// The version of the process that answers.
    pub version: &'static str,
    /// The NATS server.
    pub nats: NatsOut,
    /// In the order of a message's journey.
    pub streams: Vec<StreamOut>,
    /// The readers of the streams.
    pub consumers: Vec<ConsumerOut>,
    /// The senders that live.
    pub senders: Vec<SenderOut>,
    /// Partitions that no sender works on now.
    pub partitions_without_sender: Vec<u16>,
}

/// A NATS server.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NatsOut {
    /// Its version.
    pub version: String,
    /// Its cluster; null when it stands alone.
    pub cluster: Option<String>,
}

impl From<ServerState> for NatsOut {
    fn from(server: ServerState) -> Self {
        Self {
            version: server.version,
            cluster: server.cluster,
        }
    }
}

/// A stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamOut {
    /// Its name.
    pub name: &'static str,
    /// Messages in it.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The most bytes that it takes; null = as many as the server has.
    pub max_bytes: Option<u64>,
    /// When its oldest message was stored.
    pub first_at: Option<String>,
    /// When its newest message was stored.
    pub last_at: Option<String>,
    /// Its readers.
    pub consumers: usize,
    /// Its copies.
    pub replicas: usize,
}

impl From<StreamState> for StreamOut {
    fn from(state: StreamState) -> Self {
        Self {
            name: state.stream.name(),
            messages: state.messages,
            bytes: state.bytes,
            max_bytes: state.max_bytes,
            first_at: state.first_at.map(|at| at.to_rfc3339_micros()),
            last_at: state.last_at.map(|at| at.to_rfc3339_micros()),
            consumers: state.consumers,
            replicas: state.replicas,
        }
    }
}

/// A reader of a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerOut {
    /// The stream.
    pub stream: &'static str,
    /// Its name.
    pub name: String,
    /// Messages that were not handed out yet.
    pub waiting: u64,
    /// Messages that were handed out and are not acked yet.
    pub in_flight: usize,
    /// Messages that were handed out again.
    pub redelivered: usize,
    /// When the oldest message was stored that is not acked.
    pub oldest_at: Option<String>,
}

impl From<ReaderState> for ConsumerOut {
    fn from(state: ReaderState) -> Self {
        Self {
            stream: state.reader.stream().name(),
            name: state.reader.name(),
            waiting: state.waiting,
            in_flight: state.in_flight,
            redelivered: state.redelivered,
            oldest_at: state.oldest_at.map(|at| at.to_rfc3339_micros()),
        }
    }
}

/// A sender.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SenderOut {
    /// Its name.
    pub name: String,
    /// The partitions that it works on.
    pub partitions: Vec<u16>,
}

/// Refused input.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectedOut {
    /// Its id.
    pub id: String,
    /// Its place, by which it is read and lists go on.
    pub position: String,
    /// When it was refused.
    pub timestamp: String,
    /// Where it came in.
    pub door: &'static str,
    /// The subject that it came on.
    pub subject: String,
    /// The application as its producer named it in the subject; null when it names none.
    pub application: Option<String>,
    /// The reason as one word.
    pub code: String,
    /// The reason in a sentence.
    pub detail: String,
    /// Bytes that are kept.
    pub size_bytes: usize,
    /// It was too large to be kept whole.
    pub truncated: bool,
    /// Its trace.
    pub trace_id: Option<String>,
}

impl From<RejectedInput> for RejectedOut {
    fn from(input: RejectedInput) -> Self {
        let meta = input.meta;
        Self {
            id: meta.id.to_string(),
            position: input.sequence.to_string(),
            timestamp: meta.at.to_rfc3339_micros(),
            door: meta.door.as_str(),
            application: application(&meta.subject),
            subject: meta.subject,
            code: meta.code,
            detail: meta.detail,
            size_bytes: input.size,
            truncated: meta.truncated,
            trace_id: meta.trace_id,
        }
    }
}

/// The application that a producer's subject names.
pub(crate) fn application(subject: &str) -> Option<String> {
    let inbox = InboxSubject::parse(subject).ok().map(|s| s.application);
    let named = inbox.or_else(|| PublishSubject::parse(subject).ok().map(|s| s.application));
    named.map(|application| application.to_string())
}

/// Refused input with its bytes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectedInputOut {
    /// What lists show of it.
    #[serde(flatten)]
    pub shown: RejectedOut,
    /// Its bytes as text; null when they are none.
    pub input: Option<String>,
    /// Its bytes in base64.
    pub input_base64: String,
}

impl RejectedInputOut {
    pub(crate) fn new(sequence: u64, rejection: Rejection) -> Self {
        let shown = RejectedInput {
            sequence,
            size: rejection.input.len(),
            meta: rejection.meta,
        };
        Self {
            shown: shown.into(),
            input: std::str::from_utf8(&rejection.input)
                .ok()
                .map(str::to_owned),
            input_base64: STANDARD.encode(&rejection.input),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_read_off_a_producers_subject() {
        let named = |subject| application(subject);
        assert_eq!(named("posthorn.events.acme.a.b").as_deref(), Some("acme"));
        assert_eq!(named("posthorn.publish.app_1").as_deref(), Some("app_1"));
        assert_eq!(named("jobs_3.3.ep_1"), None);
    }
}
