//! What a live stream tells, as callers receive it.

use serde::Serialize;
use utoipa::ToSchema;

/// `event: ready`, the first of a stream.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveReadyOut {
    /// Everything since `Last-Event-ID` follows.
    pub resumed: bool,
    /// `Last-Event-ID` is too old, or none of ours: something may have been missed.
    pub missed: bool,
}

/// `event: message`: a message was accepted, and it is decided who receives it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveMessageOut<'a> {
    /// The message.
    pub id: &'a str,
    /// The application.
    pub app_id: &'a str,
    /// What kind of message it is.
    pub event_type: &'a str,
    /// When it was accepted.
    pub timestamp: String,
    /// How many endpoints receive it, of the first thousand.
    pub endpoints: usize,
    /// There are more than a thousand endpoints.
    pub more_endpoints: bool,
}

/// `event: attempt`: an attempt ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveAttemptOut<'a> {
    /// The attempt.
    pub id: &'a str,
    /// The application.
    pub app_id: &'a str,
    /// The message.
    pub msg_id: &'a str,
    /// Who was asked.
    pub endpoint_id: &'a str,
    /// What kind of message it is.
    pub event_type: &'a str,
    /// When the request began.
    pub timestamp: String,
    /// Which attempt it was, from 1.
    pub attempt: u16,
    /// 0 success, 2 fail.
    pub status: u8,
    /// The status as a word.
    pub status_text: &'static str,
    /// The HTTP status; 0 when there was no HTTP answer.
    pub response_status_code: u16,
    /// How long it took, in milliseconds.
    pub response_duration_ms: u64,
    /// What asked for it: 0 = the schedule, 1 = a person.
    pub trigger_type: u8,
    /// It failed and was the last.
    pub exhausted: bool,
    /// When the next one is due.
    pub next_attempt: Option<String>,
    /// Why it was not a success, as one word.
    pub failure: Option<&'static str>,
    /// Its trace.
    pub trace_id: Option<&'a str>,
}

/// `event: canceled`: a delivery ended without a further request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveCanceledOut<'a> {
    /// The application.
    pub app_id: &'a str,
    /// The message.
    pub msg_id: &'a str,
    /// Who would have received it.
    pub endpoint_id: &'a str,
    /// When it ended.
    pub timestamp: String,
    /// Why.
    pub reason: &'static str,
}

/// `event: missed` and `event: end`.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveReasonOut {
    /// `slow_reader` or `source`; of an end `token_ended`, `max_age`, `source` or `shutdown`.
    pub reason: &'static str,
}
