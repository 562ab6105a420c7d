//! What customers' portals look like, as callers send and receive it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an organisation's portals look like; what is null is as we make it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortalLook {
    /// What the portal is called.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The colour of what can be clicked: `#rrggbb`.
    #[serde(default)]
    pub accent_color: Option<String>,
    /// A picture as a `data:` URL in base64: PNG, JPEG, WebP or SVG, at most 64 KiB.
    #[serde(default)]
    pub logo: Option<String>,
    /// Light, dark, or as the browser wants it.
    #[serde(default)]
    pub theme: Theme,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the browser wants it.
    #[default]
    Auto,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}
