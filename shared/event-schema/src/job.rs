//! One delivery as JOBS and WAITING carry it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::fnv;
use crate::frame::{self, FrameError};
use crate::{
    ApplicationId, AttemptNumber, DeliveryId, EndpointId, EventId, EventType, OrderingLine,
    OrganizationId, Partition, SchemaVersion, Timestamp, Trigger,
};

/// One event for one endpoint, with the attempt to make next.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryJob {
    /// Everything but the body.
    pub meta: JobMeta,
    /// The bytes to deliver.
    pub body: Bytes,
}

/// What a sender needs to know of a delivery beside its body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobMeta {
    /// Schema version.
    #[serde(rename = "v")]
    pub version: SchemaVersion,
    /// The delivery, the same over all its attempts.
    pub delivery: DeliveryId,
    /// The event, and the `svix-id`.
    pub event: EventId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// Whose event it is.
    pub application: ApplicationId,
    /// Who receives it.
    pub endpoint: EndpointId,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When the event was accepted: its place in history.
    pub accepted_at: Timestamp,
    /// Where a callback goes, which has no endpoint: unsigned, and once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// When its deliveries could begin, for an event that was put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<Timestamp>,
    /// After it nobody wants to know any more, by the event or its type; `None` = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The event's place in EVENTS, for receivers that keep its order; `None` for what was not
    /// published there by its producer, or came out of SCHEDULED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
    /// Its event's place among those that share one message of EVENTS, from 0.
    #[serde(default, skip_serializing_if = "is_first")]
    pub order_within: u32,
    /// The line that it stands in, by its event's ordering key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<OrderingLine>,
    /// No attempt starts after this moment.
    pub deadline: Timestamp,
    /// The attempt to make.
    pub attempt: AttemptNumber,
    /// What asked for it.
    pub trigger: Trigger,
    /// One of many that a person asked for: it goes behind everything else of its endpoint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bulk: bool,
    /// The attempt must not start before this moment.
    pub not_before: Timestamp,
}

fn is_first(order_within: &u32) -> bool {
    *order_within == 0
}

impl DeliveryJob {
    /// The message as published on JOBS or WAITING.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        frame::encode(&self.meta, &self.body)
    }

    /// Reads a message of JOBS or WAITING.
    ///
    /// # Errors
    /// [`FrameError`] when it is not one that this build knows.
    pub fn decode(message: &Bytes) -> Result<Self, FrameError> {
        let (meta, body) = frame::decode(message)?;
        Ok(Self { meta, body })
    }
}

impl DeliveryJob {
    /// The deterministic `Nats-Msg-Id` of jobs of one endpoint that share a message: its own for one that is
    /// alone. It is no defence against a producer who looks for events that share one, who would lose
    /// deliveries of their own.
    #[must_use]
    pub fn dedup_id_of(jobs: &[&Self]) -> String {
        match jobs {
            [one] => one.meta.dedup_id(),
            several => {
                let endpoint = several.first().map_or("", |job| job.meta.endpoint.as_str());
                let ids = several.iter().map(|job| job.meta.dedup_id());
                // No id contains it.
                let digest = fnv::of_texts(ids, b' ');
                format!("{endpoint}*{}#{digest:032x}", several.len())
            }
        }
    }
}

impl JobMeta {
    /// When the delivery could begin at the earliest: latencies count from here.
    #[must_use]
    pub fn starts_at(&self) -> Timestamp {
        self.deliver_at.unwrap_or_default().max(self.accepted_at)
    }

    /// The endpoint's partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition::of(&self.endpoint)
    }

    /// The deterministic `Nats-Msg-Id`: the same attempt of the same delivery is stored once.
    #[must_use]
    pub fn dedup_id(&self) -> String {
        format!("{}#{}", self.delivery, self.attempt)
    }
}
