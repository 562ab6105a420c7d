//! Messages as callers receive them.

use bytes::Bytes;
use posthorn_store::history::{Body, StoredEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// What stands for a payload that was not asked for, or is no JSON object: SDKs insist on one.
const NO_PAYLOAD: &str = "{}";
/// What stands for a payload that was removed. *Source*: Svix's API.
const EXPUNGED_PAYLOAD: &str = r#"{"expired":true}"#;

/// An example to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExampleIn {
    /// Of which type; `svix.ping` has an example of its own.
    pub event_type: String,
    /// Which of the type's examples, from 0.
    #[serde(default)]
    pub example_index: Option<usize>,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageOut {
    /// Its id.
    pub id: String,
    /// The producer's own name for it.
    pub event_id: Option<String>,
    /// What kind of event it is.
    pub event_type: String,
    /// The body, if it is a JSON object.
    #[schema(value_type = Object)]
    pub payload: Box<RawValue>,
    /// Its channels; null = none.
    pub channels: Option<Vec<String>>,
    /// Its labels; null = none.
    pub tags: Option<Vec<String>>,
    /// When it was accepted.
    pub timestamp: String,
    /// When its deliveries begin; null = at once.
    pub deliver_at: Option<String>,
    /// After it no attempt starts, as its producer said; null = never.
    pub expires_at: Option<String>,
    /// Its trace, where it was asked for and one was recorded. Svix has no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl From<StoredEvent> for MessageOut {
    fn from(event: StoredEvent) -> Self {
        let channels: Vec<String> = event.channels.iter().map(ToString::to_string).collect();
        Self {
            id: event.id.to_string(),
            event_id: event.producer_key.map(|key| key.to_string()),
            event_type: event.event_type.to_string(),
            payload: payload(&event.body),
            channels: (!channels.is_empty()).then_some(channels),
            tags: (!event.tags.is_empty()).then_some(event.tags),
            timestamp: event.accepted_at.to_rfc3339_micros(),
            deliver_at: event.deliver_at.map(|at| at.to_rfc3339_micros()),
            expires_at: event.expires_at.map(|at| at.to_rfc3339_micros()),
            trace_id: None,
        }
    }
}

fn payload(body: &Body) -> Box<RawValue> {
    match body {
        Body::Bytes(bytes) => object(bytes).unwrap_or_else(|| constant(NO_PAYLOAD)),
        Body::Expunged => constant(EXPUNGED_PAYLOAD),
        Body::Skipped => constant(NO_PAYLOAD),
    }
}

fn object(bytes: &Bytes) -> Option<Box<RawValue>> {
    let value: Box<RawValue> = serde_json::from_slice(bytes).ok()?;
    value.get().starts_with('{').then_some(value)
}

fn constant(json: &'static str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("the constant is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &Body) -> String {
        payload(body).get().to_owned()
    }

    #[test]
    fn a_payload_is_always_an_object() {
        let bytes = |text: &'static str| Body::Bytes(Bytes::from_static(text.as_bytes()));
        assert_eq!(shown(&bytes(r#"{ "b": 1.0 }"#)), r#"{ "b": 1.0 }"#);
        assert_eq!(shown(&bytes("[1]")), "{}");
        assert_eq!(shown(&bytes("not json")), "{}");
        assert_eq!(shown(&Body::Skipped), "{}");
        assert_eq!(shown(&Body::Expunged), r#"{"expired":true}"#);
    }
}
