//! Portal access, sessions and who one is, as callers send and receive them.

use posthorn_public_http::Capability;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::application::ApplicationIn;

/// What a portal link is to allow.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppPortalAccessIn {
    /// Event types with these flags are visible, beside those without any.
    #[serde(default)]
    pub feature_flags: Option<Vec<String>>,
    /// The application to create if the path names none; its uid must be the path's.
    #[serde(default)]
    pub application: Option<ApplicationIn>,
    /// What the portal may do; everything when absent.
    #[serde(default)]
    pub capabilities: Option<Vec<CapabilityIn>>,
    /// How long the token is valid, in seconds.
    #[serde(default)]
    #[schema(minimum = 3600, maximum = 604_800, default = 604_800)]
    pub expiry: Option<u64>,
    /// A name for this token, by which it can be expired.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Nothing may be changed, and secrets are not shown unless `capabilities` lists them.
    #[serde(default)]
    pub read_only: Option<bool>,
}

/// Something that a portal may do.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub enum CapabilityIn {
    /// See endpoints, messages, attempts and event types.
    ViewBase,
    /// See signing secrets.
    ViewEndpointSecret,
    /// Rotate signing secrets.
    ManageEndpointSecret,
    /// Change transformations.
    ManageTransformations,
    /// Resend and recover.
    CreateAttempts,
    /// Create, change and delete endpoints.
    ManageEndpoint,
}

impl From<CapabilityIn> for Capability {
    fn from(capability: CapabilityIn) -> Self {
        match capability {
            CapabilityIn::ViewBase => Self::ViewBase,
            CapabilityIn::ViewEndpointSecret => Self::ViewEndpointSecret,
            CapabilityIn::ManageEndpointSecret => Self::ManageEndpointSecret,
            CapabilityIn::ManageTransformations => Self::ManageTransformations,
            CapabilityIn::CreateAttempts => Self::CreateAttempts,
            CapabilityIn::ManageEndpoint => Self::ManageEndpoint,
        }
    }
}

/// A way into an application's portal.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppPortalAccessOut {
    /// A link that logs in once, within five minutes.
    pub url: String,
    /// The token itself.
    pub token: String,
}

/// Which tokens are to end, and when.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationTokenExpireIn {
    /// In how many seconds; at once when absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 259_200)]
    pub expiry: Option<u64>,
    /// Only the tokens of these sessions.
    #[serde(default)]
    pub session_ids: Option<Vec<String>>,
}

/// Whom a token speaks for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhoamiOut {
    /// The organisation.
    pub env_id: Option<String>,
    /// The application, for a portal's token.
    pub app_id: Option<String>,
    /// How the caller proved it.
    pub permission_source: &'static str,
    /// The session that the token was made for.
    pub session_id: Option<String>,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub capabilities: Vec<Capability>,
    /// It may see the fleet.
    pub operator: bool,
    /// When the token ends; null = never, or when somebody ends it.
    pub expires_at: Option<String>,
}

/// A code from a portal link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OneTimeTokenIn {
    /// The code.
    pub one_time_token: String,
}

/// What a code was exchanged for.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneTimeTokenOut {
    /// A portal's token.
    pub token: String,
}
