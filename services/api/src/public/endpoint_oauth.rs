//! The OAuth client that has the tokens for an endpoint, as callers set and see it. Its secret only
//! comes in.
//!
//! Names are those of Svix's hosted API; `scope`, `basic` and `post` are shorter spellings.

use std::collections::BTreeMap;

use posthorn_event_schema::{OAuthMethod, OAuthSettings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An OAuth client; its tokens are sent with each delivery.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OAuthIn {
    /// Where tokens come from; the rules are those of an endpoint's URL.
    pub token_url: String,
    /// The client's name.
    pub client_id: String,
    /// The client's secret, to be given with each change.
    pub client_secret: String,
    /// What tokens are to allow.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// The same as one text, with spaces.
    #[serde(default)]
    pub scope: Option<String>,
    /// How the client's secret is sent: `clientSecretBasic` (as a header, the default) or
    /// `clientSecretPost` (in the body).
    #[serde(default)]
    pub auth_method: Option<String>,
    /// Only `clientCredentials`.
    #[serde(default)]
    pub grant_type: Option<String>,
    /// Further parameters of the request. They are shown again: no place for secrets.
    #[serde(default)]
    pub extra_params: Option<BTreeMap<String, String>>,
}

/// The OAuth client whose tokens are sent. Its secret is never told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OAuthOut {
    /// Where tokens come from.
    pub token_url: String,
    /// The client's name.
    pub client_id: String,
    /// What tokens are to allow.
    pub scopes: Vec<String>,
    /// How the client's secret is sent.
    pub auth_method: &'static str,
    /// Always `clientCredentials`.
    pub grant_type: &'static str,
    /// Further parameters of the request.
    pub extra_params: BTreeMap<String, String>,
}

impl From<OAuthSettings> for OAuthOut {
    fn from(settings: OAuthSettings) -> Self {
        let scope = settings.scope.unwrap_or_default();
        Self {
            token_url: settings.token_url,
            client_id: settings.client_id,
            scopes: scope.split_whitespace().map(str::to_owned).collect(),
            auth_method: match settings.method {
                OAuthMethod::Basic => "clientSecretBasic",
                OAuthMethod::Post => "clientSecretPost",
            },
            grant_type: "clientCredentials",
            extra_params: settings.extra_params,
        }
    }
}
