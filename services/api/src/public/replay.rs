//! Replays, and the end of what waits, as callers ask for them.

use serde::Deserialize;
use utoipa::ToSchema;

/// Since when, and until when, messages are to be delivered once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpanIn {
    /// Messages accepted from here on; at most 14 days before `until`.
    #[schema(format = DateTime)]
    pub since: String,
    /// Messages accepted before this; now, when absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Count the messages only, and pause: resuming the task delivers them.
    #[serde(default)]
    pub preview: bool,
}

/// Which messages are to be delivered once more, whatever became of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkReplayIn {
    /// Messages accepted from here on; at most 14 days before `until`.
    #[schema(format = DateTime)]
    pub since: String,
    /// Messages accepted before this; now, when absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Of these types; null or empty = all.
    #[serde(default)]
    pub event_types: Option<Vec<String>>,
    /// With this channel.
    #[serde(default)]
    pub channel: Option<String>,
    /// With this tag.
    #[serde(default)]
    pub tag: Option<String>,
    /// 0 success, 1 pending, 2 fail, 3 sending, 4 canceled.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 4)]
    pub status: Option<u8>,
    /// 100, 200, 300, 400 or 500: the class of the last answer; 0 = no HTTP answer came.
    #[serde(default)]
    pub status_code_class: Option<u16>,
    /// Count the messages only, and pause: resuming the task delivers them.
    #[serde(default)]
    pub preview: bool,
}

/// What is not to be delivered any more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelIn {
    /// Messages accepted before this.
    #[schema(format = DateTime)]
    pub created_before: String,
}
