//! API keys and sessions of browsers, as callers send and receive them.

use posthorn_store::api_key::ApiKeyRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyIn {
    /// What people call it.
    pub name: String,
    /// When it ends; never, when absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A key, without itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyOut {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its beginning.
    pub prefix: String,
    /// When it was made.
    pub created_at: String,
    /// When it ends; null = never.
    pub expires_at: Option<String>,
    /// When it was used last, to a minute.
    pub last_used_at: Option<String>,
}

impl From<ApiKeyRow> for ApiKeyOut {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            prefix: row.prefix,
            created_at: row.created_at.to_rfc3339_micros(),
            expires_at: row.expires_at.map(|at| at.to_rfc3339_micros()),
            last_used_at: row.last_used_at.map(|at| at.to_rfc3339_micros()),
        }
    }
}

/// A key that was made now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewApiKeyOut {
    /// The key as lists show it.
    #[serde(flatten)]
    pub shown: ApiKeyOut,
    /// The key itself, which is shown this once.
    pub key: String,
}

/// How a browser signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionIn {
    /// An API key, or an organisation's token.
    pub api_key: String,
}

/// A browser's session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionOut {
    /// Whom it speaks for.
    pub organization_id: String,
    /// When it ends.
    pub expires_at: String,
    /// What every request with the cookie carries in the header `posthorn-csrf`.
    pub csrf_token: String,
    /// It may see the fleet.
    pub operator: bool,
    /// Where traces are looked at, with `{trace_id}` in the place of a trace's id; null when that is not
    /// set, or for others than the operator.
    pub trace_url: Option<String>,
}
