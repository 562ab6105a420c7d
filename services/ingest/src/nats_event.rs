//! What the two NATS doors share: reading an input into a candidate, or into a reason. Pure.

use posthorn_event_schema::detail::shortened;
use posthorn_event_schema::subject::{InboxSubject, PublishSubject, SubjectError};
use posthorn_event_schema::{
    ApplicationRef, EventType, IdError, NativeEvent, NativeEventError, OrganizationId,
};

use crate::accept::{AcceptError, Key};
use crate::candidate::{Candidate, Content};

/// Names the application instead of the subject's token: for uids that contain dots.
pub const APPLICATION_HEADER: &str = "Posthorn-App";
/// Names the organisation that the application belongs to.
pub const ORGANIZATION_HEADER: &str = "Posthorn-Organization";
/// The idempotency key. It counts where [`NATS_KEY_HEADER`] is given as well.
pub const KEY_HEADER: &str = "Posthorn-Idempotency-Key";
/// NATS' own header for the same. JetStream itself compares it too, for a moment and whatever the
/// application: see [`posthorn_bus::topology::INBOX_DUPLICATE_WINDOW`].
pub const NATS_KEY_HEADER: &str = "Nats-Msg-Id";
/// Longest idempotency key, in bytes.
pub const MAX_KEY_LEN: usize = 256;
/// How long history keeps the body of a native event, in hours: 90 days, Svix's default.
pub const DEFAULT_RETENTION_HOURS: u32 = 90 * 24;

/// An input as a NATS door received it.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The subject that it came on.
    pub subject: &'a str,
    /// Its bytes.
    pub payload: &'a [u8],
    /// The header [`APPLICATION_HEADER`].
    pub application: Option<&'a str>,
    /// The header [`ORGANIZATION_HEADER`].
    pub organization: Option<&'a str>,
    /// The header [`KEY_HEADER`], else [`NATS_KEY_HEADER`].
    pub key: Option<&'a str>,
}

/// An input that keeps the rules.
#[derive(Debug)]
pub struct Parsed {
    /// Whose application is meant.
    pub organization: OrganizationId,
    /// Which application is meant.
    pub application: ApplicationRef,
    /// The event.
    pub candidate: Candidate,
    /// What makes it one event.
    pub keys: Vec<Key>,
}

/// Why an input cannot be accepted, in words fit for its producer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The subject breaks a rule.
    #[error("{0}")]
    Subject(SubjectError),
    /// The header naming the application breaks a rule.
    #[error("the header `{APPLICATION_HEADER}` {0}")]
    ApplicationHeader(IdError),
    /// The header naming the organisation breaks a rule.
    #[error("the header `{ORGANIZATION_HEADER}` {0}")]
    OrganizationHeader(IdError),
    /// The idempotency key is too long or empty.
    #[error(
        "the header `{KEY_HEADER}` or `{NATS_KEY_HEADER}` must have 1 to {MAX_KEY_LEN} characters"
    )]
    Key,
    /// The body breaks a rule.
    #[error("{0}")]
    Event(NativeEventError),
    /// There is no such application.
    #[error("there is no application `{0}`")]
    UnknownApplication(ApplicationRef),
    /// It keeps the rules and yet is not accepted.
    #[error("{0}")]
    Accept(AcceptError),
}

impl Refusal {
    /// The reason as one word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Subject(_) => "invalid_subject",
            Self::ApplicationHeader(_) | Self::OrganizationHeader(_) | Self::Key => {
                "invalid_header"
            }
            Self::Event(NativeEventError::Json(_)) => "invalid_json",
            Self::Event(_) => "invalid_event",
            Self::UnknownApplication(_) => "application_not_found",
            Self::Accept(error) => error.code(),
        }
    }

    /// The reason in a sentence, short enough to be passed on.
    #[must_use]
    pub fn detail(&self) -> String {
        shortened(self.to_string())
    }

    /// The HTTP status that the same input would get, for the error header of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Event(NativeEventError::Json(_)) => 400,
            Self::Subject(_)
            | Self::ApplicationHeader(_)
            | Self::OrganizationHeader(_)
            | Self::Key
            | Self::Event(_) => 422,
            Self::UnknownApplication(_) => 404,
            Self::Accept(AcceptError::KeyConflict | AcceptError::EventExists) => 409,
            Self::Accept(AcceptError::TooLarge { .. }) => 413,
            Self::Accept(
                AcceptError::KeysUnavailable(_)
                | AcceptError::Unavailable(_)
                | AcceptError::Behind(_),
            ) => 503,
        }
    }

    /// Whether the same input may be accepted later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Accept(error) if error.is_transient())
    }
}

/// Reads what was published on `posthorn.events.<app>.<event type>`.
///
/// # Errors
/// The first rule that the input breaks.
pub fn parse_publish(input: Input<'_>, default: &OrganizationId) -> Result<Parsed, Refusal> {
    let subject = InboxSubject::parse(input.subject).map_err(Refusal::Subject)?;
    parse(
        input,
        default,
        subject.application,
        Some(subject.event_type),
    )
}

/// Reads a request on `posthorn.publish.<app>`.
///
/// # Errors
/// The first rule that the input breaks.
pub fn parse_request(input: Input<'_>, default: &OrganizationId) -> Result<Parsed, Refusal> {
    let subject = PublishSubject::parse(input.subject).map_err(Refusal::Subject)?;
    parse(input, default, subject.application, None)
}

fn parse(
    input: Input<'_>,
    default: &OrganizationId,
    application: ApplicationRef,
    door_type: Option<EventType>,
) -> Result<Parsed, Refusal> {
    let application = match input.application {
        Some(text) => ApplicationRef::parse(text).map_err(Refusal::ApplicationHeader)?,
        None => application,
    };
    let organization = match input.organization {
        Some(text) => OrganizationId::parse(text).map_err(Refusal::OrganizationHeader)?,
        None => default.clone(),
    };
    let event = NativeEvent::parse(input.payload, door_type).map_err(Refusal::Event)?;
    let mut keys = request_key(input.key)?;
    if event.id.is_some() {
        keys.push(Key::EventId);
    }
    let candidate = native_candidate(event);
    Ok(Parsed {
        organization,
        application,
        candidate,
        keys,
    })
}

fn request_key(header: Option<&str>) -> Result<Vec<Key>, Refusal> {
    match header {
        None => Ok(Vec::new()),
        Some(key) if (1..=MAX_KEY_LEN).contains(&key.len()) => {
            Ok(vec![Key::Request(key.to_owned())])
        }
        Some(_) => Err(Refusal::Key),
    }
}

/// The candidate of a native event.
#[must_use]
pub fn native_candidate(event: NativeEvent) -> Candidate {
    Candidate {
        event_type: event.event_type.clone(),
        expires_at: event.expires_at,
        ordering_key: event.ordering_key.clone(),
        content: Content::Native(event),
        channels: Vec::new(),
        tags: Vec::new(),
        producer_key: None,
        retention_hours: DEFAULT_RETENTION_HOURS,
        deliver_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = "posthorn.events.acme.file.deleted";

    fn input<'a>(subject: &'a str, payload: &'a str) -> Input<'a> {
        let payload = payload.as_bytes();
        Input {
            subject,
            payload,
            application: None,
            organization: None,
            key: None,
        }
    }

    fn organization() -> OrganizationId {
        OrganizationId::parse("org_1").unwrap()
    }

    #[test]
    fn headers_may_name_what_a_subject_cannot() {
        let headers = Input {
            application: Some("acme.eu"),
            organization: Some("org_2"),
            key: Some("k"),
            ..input(SUBJECT, r#"{"data":1,"id":"e1"}"#)
        };
        let parsed = parse_publish(headers, &organization()).unwrap();
        assert_eq!(parsed.application.to_string(), "acme.eu");
        assert_eq!(parsed.organization.as_str(), "org_2");
        assert_eq!(parsed.keys, [Key::Request("k".to_owned()), Key::EventId]);
    }

    #[test]
    fn each_bad_input_has_its_code_and_status() {
        let good = r#"{"type":"a","data":1}"#;
        let long = "k".repeat(257);
        let cases = [
            (input("posthorn.publish.a b", good), "invalid_subject", 422),
            (input("posthorn.publish.acme", "{"), "invalid_json", 400),
            (input("posthorn.publish.acme", "{}"), "invalid_event", 422),
            (input("posthorn.publish.acme", "[]"), "invalid_event", 422),
            (
                input("posthorn.publish.acme", r#"{"type":1,"data":1}"#),
                "invalid_event",
                422,
            ),
            (
                input("posthorn.publish.acme", r#"{"type":"a","data":1,"x":1}"#),
                "invalid_event",
                422,
            ),
            (
                Input {
                    application: Some("a b"),
                    ..input("posthorn.publish.acme", good)
                },
                "invalid_header",
                422,
            ),
            (
                Input {
                    organization: Some("acme"),
                    ..input("posthorn.publish.acme", good)
                },
                "invalid_header",
                422,
            ),
            (
                Input {
                    key: Some(&long),
                    ..input("posthorn.publish.acme", good)
                },
                "invalid_header",
                422,
            ),
        ];
        for (input, code, status) in cases {
            let refusal = parse_request(input, &organization()).unwrap_err();
            assert_eq!(
                (refusal.code(), refusal.status()),
                (code, status),
                "{input:?}"
            );
        }
    }
}
