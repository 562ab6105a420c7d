//! What OUTCOMES carries to history: who matched an event, how attempts ended, what was cancelled.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ApplicationId, AttemptRecord, DeliveryId, EndpointId, EventId, EventType, LeftOut,
    OrganizationId, SchemaVersion, Timestamp,
};

/// What most outcomes fit into: growing it step by step would copy it several times.
const USUAL_BYTES: usize = 2 * 1024;

/// One line of a message of OUTCOMES.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Who matched an event, and who did not and why.
    Fanout(FanoutVerdict),
    /// One HTTP request.
    Attempt(AttemptRecord),
    /// A delivery that ended without a further request.
    Cancelled(DeliveryCancelled),
}

/// Which of them a line is.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Fanout,
    Attempt,
    Cancelled,
}

impl Kind {
    fn of(message: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Tagged {
            kind: Kind,
        }
        // As we write them: no need to read all of it for that.
        if message.starts_with(br#"{"kind":"attempt","#) {
            return Ok(Self::Attempt);
        }
        if message.starts_with(br#"{"kind":"fanout","#) {
            return Ok(Self::Fanout);
        }
        serde_json::from_slice(message).map(|tagged: Tagged| tagged.kind)
    }
}

/// Who matched an event: fan-out's whole decision, or one part of it for a large application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FanoutVerdict {
    /// Schema version.
    #[serde(rename = "v")]
    pub version: SchemaVersion,
    /// The event.
    pub event: EventId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// Whose event it is.
    pub application: ApplicationId,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When the event was accepted: its place in history.
    pub accepted_at: Timestamp,
    /// When the decision was made.
    pub decided_at: Timestamp,
    /// Which part of the decision this is, from 0; a part has at most
    /// [`FanoutVerdict::MAX_ENDPOINTS`] endpoints.
    pub part: u32,
    /// The decision for each endpoint; where there is a `left_out`, only for those that matched.
    pub endpoints: Vec<EndpointVerdict>,
    /// Whom it left out, where those are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

impl FanoutVerdict {
    /// Endpoints in one message: keeps it below 128 KiB, far from NATS' limit of 1 MiB.
    pub const MAX_ENDPOINTS: usize = 1_000;

    /// The endpoints that receive the event.
    pub fn matched(&self) -> impl Iterator<Item = &EndpointId> {
        let matched = |decision: &&EndpointVerdict| decision.verdict == Verdict::Matched;
        let decisions = self.endpoints.iter().filter(matched);
        decisions.map(|decision| &decision.endpoint)
    }
}

/// Fan-out's decision for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EndpointVerdictFields")]
pub struct EndpointVerdict {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Whether it receives the event.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Whether an endpoint receives an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// A job was enqueued.
    Matched,
    /// No job, for this reason.
    NotMatched {
        /// Why.
        reason: Mismatch,
    },
}

/// An [`EndpointVerdict`] as it is read: what is flattened is read twice, and the recorder reads one of them for
/// each delivery.
#[derive(Deserialize)]
struct EndpointVerdictFields {
    endpoint: EndpointId,
    verdict: VerdictName,
    reason: Option<Mismatch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum VerdictName {
    Matched,
    NotMatched,
}

impl TryFrom<EndpointVerdictFields> for EndpointVerdict {
    type Error = &'static str;

    fn try_from(fields: EndpointVerdictFields) -> Result<Self, Self::Error> {
        let verdict = match (fields.verdict, fields.reason) {
            (VerdictName::Matched, _) => Verdict::Matched,
            (VerdictName::NotMatched, Some(reason)) => Verdict::NotMatched { reason },
            (VerdictName::NotMatched, None) => return Err("missing field `reason`"),
        };
        Ok(Self {
            endpoint: fields.endpoint,
            verdict,
        })
    }
}

/// Why an endpoint does not receive an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// The endpoint is disabled.
    Disabled,
    /// It has not subscribed to the event's type.
    EventType,
    /// It has channels and the event has none of them.
    Channel,
}

impl Mismatch {
    /// The reason as one word, for history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::EventType => "event_type",
            Self::Channel => "channel",
        }
    }
}

/// A delivery that ended without a further request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryCancelled {
    /// Schema version.
    #[serde(rename = "v")]
    pub version: SchemaVersion,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The event.
    pub event: EventId,
    /// The application's owner.
    pub organization: OrganizationId,
    /// Whose event it is.
    pub application: ApplicationId,
    /// Who would have received it.
    pub endpoint: EndpointId,
    /// When the event was accepted: its place in history.
    pub accepted_at: Timestamp,
    /// When it was cancelled.
    pub at: Timestamp,
    /// Why.
    pub reason: CancelReason,
}

/// Why a delivery ended without a further request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The endpoint was deleted.
    EndpointDeleted,
    /// The endpoint was disabled.
    EndpointDisabled,
    /// The receiver answered 410: it is gone for good.
    EndpointGone,
    /// Its deadline passed while it waited.
    DeadlinePassed,
    /// A person asked for it.
    Requested,
    /// Its event expired: nobody wants to know any more.
    Expired,
}

impl CancelReason {
    /// The reason as one word, for history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndpointDeleted => "endpoint_deleted",
            Self::EndpointDisabled => "endpoint_disabled",
            Self::EndpointGone => "endpoint_gone",
            Self::DeadlinePassed => "deadline_passed",
            Self::Requested => "requested",
            Self::Expired => "expired",
        }
    }
}

impl Outcome {
    /// The line as published on OUTCOMES, without a line break in it.
    ///
    /// # Panics
    /// Never: outcomes have string keys and whole numbers, which JSON can always carry.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut json = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut json, self).expect("outcomes are always representable in JSON");
        Bytes::from(json)
    }

    /// Reads a line of a message of OUTCOMES.
    ///
    /// # Errors
    /// When it is not one that this build knows.
    pub fn decode(message: &[u8]) -> Result<Self, serde_json::Error> {
        match Kind::of(message)? {
            Kind::Fanout => serde_json::from_slice(message).map(Self::Fanout),
            Kind::Attempt => serde_json::from_slice(message).map(Self::Attempt),
            Kind::Cancelled => serde_json::from_slice(message).map(Self::Cancelled),
        }
    }

    /// The deterministic `Nats-Msg-Id`: recording the same thing twice stores it once. A decision that
    /// brings its roster along is not the same thing as one that counts on it being there.
    #[must_use]
    pub fn dedup_id(&self) -> String {
        match self {
            Self::Fanout(v) => {
                let roster = v.left_out.as_ref().filter(|all| all.endpoints.is_some());
                let roster = roster.map_or_else(String::new, |all| format!("/{}", all.roster));
                format!("{}.{}/{}{roster}", v.application, v.event, v.part)
            }
            Self::Attempt(a) => a.id.to_string(),
            Self::Cancelled(c) => format!("{}/cancelled", c.delivery),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_receives_nothing_has_a_reason() {
        let read = |json: &str| serde_json::from_str::<EndpointVerdict>(json);
        let left_out = r#"{"endpoint":"ep_1","verdict":"not_matched","reason":"channel"}"#;
        let reason = Mismatch::Channel;
        assert_eq!(
            read(left_out).unwrap().verdict,
            Verdict::NotMatched { reason }
        );
        assert_eq!(
            serde_json::to_string(&read(left_out).unwrap()).unwrap(),
            left_out
        );
        let why = read(r#"{"endpoint":"ep_1","verdict":"not_matched"}"#).unwrap_err();
        assert!(why.to_string().contains("reason"), "{why}");
        let matched = read(r#"{"endpoint":"ep_1","verdict":"matched"}"#).unwrap();
        assert_eq!(matched.verdict, Verdict::Matched);
    }
}
