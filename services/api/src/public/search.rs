//! Questions about messages, and the answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message that might be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrecheckIn {
    /// What kind of event it would be.
    pub event_type: String,
    /// Its channels.
    #[serde(default)]
    pub channels: Option<Vec<String>>,
}

/// Whether it would go anywhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrecheckOut {
    /// An endpoint would receive it.
    pub active: bool,
}

/// A payload as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct RawPayloadOut {
    /// The payload's text.
    pub payload: String,
}

/// Which messages to look for; the same as the parameters of the list.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct SearchIn {
    /// Messages at most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 250, default = 50)]
    pub limit: Option<u16>,
    /// The `iterator` or `prevIterator` of another page.
    #[serde(default)]
    pub iterator: Option<String>,
    /// With this channel.
    #[serde(default)]
    pub channel: Option<String>,
    /// Accepted before this.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub before: Option<String>,
    /// Accepted after this.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub after: Option<String>,
    /// With payloads.
    #[serde(default)]
    #[schema(default = false)]
    pub with_content: Option<bool>,
    /// With this tag.
    #[serde(default)]
    pub tag: Option<String>,
    /// Of these types; null or empty = all.
    #[serde(default)]
    pub event_types: Option<Vec<String>>,
}
