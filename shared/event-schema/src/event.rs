//! An accepted event, as EVENTS carries it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::frame::{self, FrameError};
use crate::{
    ApplicationId, Channel, EventId, EventType, OrderingKey, OrganizationId, ProducerKey,
    SchemaVersion, Timestamp,
};

/// An accepted event: what every endpoint of its application may receive.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Everything but the body.
    pub meta: EventMeta,
    /// The bytes that endpoints receive, never re-serialised after acceptance.
    pub body: Bytes,
}

/// What is known of an event beside its body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventMeta {
    /// Schema version.
    #[serde(rename = "v")]
    pub version: SchemaVersion,
    /// Unique within the application; the `svix-id` of each delivery.
    pub id: EventId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// Whose event it is.
    pub application: ApplicationId,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When ingest accepted it: its place in history.
    pub accepted_at: Timestamp,
    /// Second axis of subscription; an endpoint with channels needs one in common.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// Free labels, for search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The producer's own key for the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer_key: Option<ProducerKey>,
    /// How long history keeps the body, in hours.
    pub retention_hours: u32,
    /// The trace that the event's journey belongs to, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// When its deliveries may begin; `None` = at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<Timestamp>,
    /// After it nobody wants to know any more: no attempt starts later; `None` = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Events with the same one reach each endpoint in their order; `None` = in no order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<OrderingKey>,
    /// The newest revision of the KV bucket `config` that ingest had seen when it accepted the
    /// event: whoever decides about receivers must know a configuration no older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_revision: Option<u64>,
}

impl EventMeta {
    /// When its deliveries may begin: every deadline counts from here.
    #[must_use]
    pub fn starts_at(&self) -> Timestamp {
        self.deliver_at.unwrap_or_default().max(self.accepted_at)
    }
}

impl Event {
    /// The message as published on EVENTS.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        frame::encode(&self.meta, &self.body)
    }

    /// Reads a message of EVENTS.
    ///
    /// # Errors
    /// [`FrameError`] when it is not one that this build knows.
    pub fn decode(message: &Bytes) -> Result<Self, FrameError> {
        let (meta, body) = frame::decode(message)?;
        Ok(Self { meta, body })
    }

    /// The deterministic `Nats-Msg-Id`: publishing the same event twice stores it once.
    #[must_use]
    pub fn dedup_id(&self) -> String {
        format!("{}.{}", self.meta.application, self.meta.id)
    }
}
