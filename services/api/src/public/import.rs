//! Objects that are brought from elsewhere with their ids, and what became of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::application::ApplicationIn;
use super::endpoint::EndpointIn;
use super::event_type::EventTypeUpdate;

/// An application as its source has it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportApplicationIn {
    /// What it is to be.
    #[serde(flatten)]
    pub application: ApplicationIn,
    /// Since when it exists.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// An endpoint as its source has it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportEndpointIn {
    /// What it is to be. Without a secret an existing one stays; event types need not exist.
    #[serde(flatten)]
    pub endpoint: EndpointIn,
    /// Whether a secret that we make, because there is none here, is an ed25519 key pair.
    #[serde(default)]
    pub asymmetric: bool,
    /// Names of headers whose values the source does not tell: what is set here stays.
    #[serde(default)]
    pub keep_headers: Vec<String>,
    /// Since when it exists.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// An event type as its source has it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportEventTypeIn {
    /// What it is to be.
    #[serde(flatten)]
    pub settings: EventTypeUpdate,
    /// Since when it exists.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ImportOutcome {
    /// It did not exist.
    Created,
    /// Some of it was changed.
    Updated,
    /// Nothing was changed.
    Unchanged,
}

/// What became of an object, or for a dry run would become of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportOut {
    /// What became of it.
    pub outcome: ImportOutcome,
    /// The fields that took the source's value.
    pub changed: Vec<String>,
    /// The fields that differ from the source's, and stay because they were changed here.
    pub kept: Vec<String>,
}
