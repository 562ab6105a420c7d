//! The native doors' two shapes: the event that a producer sends, and the event object that
//! endpoints receive.
//!
//! The object has exactly the keys `data`, `id`, `timestamp` and `type`, in that order, without
//! white space of our own; `data` keeps the producer's bytes.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::json_depth::{self, MAX_JSON_DEPTH};
use crate::{EventId, EventType, IdError, NameError, OrderingKey, Timestamp};

/// A producer's event, checked, before it has all of its identity.
#[derive(Debug, Clone)]
pub struct NativeEvent {
    /// The type in the body, or in the subject that it was published on.
    pub event_type: EventType,
    /// The producer's own id for the event.
    pub id: Option<EventId>,
    /// When it happened, if the producer says so.
    pub timestamp: Option<Timestamp>,
    /// After it nobody wants to know any more; endpoints are not told of it.
    pub expires_at: Option<Timestamp>,
    /// Events with the same one reach each endpoint in their order; endpoints are not told of it.
    pub ordering_key: Option<OrderingKey>,
    /// The producer's `data`, byte for byte.
    pub data: Box<RawValue>,
}

/// Why an input is not a native event.
#[derive(Debug, thiserror::Error)]
pub enum NativeEventError {
    /// Not well-formed JSON.
    #[error("the body is not JSON: {0}")]
    Json(serde_json::Error),
    /// JSON, but no object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// A field that events do not have; a misspelt `id` would otherwise be lost without a word.
    #[error(
        "`{0}` is not a field of an event, which has `type`, `data`, `id`, `timestamp`, `expires_at` and `ordering_key`"
    )]
    UnknownField(String),
    /// A field that is there twice.
    #[error("`{0}` is there twice")]
    Twice(&'static str),
    /// A field of another kind than text.
    #[error("`{0}` must be a string")]
    NoString(&'static str),
    /// `data` is nested deeper than [`MAX_JSON_DEPTH`].
    #[error("`data` is nested deeper than {MAX_JSON_DEPTH} levels")]
    TooDeep,
    /// There is no `data`.
    #[error("`data` is missing")]
    DataMissing,
    /// There is no `type`, and the door does not tell it either.
    #[error("`type` is missing")]
    TypeMissing,
    /// The `type` breaks a rule.
    #[error("`type` {0}")]
    Type(NameError),
    /// The body says one type, the subject another.
    #[error("`type` is `{body}` in the body and `{door}` in the subject")]
    TypeMismatch {
        /// The type in the body.
        body: EventType,
        /// The type that the subject names.
        door: EventType,
    },
    /// The `id` breaks a rule.
    #[error("`id` {0}")]
    Id(IdError),
    /// The `ordering_key` breaks a rule.
    #[error("`ordering_key` {0}")]
    OrderingKey(NameError),
    /// A moment is not RFC 3339.
    #[error("`{0}` must be an RFC 3339 date and time with an offset")]
    Timestamp(&'static str),
}

impl NativeEventError {
    /// The field that breaks the rule; `None` when it is the body as a whole.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Json(_) | Self::NotAnObject => None,
            Self::UnknownField(name) => Some(name),
            Self::Twice(name) | Self::NoString(name) => Some(name),
            Self::TooDeep | Self::DataMissing => Some("data"),
            Self::TypeMissing | Self::Type(_) | Self::TypeMismatch { .. } => Some("type"),
            Self::Id(_) => Some("id"),
            Self::OrderingKey(_) => Some("ordering_key"),
            Self::Timestamp(name) => Some(name),
        }
    }
}

impl NativeEvent {
    /// Reads `{ "type", "data", "id"?, "timestamp"?, "expires_at"?, "ordering_key"? }`.
    ///
    /// `door_type` is the type that the door itself names (a subject does); the body may then
    /// leave its own out, and must not contradict it.
    ///
    /// # Errors
    /// The first rule that the input breaks, in words fit for the producer.
    pub fn parse(input: &[u8], door_type: Option<EventType>) -> Result<Self, NativeEventError> {
        let input = Fields::read(input)?;
        let body_type = text("type", input.event_type)?
            .map(|text| EventType::parse(&text).map_err(NativeEventError::Type))
            .transpose()?;
        let event_type = match (body_type, door_type) {
            (Some(body), Some(door)) if body != door => {
                return Err(NativeEventError::TypeMismatch { body, door });
            }
            (Some(either), _) | (None, Some(either)) => either,
            (None, None) => return Err(NativeEventError::TypeMissing),
        };
        let data = input.data.ok_or(NativeEventError::DataMissing)?;
        if json_depth::exceeds_limit(data.get()) {
            return Err(NativeEventError::TooDeep);
        }
        let id =
            text("id", input.id)?.map(|text| EventId::parse(&text).map_err(NativeEventError::Id));
        let timestamp = moment("timestamp", input.timestamp)?;
        let expires_at = moment("expires_at", input.expires_at)?;
        let ordering_key = text("ordering_key", input.ordering_key)?
            .map(|text| OrderingKey::parse(&text).map_err(NativeEventError::OrderingKey));
        Ok(Self {
            event_type,
            id: id.transpose()?,
            timestamp,
            expires_at,
            ordering_key: ordering_key.transpose()?,
            data: data.to_owned(),
        })
    }
}

/// A field's moment; `null` counts as absent.
fn moment(
    name: &'static str,
    value: Option<&RawValue>,
) -> Result<Option<Timestamp>, NativeEventError> {
    let read =
        |text: String| Timestamp::parse_rfc3339(&text).ok_or(NativeEventError::Timestamp(name));
    text(name, value)?.map(read).transpose()
}

/// A field's text; `null` counts as absent.
fn text(name: &'static str, value: Option<&RawValue>) -> Result<Option<String>, NativeEventError> {
    match value {
        None => Ok(None),
        // The parser's own words would repeat the value.
        Some(value) => serde_json::from_str(value.get())
            .map_err(|_other_kind| NativeEventError::NoString(name)),
    }
}

/// The event object that endpoints receive from the native doors.
#[derive(Debug)]
pub struct EventObject<'a> {
    /// The producer's `data`, byte for byte.
    pub data: &'a RawValue,
    /// The event's id.
    pub id: &'a EventId,
    /// When it happened: the producer's time, else the time of acceptance.
    pub timestamp: Timestamp,
    /// What kind of event it is.
    pub event_type: &'a EventType,
}

impl EventObject<'_> {
    /// Writes `{"data":…,"id":"…","timestamp":"2025-04-12T15:55:19.000Z","type":"…"}`.
    ///
    /// Ids, times and types contain nothing that JSON would have to escape.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let data = self.data.get();
        let mut object = BytesMut::with_capacity(data.len() + 128);
        object.put_slice(b"{\"data\":");
        object.put_slice(data.as_bytes());
        object.put_slice(b",\"id\":\"");
        object.put_slice(self.id.as_str().as_bytes());
        object.put_slice(b"\",\"timestamp\":\"");
        object.put_slice(self.timestamp.to_rfc3339_millis().as_bytes());
        object.put_slice(b"\",\"type\":\"");
        object.put_slice(self.event_type.as_str().as_bytes());
        object.put_slice(b"\"}");
        object.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(input: &str, door: Option<&str>) -> Result<NativeEvent, String> {
        let door = door.map(|d| EventType::parse(d).unwrap());
        NativeEvent::parse(input.as_bytes(), door).map_err(|e| e.to_string())
    }

    #[test]
    fn the_object_of_the_mission_comes_out_byte_for_byte() {
        let input = r#"{"type":"file.deleted","id":"event_1","timestamp":"2025-04-12T15:55:19Z",
            "data":{"b": 1,  "a":[1.0, 1e2, "\u00e9"]}}"#;
        let event = parse(input, None).unwrap();
        let object = EventObject {
            data: &event.data,
            id: event.id.as_ref().unwrap(),
            timestamp: event.timestamp.unwrap(),
            event_type: &event.event_type,
        };
        let expected = concat!(
            r#"{"data":{"b": 1,  "a":[1.0, 1e2, "\u00e9"]},"id":"event_1","#,
            r#""timestamp":"2025-04-12T15:55:19.000Z","type":"file.deleted"}"#
        );
        assert_eq!(object.to_bytes(), expected);
    }

    #[test]
    fn a_subject_may_name_the_type_but_not_contradict_the_body() {
        assert!(parse(r#"{"data":1}"#, Some("a.b")).is_ok());
        assert!(parse(r#"{"data":null,"type":"a.b"}"#, Some("a.b")).is_ok());
        let error = parse(r#"{"data":1,"type":"a.c"}"#, Some("a.b")).unwrap_err();
        assert_eq!(
            error,
            "`type` is `a.c` in the body and `a.b` in the subject"
        );
    }

    #[test]
    fn each_broken_rule_is_named() {
        let cases = [
            (r#"{"data":1}"#, "`type` is missing"),
            (r#"{"type":"a"}"#, "`data` is missing"),
            (
                r#"{"type":"a..b","data":1}"#,
                "`type` must not begin or end with a dot",
            ),
            (
                r#"{"type":"a","data":1,"id":"x.y"}"#,
                "`id` may contain only",
            ),
            (
                r#"{"type":"a","data":1,"timestamp":"now"}"#,
                "`timestamp` must be",
            ),
            (r#"{"type":1,"data":1}"#, "`type` must be a string"),
            (r#"{"type":"a","data":1,"id":[]}"#, "`id` must be a string"),
            (
                r#"{"type":"a","data":1,"timestamp":0}"#,
                "`timestamp` must be a string",
            ),
            (r#"{"type":"a","data":1"#, "the body is not JSON: EOF"),
            (
                r#"{"type":"a","data":1} x"#,
                "the body is not JSON: trailing characters",
            ),
            ("\u{0}", "the body is not JSON"),
            ("", "the body is not JSON"),
        ];
        for (input, start) in cases {
            let error = parse(input, None).unwrap_err();
            assert!(error.starts_with(start), "{input}: {error}");
        }
    }

    #[test]
    fn only_an_object_is_an_event_and_nothing_of_another_value_is_repeated() {
        let long = format!("\"{}\"", "x".repeat(500_000));
        for input in ["[]", r#"["a",1,null,null]"#, "null", "1", "true", &long] {
            let error = parse(input, Some("a")).unwrap_err();
            assert_eq!(error, "the body must be a JSON object");
        }
        let error = parse(r#"["a",1"#, Some("a")).unwrap_err();
        assert!(error.starts_with("the body is not JSON: EOF"), "{error}");
        let error = parse(&format!(r#"{{"type":{long},"data":1}}"#), None).unwrap_err();
        assert_eq!(error, "`type` must have 1 to 256 characters");
    }

    #[test]
    fn a_field_that_is_unknown_or_there_twice_is_named() {
        let unknown = r#"{"type":"a","data":1,"Id":"e1","other":2}"#;
        let error = NativeEvent::parse(unknown.as_bytes(), None).unwrap_err();
        assert_eq!(error.field(), Some("Id"));
        let twice = r#"{"type":"a","data":1,"data":2}"#;
        let error = NativeEvent::parse(twice.as_bytes(), None).unwrap_err();
        assert_eq!(error.to_string(), "`data` is there twice");
        let long = format!(r#"{{"{}":1}}"#, "x".repeat(500_000));
        let error = NativeEvent::parse(long.as_bytes(), None).unwrap_err();
        assert!(
            error
                .field()
                .is_some_and(|name| name.chars().count() <= 200)
        );
    }

    #[test]
    fn serde_json_reads_all_but_the_last_two_levels_by_default() {
        let object =
            |depth: usize| format!("{{\"data\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let reads = |depth| serde_json::from_str::<serde_json::Value>(&object(depth)).is_ok();
        assert!(reads(MAX_JSON_DEPTH - 2) && !reads(MAX_JSON_DEPTH - 1));
    }

    #[test]
    fn deep_nesting_is_refused_not_fatal() {
        let deep = format!(
            r#"{{"type":"a","data":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(parse(&deep, None).unwrap_err().contains("deeper than 128"));
    }
}
