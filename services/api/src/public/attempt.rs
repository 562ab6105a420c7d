//! Attempts, and where deliveries stand, as callers receive them.
//!
//! Svix has five statuses for both; how ours map onto them stands here alone.

use std::collections::BTreeMap;

use posthorn_event_schema::{AttemptHeaders, Trigger};
use posthorn_store::endpoint::EndpointRow;
use posthorn_store::history::{DeliveryState, EndpointEvent, StoredAttempt, StoredDelivery};
use serde::Serialize;
use utoipa::ToSchema;

use super::endpoint::EndpointOut;
use super::message::MessageOut;

/// What stands for a response that was not asked for. *Source*: Svix's API.
const NO_RESPONSE: &str = "{}";

/// One of Svix's statuses; SDKs know no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It succeeded.
    Success,
    /// Nothing was tried yet.
    Pending,
    /// It failed.
    Fail,
    /// It failed, and another attempt follows.
    Sending,
    /// It ended without a request.
    Canceled,
}

impl Status {
    /// Reads a status as callers filter by it.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "0" => Some(Self::Success),
            "1" => Some(Self::Pending),
            "2" => Some(Self::Fail),
            "3" => Some(Self::Sending),
            "4" => Some(Self::Canceled),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Pending => 1,
            Self::Fail => 2,
            Self::Sending => 3,
            Self::Canceled => 4,
        }
    }

    /// Its word.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Pending => "pending",
            Self::Fail => "fail",
            Self::Sending => "sending",
            Self::Canceled => "canceled",
        }
    }

    /// The status of an attempt: it is over, whether or not another follows.
    #[must_use]
    pub fn of_attempt(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Delivered => Self::Success,
            DeliveryState::Waiting | DeliveryState::Exhausted => Self::Fail,
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Cancelled => Self::Canceled,
        }
    }

    /// The status of a delivery. Only callers that asked for `expanded` statuses know `Canceled`;
    /// to the others it is a failure, because nothing was delivered.
    #[must_use]
    pub fn of_delivery(state: DeliveryState, expanded: bool) -> Self {
        match state {
            DeliveryState::Delivered => Self::Success,
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Waiting => Self::Sending,
            DeliveryState::Exhausted => Self::Fail,
            DeliveryState::Cancelled if expanded => Self::Canceled,
            DeliveryState::Cancelled => Self::Fail,
        }
    }

    /// The states of attempts that have this status. No attempt is pending, so asking for a status
    /// that attempts never have finds nothing.
    #[must_use]
    pub fn attempt_states(self) -> Vec<DeliveryState> {
        match self {
            Self::Success => vec![DeliveryState::Delivered],
            Self::Fail => vec![DeliveryState::Waiting, DeliveryState::Exhausted],
            Self::Pending | Self::Sending => vec![DeliveryState::Pending],
            Self::Canceled => vec![DeliveryState::Cancelled],
        }
    }

    /// The states of deliveries that have this status.
    #[must_use]
    pub fn delivery_states(self, expanded: bool) -> Vec<DeliveryState> {
        match self {
            Self::Success => vec![DeliveryState::Delivered],
            Self::Pending => vec![DeliveryState::Pending],
            Self::Sending => vec![DeliveryState::Waiting],
            Self::Fail if expanded => vec![DeliveryState::Exhausted],
            Self::Fail => vec![DeliveryState::Exhausted, DeliveryState::Cancelled],
            Self::Canceled => vec![DeliveryState::Cancelled],
        }
    }
}

/// An attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageAttemptOut {
    /// Its id.
    pub id: String,
    /// The URL that was asked.
    pub url: String,
    /// What was answered, or what went wrong.
    pub response: String,
    /// The HTTP status; 0 when there was no HTTP answer.
    pub response_status_code: u16,
    /// How long it took, in milliseconds.
    pub response_duration_ms: i64,
    /// How it ended.
    pub status: u8,
    /// How it ended, as a word.
    pub status_text: &'static str,
    /// What asked for it: 0 = the schedule, 1 = a person.
    pub trigger_type: u8,
    /// The message.
    pub msg_id: String,
    /// Who was asked.
    pub endpoint_id: String,
    /// When the request began.
    pub timestamp: String,
    /// What the receiver asked for in its answer: `abort_message`, `disable`, or `gone` (status 410).
    /// Svix has no such field, and its SDKs ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver_wish: Option<String>,
    /// Its trace; absent when none was recorded. Svix has no such field, either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The message itself, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg: Option<MessageOut>,
}

impl From<StoredAttempt> for MessageAttemptOut {
    fn from(attempt: StoredAttempt) -> Self {
        let status = Status::of_attempt(attempt.state);
        Self {
            id: attempt.id.to_string(),
            url: attempt.url,
            response: attempt.response.unwrap_or_else(|| NO_RESPONSE.to_owned()),
            response_status_code: attempt.status.unwrap_or(0),
            response_duration_ms: attempt.duration_ms,
            status: status.code(),
            status_text: status.text(),
            trigger_type: match attempt.trigger {
                Trigger::Scheduled => 0,
                Trigger::Manual => 1,
            },
            msg_id: attempt.event.to_string(),
            endpoint_id: attempt.endpoint.to_string(),
            timestamp: attempt.started_at.to_rfc3339_micros(),
            receiver_wish: attempt.wish,
            trace_id: attempt.trace_id,
            msg: None,
        }
    }
}

/// The headers of an attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptHeadersOut {
    /// What was sent; of headers that came more than once, the last.
    pub sent_headers: BTreeMap<String, String>,
    /// Names and values of what came back; null when there was no HTTP answer.
    #[schema(value_type = Option<Vec<Vec<String>>>)]
    pub response_headers: Option<Vec<(String, String)>>,
    /// Names of headers whose values are not kept.
    pub sensitive: Vec<String>,
}

impl From<AttemptHeaders> for AttemptHeadersOut {
    fn from(headers: AttemptHeaders) -> Self {
        Self {
            sent_headers: headers.sent.into_iter().collect(),
            response_headers: headers.received,
            sensitive: headers.sensitive,
        }
    }
}

/// A message at an endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointMessageOut {
    /// The message.
    #[serde(flatten)]
    pub message: MessageOut,
    /// Where its delivery stands.
    pub status: u8,
    /// Where its delivery stands, as a word.
    pub status_text: &'static str,
    /// When the next attempt is due.
    pub next_attempt: Option<String>,
}

impl EndpointMessageOut {
    pub(crate) fn new(item: EndpointEvent, expanded: bool) -> Self {
        let status = Status::of_delivery(item.delivery.state, expanded);
        Self {
            message: item.event.into(),
            status: status.code(),
            status_text: status.text(),
            next_attempt: next_attempt(&item.delivery),
        }
    }
}

/// An endpoint that a message was to go to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageEndpointOut {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: EndpointOut,
    /// Where the delivery stands.
    pub status: u8,
    /// Where the delivery stands, as a word.
    pub status_text: &'static str,
    /// When the next attempt is due.
    pub next_attempt: Option<String>,
}

impl MessageEndpointOut {
    pub(crate) fn new(endpoint: EndpointRow, delivery: &StoredDelivery, expanded: bool) -> Self {
        let status = Status::of_delivery(delivery.state, expanded);
        Self {
            endpoint: endpoint.into(),
            status: status.code(),
            status_text: status.text(),
            next_attempt: next_attempt(delivery),
        }
    }
}

fn next_attempt(delivery: &StoredDelivery) -> Option<String> {
    delivery.next_attempt_at.map(|at| at.to_rfc3339_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Status; 5] = [
        Status::Success,
        Status::Pending,
        Status::Fail,
        Status::Sending,
        Status::Canceled,
    ];

    #[test]
    fn statuses_have_svixs_numbers_and_words() {
        let words: Vec<_> = ALL
            .iter()
            .map(|status| (status.code(), status.text()))
            .collect();
        let svix = [
            (0, "success"),
            (1, "pending"),
            (2, "fail"),
            (3, "sending"),
            (4, "canceled"),
        ];
        assert_eq!(words, svix);
        for status in ALL {
            assert_eq!(Status::from_code(&status.code().to_string()), Some(status));
        }
        assert_eq!(Status::from_code("5"), None);
    }

    #[test]
    fn a_filter_finds_what_shows_its_status() {
        for expanded in [true, false] {
            for status in ALL {
                let reachable = expanded || status != Status::Canceled;
                for state in status
                    .delivery_states(expanded)
                    .into_iter()
                    .filter(|_| reachable)
                {
                    assert_eq!(Status::of_delivery(state, expanded), status);
                }
            }
        }
        for status in [Status::Success, Status::Fail] {
            for state in status.attempt_states() {
                assert_eq!(Status::of_attempt(state), status);
            }
        }
    }
}
