//! What watchers are told: made once, whoever watches. Pure.

use posthorn_event_schema::{
    ApplicationId, AttemptRecord, DeliveryCancelled, EndpointId, FanoutVerdict, OrganizationId,
    Outcome, Progress,
};
use posthorn_store::history::DeliveryState;

use super::Position;
use crate::public::attempt::Status;
use crate::public::live::{LiveAttemptOut, LiveCanceledOut, LiveMessageOut};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message was accepted, and it is decided who receives it.
    Message,
    /// An attempt ended.
    Attempt,
    /// A delivery ended without a further request.
    Canceled,
    /// Something was missed before this place.
    Gap,
}

impl Kind {
    pub(crate) const TOLD: [Self; 3] = [Self::Message, Self::Attempt, Self::Canceled];

    /// As callers read it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Attempt => "attempt",
            Self::Canceled => "canceled",
            Self::Gap => "missed",
        }
    }
}

/// Something that happened, before it has a place.
pub(super) struct Told {
    organization: OrganizationId,
    application: ApplicationId,
    endpoint: Option<EndpointId>,
    status: Option<Status>,
    kind: Kind,
    json: String,
}

/// Something that happened.
pub(crate) struct Item {
    pub(crate) place: Position,
    /// The place as callers see it.
    pub(crate) position: String,
    pub(crate) kind: Kind,
    pub(crate) json: String,
    /// Whom it concerns; `None` concerns everybody.
    pub(crate) whose: Option<(OrganizationId, ApplicationId)>,
    pub(crate) endpoint: Option<EndpointId>,
    pub(crate) status: Option<Status>,
}

impl Told {
    pub(super) fn at(self, place: Position, position: String) -> Item {
        Item {
            place,
            position,
            kind: self.kind,
            json: self.json,
            whose: Some((self.organization, self.application)),
            endpoint: self.endpoint,
            status: self.status,
        }
    }
}

impl Item {
    /// Something up to this message was missed.
    pub(super) fn gap(sequence: u64) -> Self {
        Self {
            place: Position::end_of(sequence),
            position: String::new(),
            kind: Kind::Gap,
            json: String::new(),
            whose: None,
            endpoint: None,
            status: None,
        }
    }
}

/// What is told of an outcome, if anything is.
pub(super) fn of(outcome: &Outcome) -> Option<Told> {
    match outcome {
        Outcome::Fanout(verdict) => message(verdict),
        Outcome::Attempt(record) => Some(attempt(record)),
        Outcome::Cancelled(cancelled) => Some(canceled(cancelled)),
    }
}

fn json(out: &impl serde::Serialize) -> String {
    serde_json::to_string(out).expect("texts and numbers are always representable in JSON")
}

/// A large application's decision comes in parts, of which the first is told.
fn message(verdict: &FanoutVerdict) -> Option<Told> {
    if verdict.part != 0 {
        return None;
    }
    let decided = match &verdict.left_out {
        Some(left_out) => left_out.verdicts.endpoints(),
        None => verdict.endpoints.len(),
    };
    let out = LiveMessageOut {
        id: verdict.event.as_str(),
        app_id: verdict.application.as_str(),
        event_type: verdict.event_type.as_str(),
        timestamp: verdict.accepted_at.to_rfc3339_micros(),
        endpoints: verdict.matched().count(),
        more_endpoints: decided >= FanoutVerdict::MAX_ENDPOINTS,
    };
    Some(Told {
        organization: verdict.organization.clone(),
        application: verdict.application.clone(),
        endpoint: None,
        status: None,
        kind: Kind::Message,
        json: json(&out),
    })
}

fn attempt(record: &AttemptRecord) -> Told {
    let status = Status::of_attempt(DeliveryState::of(record.progress));
    let next_attempt = match record.progress {
        Progress::Waiting { next_attempt_at } => Some(next_attempt_at.to_rfc3339_micros()),
        Progress::Delivered | Progress::Exhausted => None,
    };
    let out = LiveAttemptOut {
        id: record.id.as_str(),
        app_id: record.application.as_str(),
        msg_id: record.event.as_str(),
        endpoint_id: record.endpoint.as_str(),
        event_type: record.event_type.as_str(),
        timestamp: record.started_at.to_rfc3339_micros(),
        attempt: record.attempt.get(),
        status: status.code(),
        status_text: status.text(),
        response_status_code: record.response.status.unwrap_or(0),
        response_duration_ms: record.duration_ms,
        trigger_type: match record.trigger {
            posthorn_event_schema::Trigger::Scheduled => 0,
            posthorn_event_schema::Trigger::Manual => 1,
        },
        exhausted: record.progress == Progress::Exhausted,
        next_attempt,
        failure: record.failure.map(|class| class.as_str()),
        trace_id: record.trace_id.as_deref(),
    };
    Told {
        organization: record.organization.clone(),
        application: record.application.clone(),
        endpoint: Some(record.endpoint.clone()),
        status: Some(status),
        kind: Kind::Attempt,
        json: json(&out),
    }
}

fn canceled(cancelled: &DeliveryCancelled) -> Told {
    let out = LiveCanceledOut {
        app_id: cancelled.application.as_str(),
        msg_id: cancelled.event.as_str(),
        endpoint_id: cancelled.endpoint.as_str(),
        timestamp: cancelled.at.to_rfc3339_micros(),
        reason: cancelled.reason.as_str(),
    };
    Told {
        organization: cancelled.organization.clone(),
        application: cancelled.application.clone(),
        endpoint: Some(cancelled.endpoint.clone()),
        status: Some(Status::Canceled),
        kind: Kind::Canceled,
        json: json(&out),
    }
}
