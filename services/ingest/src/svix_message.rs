//! The Svix-compatible body of `POST …/msg`, in and out. Pure; the only place of ingest that
//! speaks Svix's words.

mod check;

use std::time::Duration;

use bytes::Bytes;
use posthorn_event_schema::{Event, EventType, OrderingKey, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::candidate::{Candidate, Content};

/// Most channels of a message. *Source*: Svix's hosted API.
pub const MAX_CHANNELS: usize = 10;
/// Most tags of a message. *Source*: Svix's hosted API.
pub const MAX_TAGS: usize = 5;
/// Longest tag, in bytes. *Source*: Svix's hosted API.
pub const MAX_TAG_LEN: usize = 128;
/// Farthest time that a message may be put off to. *Source*: Svix's hosted API. Whatever comes of it
/// lies within three days of its acceptance, which history keeps in any case.
pub const MAX_DELIVER_AHEAD: Duration = Duration::from_secs(24 * 3_600);
/// Days that a body is kept, at most and by default. *Source*: Svix's API.
pub const MAX_RETENTION_DAYS: u32 = 90;

/// `MessageIn`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageIn {
    event_type: String,
    #[serde(alias = "data")]
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    event_id: Option<String>,
    channels: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    payload_retention_period: Option<u32>,
    payload_retention_hours: Option<u32>,
    transformations_params: Option<TransformationsParams>,
    /// The application to make, under the uid in the path, if there is none.
    #[schema(value_type = Option<Object>)]
    application: Option<Box<RawValue>>,
    /// When deliveries begin, at most 24 hours ahead; a time that has passed means at once.
    #[schema(format = DateTime)]
    deliver_at: Option<String>,
    /// After it no attempt starts: what is not delivered by then ends as expired.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Messages with the same one reach each endpoint in the order of their acceptance, one at a time.
    #[schema(min_length = 1, max_length = 256)]
    ordering_key: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TransformationsParams {
    raw_payload: Option<String>,
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field inside the body.
    pub field: Vec<String>,
    /// The rule, in words.
    pub message: String,
}

impl Problem {
    fn new(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: vec![field.to_owned()],
            message: message.into(),
        }
    }

    fn item(field: &str, index: usize, message: &impl ToString) -> Self {
        let field = vec![field.to_owned(), format!("[{index}]")];
        Self {
            field,
            message: message.to_string(),
        }
    }
}

impl MessageIn {
    /// The description of the application, for whoever makes it when there is none.
    pub fn take_application(&mut self) -> Option<Box<RawValue>> {
        self.application.take()
    }

    /// Checks all fields.
    ///
    /// # Errors
    /// Every rule that the message breaks, not only the first.
    pub fn check(self, now: Timestamp) -> Result<Candidate, Vec<Problem>> {
        let mut problems = Vec::new();
        let event_type = check::keep(
            EventType::parse(&self.event_type),
            "eventType",
            &mut problems,
        );
        let producer_key = self
            .event_id
            .and_then(|text| check::event_id(&text, &mut problems));
        let channels = check::channels(self.channels, &mut problems);
        let tags = check::tags(self.tags, &mut problems);
        let retention_hours = check::retention(
            self.payload_retention_period,
            self.payload_retention_hours,
            &mut problems,
        );
        let raw = self
            .transformations_params
            .and_then(|params| params.raw_payload);
        let body = check::payload(&self.payload, raw, &mut problems);
        let deliver_at = self
            .deliver_at
            .and_then(|text| check::deliver_at(&text, now, &mut problems));
        let begins = deliver_at.unwrap_or_default().max(now);
        let expires_at = self
            .expires_at
            .and_then(|text| check::expires_at(&text, begins, &mut problems));
        let ordering_key = self
            .ordering_key
            .and_then(|text| check::keep(OrderingKey::parse(&text), "orderingKey", &mut problems));
        match event_type {
            Some(event_type) if problems.is_empty() => Ok(Candidate {
                event_type,
                content: Content::Verbatim(body),
                channels,
                tags,
                producer_key,
                retention_hours,
                deliver_at,
                expires_at,
                ordering_key,
            }),
            _ => Err(problems),
        }
    }
}

/// `MessageOut`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageOut {
    id: String,
    event_id: Option<String>,
    event_type: String,
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    channels: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    timestamp: String,
    deliver_at: Option<String>,
    expires_at: Option<String>,
}

impl MessageOut {
    /// The reply to an accepted message; without content its payload reads `{}`, and so does one
    /// that is no JSON object.
    #[must_use]
    pub fn new(event: &Event, with_content: bool) -> Self {
        let meta = &event.meta;
        let some_texts = |texts: Vec<String>| (!texts.is_empty()).then_some(texts);
        Self {
            id: meta.id.to_string(),
            event_id: meta.producer_key.as_ref().map(ToString::to_string),
            event_type: meta.event_type.to_string(),
            payload: payload_out(&event.body, with_content),
            channels: some_texts(meta.channels.iter().map(ToString::to_string).collect()),
            tags: some_texts(meta.tags.clone()),
            timestamp: meta.accepted_at.to_rfc3339_micros(),
            deliver_at: meta.deliver_at.map(|at| at.to_rfc3339_micros()),
            expires_at: meta.expires_at.map(|at| at.to_rfc3339_micros()),
        }
    }
}

/// The payload as a JSON object; `{}` without content, and for a body that is none.
fn payload_out(body: &Bytes, with_content: bool) -> Box<RawValue> {
    let shown = with_content
        .then(|| serde_json::from_slice::<Box<RawValue>>(body).ok())
        .flatten()
        .filter(|value| value.get().starts_with('{'));
    shown
        .or_else(|| RawValue::from_string("{}".to_owned()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<Candidate, Vec<Problem>> {
        let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
        serde_json::from_str::<MessageIn>(json).unwrap().check(now)
    }

    #[test]
    fn the_payloads_bytes_are_kept() {
        let payload = r#"{ "b":1.0,  "a":"\u00e9" }"#;
        let candidate = check(&format!(r#"{{"eventType":"a","payload":{payload}}}"#)).unwrap();
        assert!(matches!(&candidate.content, Content::Verbatim(bytes) if bytes == payload));
        assert_eq!(candidate.retention_hours, 2_160);
    }

    #[test]
    fn a_raw_payload_replaces_the_object() {
        let json =
            r#"{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":"not json"}}"#;
        let candidate = check(json).unwrap();
        assert!(matches!(&candidate.content, Content::Verbatim(bytes) if bytes == "not json"));
    }

    #[test]
    fn a_message_may_be_put_off_for_a_day() {
        let put_off = |at: &str| {
            let json = format!(r#"{{"eventType":"a","payload":{{}},"deliverAt":"{at}"}}"#);
            check(&json).map(|candidate| candidate.deliver_at.unwrap().to_rfc3339_micros())
        };
        assert_eq!(
            put_off("2026-01-02T00:30:00.5+01:00").unwrap(),
            "2026-01-01T23:30:00.500000Z"
        );
        assert!(put_off("2020-01-01T00:00:00Z").is_ok());
        for refused in ["2026-01-02T00:00:01Z", "tomorrow", "2026-01-01", ""] {
            let problems = put_off(refused).unwrap_err();
            assert_eq!(problems[0].field, ["deliverAt"], "{refused}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let json = r#"{"eventType":"a b","payload":[],"eventId":"msg_1","channels":["ok","a b"],
            "tags":["a,b"],"payloadRetentionPeriod":91,"deliverAt":"2030-01-01T00:00:00Z"}"#;
        let problems = check(json).unwrap_err();
        let fields: Vec<_> = problems.iter().map(|p| p.field.join(".")).collect();
        assert_eq!(
            fields,
            [
                "eventType",
                "eventId",
                "channels.[1]",
                "tags.[0]",
                "payloadRetentionPeriod",
                "payload",
                "deliverAt"
            ]
        );
    }
}
