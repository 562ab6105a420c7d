//! The record of one HTTP request: what was asked, what came back, what follows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ApplicationId, AttemptId, DeliveryId, EndpointId, EventId, EventType, HeadersText,
    OrganizationId, ReceiverWish, SchemaVersion, Timestamp,
};

/// Which HTTP request of a delivery, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptNumber(u16);

impl AttemptNumber {
    /// The first attempt.
    pub const FIRST: Self = Self(1);

    /// The attempt with this number; 0 is read as 1.
    #[must_use]
    pub fn new(number: u16) -> Self {
        Self(number.max(1))
    }

    /// The attempt after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number, from 1.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What asked for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The event itself, or the retry schedule.
    Scheduled,
    /// A person: one attempt, never retried.
    Manual,
}

/// Why an attempt was not a success, in a closed list that charts and filters can rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The name did not resolve.
    Dns,
    /// The connection could not be opened.
    Connect,
    /// The connection was refused.
    Refused,
    /// The connection broke before an answer; whether the request was processed is unknown.
    Reset,
    /// The TLS handshake failed.
    Tls,
    /// The deadline for connect, headers and body passed.
    Timeout,
    /// The answer is not valid HTTP.
    Protocol,
    /// The address is one that Posthorn must not contact.
    BlockedAddress,
    /// A 3xx answer; redirects are never followed.
    Redirect,
    /// A 4xx answer.
    Status4xx,
    /// A 5xx answer.
    Status5xx,
    /// An answer with a status outside 200–599.
    StatusOther,
    /// The URL or a header of the endpoint cannot be sent.
    Request,
    /// No token could be had that the endpoint wants to see; it was not asked.
    Auth,
}

impl FailureClass {
    /// The class as one word, for metrics and history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::BlockedAddress => "blocked_address",
            Self::Redirect => "redirect",
            Self::Status4xx => "status_4xx",
            Self::Status5xx => "status_5xx",
            Self::StatusOther => "status_other",
            Self::Request => "request",
            Self::Auth => "auth",
        }
    }
}

/// What came back, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The HTTP status; `None` when no HTTP answer came.
    pub status: Option<u16>,
    /// The body's beginning as text (base64 when it is not UTF-8), or what went wrong, in words.
    pub text: String,
    /// The body went on past what is kept.
    #[serde(default)]
    pub truncated: bool,
}

/// Where the delivery stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Progress {
    /// A 2xx came: the end.
    Delivered,
    /// Another attempt follows.
    Waiting {
        /// When it is due.
        next_attempt_at: Timestamp,
    },
    /// No attempt is left: the end.
    Exhausted,
}

/// The record of one HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Schema version.
    #[serde(rename = "v")]
    pub version: SchemaVersion,
    /// This request. A request repeated after a crash has an id of its own.
    pub id: AttemptId,
    /// The delivery that it belongs to.
    pub delivery: DeliveryId,
    /// The event.
    pub event: EventId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// Whose event it is.
    pub application: ApplicationId,
    /// Who was asked.
    pub endpoint: EndpointId,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When the event was accepted: its place in history.
    pub accepted_at: Timestamp,
    /// Which attempt it was.
    pub attempt: AttemptNumber,
    /// What asked for it.
    pub trigger: Trigger,
    /// The URL that was asked, without user information.
    pub url: String,
    /// When the request began.
    pub started_at: Timestamp,
    /// How long connect, headers and body took together, in milliseconds.
    pub duration_ms: u64,
    /// What came back.
    pub response: Response,
    /// The headers of both; `None` in records of before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<HeadersText>,
    /// Why it was not a success; `None` on success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureClass>,
    /// What the receiver asked for; a delivery that failed ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<ReceiverWish>,
    /// Where the delivery stands now.
    #[serde(flatten)]
    pub progress: Progress,
    /// The trace of the request, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}
