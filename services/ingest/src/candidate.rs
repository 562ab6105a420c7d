//! An event that has passed its door's checks, before it has an id and a time. Pure.

use bytes::Bytes;
use posthorn_event_schema::{
    ApplicationSnapshot, Channel, Event, EventId, EventMeta, EventObject, EventType, NativeEvent,
    OrderingKey, ProducerKey, SchemaVersion, Timestamp,
};
use posthorn_signing::digest::Sha256Digest;

/// An event that has passed its door's checks.
#[derive(Debug)]
pub struct Candidate {
    /// What kind of event it is.
    pub event_type: EventType,
    /// What endpoints will receive.
    pub content: Content,
    /// Second axis of subscription.
    pub channels: Vec<Channel>,
    /// Free labels.
    pub tags: Vec<String>,
    /// The producer's own key (`eventId` in the public API).
    pub producer_key: Option<ProducerKey>,
    /// How long history keeps the body, in hours.
    pub retention_hours: u32,
    /// When its deliveries may begin; `None` or a time that has passed = at once.
    pub deliver_at: Option<Timestamp>,
    /// After it nobody wants to know any more; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// Events with the same one reach each endpoint in their order; `None` = in no order.
    pub ordering_key: Option<OrderingKey>,
}

/// What endpoints will receive, by the kind of door.
#[derive(Debug)]
pub enum Content {
    /// A native event: its `data` inside an event object.
    Native(NativeEvent),
    /// A Svix-compatible payload, byte for byte.
    Verbatim(Bytes),
}

/// The identity of an event to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub id: EventId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

impl Candidate {
    /// The id that the producer chose, if it did.
    #[must_use]
    pub fn chosen_id(&self) -> Option<&EventId> {
        match &self.content {
            Content::Native(event) => event.id.as_ref(),
            Content::Verbatim(_) => None,
        }
    }

    /// Tells two requests apart: equal digests are the same request sent twice.
    #[must_use]
    pub fn digest(&self) -> String {
        let (kind, id, timestamp, body): (&[u8], &str, String, &[u8]) = match &self.content {
            Content::Native(event) => (
                b"native",
                event.id.as_ref().map_or("", EventId::as_str),
                event.timestamp.map(|at| at.to_string()).unwrap_or_default(),
                event.data.get().as_bytes(),
            ),
            Content::Verbatim(payload) => (b"verbatim", "", String::new(), payload),
        };
        let channels = self
            .channels
            .iter()
            .map(Channel::as_str)
            .collect::<Vec<_>>()
            .join("\n");
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let (tags, retention) = (self.tags.join("\n"), self.retention_hours.to_be_bytes());
        let key = self.producer_key.as_ref().map_or("", ProducerKey::as_str);
        let (deliver_at, expires_at) = (moment(self.deliver_at), moment(self.expires_at));
        let mut parts: Vec<&[u8]> = vec![
            kind,
            self.event_type.as_str().as_bytes(),
            id.as_bytes(),
            timestamp.as_bytes(),
            body,
            channels.as_bytes(),
            tags.as_bytes(),
            key.as_bytes(),
            &retention,
            deliver_at.as_bytes(),
            expires_at.as_bytes(),
        ];
        // Only then: what earlier builds said of a request holds.
        if let Some(key) = &self.ordering_key {
            parts.push(key.as_str().as_bytes());
        }
        Sha256Digest::of_parts(&parts).to_hex()
    }

    /// Bytes that the event will hold, about.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.content {
            Content::Native(event) => event.data.get().len(),
            Content::Verbatim(payload) => payload.len(),
        }
    }

    /// Makes the event. The same candidate with the same identity makes the same body.
    #[must_use]
    pub fn into_event(
        self,
        application: &ApplicationSnapshot,
        identity: Identity,
        trace_id: Option<String>,
        config_revision: u64,
    ) -> Event {
        let body = match &self.content {
            Content::Native(event) => EventObject {
                data: &event.data,
                id: &identity.id,
                timestamp: event.timestamp.unwrap_or(identity.accepted_at),
                event_type: &self.event_type,
            }
            .to_bytes(),
            Content::Verbatim(payload) => payload.clone(),
        };
        let meta = EventMeta {
            version: SchemaVersion,
            id: identity.id,
            organization: application.organization.clone(),
            application: application.id.clone(),
            event_type: self.event_type,
            accepted_at: identity.accepted_at,
            channels: self.channels,
            tags: self.tags,
            producer_key: self.producer_key,
            retention_hours: self.retention_hours,
            trace_id,
            deliver_at: self.deliver_at,
            expires_at: self.expires_at,
            ordering_key: self.ordering_key,
            config_revision: Some(config_revision),
        };
        Event { meta, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(json: &str) -> Candidate {
        let event = NativeEvent::parse(json.as_bytes(), None).unwrap();
        Candidate {
            event_type: event.event_type.clone(),
            expires_at: event.expires_at,
            ordering_key: event.ordering_key.clone(),
            content: Content::Native(event),
            channels: vec![],
            tags: vec![],
            producer_key: None,
            retention_hours: 2_160,
            deliver_at: None,
        }
    }

    #[test]
    fn the_digest_changes_with_whatever_the_producer_may_change() {
        let base = native(r#"{"type":"a","data":1}"#).digest();
        assert_eq!(base, native(r#"{ "data":1, "type":"a" }"#).digest());
        for other in [
            r#"{"type":"b","data":1}"#,
            r#"{"type":"a","data":2}"#,
            r#"{"type":"a","data":1,"id":"x"}"#,
            r#"{"type":"a","data":1,"timestamp":"2025-01-01T00:00:00Z"}"#,
            r#"{"type":"a","data":1,"expires_at":"2025-01-01T00:00:00Z"}"#,
        ] {
            assert_ne!(base, native(other).digest(), "{other}");
        }
    }
}
