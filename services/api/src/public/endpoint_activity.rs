//! What happened lately at endpoints, as callers receive it.

use posthorn_event_schema::EndpointId;
use posthorn_store::history::{Attempts, EndpointActivity, NewestAttempt};
use serde::Serialize;
use utoipa::ToSchema;

use super::attempt::Status;

/// What happened lately at an endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointActivityOut {
    /// The endpoint.
    pub endpoint_id: String,
    /// Attempts of the last 24 hours that succeeded.
    pub success: i64,
    /// Attempts of the last 24 hours that failed.
    pub failed: i64,
    /// The same hour by hour, quiet ones too; the last is the one that is running.
    pub hours: Vec<HourOut>,
    /// The newest attempt; null when there was none for a week.
    pub last_attempt: Option<LastAttemptOut>,
}

/// How an hour's attempts ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct HourOut {
    /// Those that succeeded.
    pub success: i64,
    /// Those that failed.
    pub failed: i64,
}

/// An endpoint's newest attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastAttemptOut {
    /// When the request began.
    pub timestamp: String,
    /// How it ended.
    pub status: u8,
    /// How it ended, as a word.
    pub status_text: &'static str,
    /// The HTTP status; 0 when there was no HTTP answer.
    pub response_status_code: u16,
}

impl From<Attempts> for HourOut {
    fn from(attempts: Attempts) -> Self {
        Self {
            success: attempts.delivered,
            failed: attempts.failed,
        }
    }
}

impl From<NewestAttempt> for LastAttemptOut {
    fn from(attempt: NewestAttempt) -> Self {
        let status = Status::of_attempt(attempt.state);
        Self {
            timestamp: attempt.started_at.to_rfc3339_micros(),
            status: status.code(),
            status_text: status.text(),
            response_status_code: attempt.status.unwrap_or(0),
        }
    }
}

impl EndpointActivityOut {
    pub(crate) fn new(endpoint: &EndpointId, activity: EndpointActivity) -> Self {
        Self {
            endpoint_id: endpoint.to_string(),
            success: activity.hours.iter().map(|hour| hour.delivered).sum(),
            failed: activity.hours.iter().map(|hour| hour.failed).sum(),
            hours: activity.hours.into_iter().map(Into::into).collect(),
            last_attempt: activity.newest.map(Into::into),
        }
    }
}
