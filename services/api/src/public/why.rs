//! Why a message went to an endpoint, or did not, as callers receive it.

use posthorn_event_schema::{EndpointId, Mismatch, Timestamp, Trigger, Verdict};
use posthorn_store::endpoint::EndpointRow;
use posthorn_store::history::{EventEndpoint, StoredDelivery};
use serde::Serialize;
use utoipa::ToSchema;

use super::attempt::Status;
use super::overview::EndpointShown;

/// An endpoint as a message saw it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedEndpointOut {
    /// The endpoint.
    pub endpoint_id: String,
    /// Where it receives now; null for what is no endpoint of ours, such as a callback.
    pub url: Option<String>,
    /// What people note about it.
    pub description: Option<String>,
    /// It was deleted since.
    pub deleted: bool,
    /// `matched`, `not_matched`, or `unknown` when history does not say.
    pub verdict: &'static str,
    /// Why it did not match, or why nothing is known: `disabled`, `event_type`, `channel`,
    /// `created_later`, `not_decided_yet` or `not_recorded`.
    pub reason: Option<&'static str>,
    /// The same in a sentence.
    pub text: String,
    /// When it was decided.
    pub decided_at: Option<String>,
    /// Where the delivery stands; null when there is none.
    pub delivery: Option<ExplainedDeliveryOut>,
}

/// Where a delivery stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedDeliveryOut {
    /// As for attempts: 0 success, 1 pending, 2 fail, 3 sending, 4 canceled.
    pub status: u8,
    /// The status as a word.
    pub status_text: &'static str,
    /// Attempts so far.
    pub attempts: u16,
    /// When the next attempt is due.
    pub next_attempt: Option<String>,
    /// The attempt that decides the status.
    pub last_attempt_id: Option<String>,
    /// When it began.
    pub last_attempt_at: Option<String>,
    /// Its HTTP status; null when there was no HTTP answer, or no attempt.
    pub response_status_code: Option<u16>,
    /// Why it was not a success, as one word.
    pub failure: Option<String>,
    /// When it ended without a further request.
    pub canceled_at: Option<String>,
    /// Why it did.
    pub cancel_reason: Option<String>,
    /// What asked for it: 0 = the message itself, 1 = a person; null when that is not known.
    pub trigger: Option<u8>,
}

impl From<StoredDelivery> for ExplainedDeliveryOut {
    fn from(delivery: StoredDelivery) -> Self {
        let status = Status::of_delivery(delivery.state, true);
        let last = delivery.last;
        Self {
            status: status.code(),
            status_text: status.text(),
            attempts: delivery.attempts,
            next_attempt: delivery.next_attempt_at.map(|at| at.to_rfc3339_micros()),
            last_attempt_id: last.as_ref().map(|last| last.id.to_string()),
            last_attempt_at: last
                .as_ref()
                .map(|last| last.started_at.to_rfc3339_micros()),
            response_status_code: last.as_ref().and_then(|last| last.status),
            failure: last.and_then(|last| last.failure),
            canceled_at: delivery
                .cancelled
                .as_ref()
                .map(|cancelled| cancelled.at.to_rfc3339_micros()),
            cancel_reason: delivery.cancelled.map(|cancelled| cancelled.reason),
            trigger: delivery.trigger.map(|trigger| match trigger {
                Trigger::Scheduled => 0,
                Trigger::Manual => 1,
            }),
        }
    }
}

/// What history and configuration say about a message and an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Matched,
    Not(Mismatch),
    CreatedLater,
    NotDecidedYet,
    NotRecorded,
}

impl Reason {
    /// `decided_at` is when the message was decided about, if it was.
    fn of(
        decision: Option<Verdict>,
        decided_at: Option<Timestamp>,
        created_at: Option<Timestamp>,
    ) -> Self {
        match (decision, decided_at, created_at) {
            (Some(Verdict::Matched), ..) => Self::Matched,
            (Some(Verdict::NotMatched { reason }), ..) => Self::Not(reason),
            (None, None, _) => Self::NotDecidedYet,
            (None, Some(decided), Some(created)) if created > decided => Self::CreatedLater,
            (None, Some(_), _) => Self::NotRecorded,
        }
    }

    fn verdict(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Not(_) | Self::CreatedLater => "not_matched",
            Self::NotDecidedYet | Self::NotRecorded => "unknown",
        }
    }

    fn word(self) -> Option<&'static str> {
        match self {
            Self::Matched => None,
            Self::Not(mismatch) => Some(mismatch.as_str()),
            Self::CreatedLater => Some("created_later"),
            Self::NotDecidedYet => Some("not_decided_yet"),
            Self::NotRecorded => Some("not_recorded"),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Matched => "The endpoint was enabled, and subscribed to the message.",
            Self::Not(Mismatch::Disabled) => "The endpoint was disabled at that moment.",
            Self::Not(Mismatch::EventType) => {
                "The endpoint was not subscribed to the message's event type."
            }
            Self::Not(Mismatch::Channel) => {
                "The endpoint has channels, and the message was sent to none of them."
            }
            Self::CreatedLater => "The endpoint was created after the message was fanned out.",
            Self::NotDecidedYet => {
                "No decision is recorded yet: the message waits for its time, or history is behind."
            }
            Self::NotRecorded => {
                "Nothing was recorded about this endpoint when the message was fanned out: its \
                 configuration had not arrived yet, or it is only reached by hand."
            }
        }
    }
}

impl ExplainedEndpointOut {
    pub(crate) fn new(
        item: EventEndpoint,
        rows: &[EndpointRow],
        event_decided_at: Option<Timestamp>,
    ) -> Self {
        let id: &EndpointId = &item.endpoint;
        let row = rows.iter().find(|row| row.id == *id);
        let shown = row.map(EndpointShown::of);
        let verdict = item.decision.map(|(verdict, _)| verdict);
        let reason = Reason::of(verdict, event_decided_at, row.map(|row| row.created_at));
        Self {
            endpoint_id: id.to_string(),
            url: shown.as_ref().map(|shown| shown.url.clone()),
            description: shown.map(|shown| shown.description),
            deleted: row.is_some_and(|row| row.deleted),
            verdict: reason.verdict(),
            reason: reason.word(),
            text: reason.text().to_owned(),
            decided_at: item.decision.map(|(_, at)| at.to_rfc3339_micros()),
            delivery: item.delivery.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_said_to_be_unknown() {
        let at = |seconds: i64| Some(Timestamp::from_unix_micros(seconds * 1_000_000));
        let disabled = Some(Verdict::NotMatched {
            reason: Mismatch::Disabled,
        });
        for (decision, decided, created, expected) in [
            (Some(Verdict::Matched), at(5), at(1), Reason::Matched),
            (disabled, at(5), at(1), Reason::Not(Mismatch::Disabled)),
            (None, at(5), at(9), Reason::CreatedLater),
            (None, at(5), at(1), Reason::NotRecorded),
            (None, at(5), None, Reason::NotRecorded),
            (None, None, at(1), Reason::NotDecidedYet),
        ] {
            assert_eq!(Reason::of(decision, decided, created), expected);
        }
    }
}
