//! Applications as callers send and receive them.

use posthorn_store::application::{ApplicationRow, Metadata};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::present;

/// An application to create, or to replace another with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationIn {
    /// What people call it.
    pub name: String,
    /// The customer's own name for it.
    #[serde(default)]
    pub uid: Option<String>,
    /// Most deliveries per second.
    #[serde(default)]
    pub throttle_rate: Option<u16>,
    /// The older spelling of `throttleRate`.
    #[serde(default)]
    pub rate_limit: Option<u16>,
    /// The customer's notes.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Option<Metadata>,
}

/// What to change in an application.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationPatch {
    /// What people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// The customer's own name for it; null clears it.
    #[serde(default, deserialize_with = "present")]
    pub uid: Option<Option<String>>,
    /// Most deliveries per second; null lifts the limit.
    #[serde(default, deserialize_with = "present")]
    pub throttle_rate: Option<Option<u16>>,
    /// The older spelling of `throttleRate`.
    #[serde(default, deserialize_with = "present")]
    pub rate_limit: Option<Option<u16>>,
    /// The customer's notes.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Option<Metadata>,
}

/// An application.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationOut {
    /// Its id.
    pub id: String,
    /// The customer's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// What people call it.
    pub name: String,
    /// The older spelling of `throttleRate`.
    pub rate_limit: Option<u16>,
    /// Most deliveries per second.
    pub throttle_rate: Option<u16>,
    /// When it was created.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
    /// The customer's notes.
    #[schema(value_type = BTreeMap<String, String>)]
    pub metadata: Metadata,
}

impl From<ApplicationRow> for ApplicationOut {
    fn from(row: ApplicationRow) -> Self {
        Self {
            id: row.id.to_string(),
            uid: row.uid.map(|uid| uid.to_string()),
            name: row.name,
            rate_limit: row.throttle_rate,
            throttle_rate: row.throttle_rate,
            created_at: row.created_at.to_rfc3339_micros(),
            updated_at: row.updated_at.to_rfc3339_micros(),
            metadata: row.metadata,
        }
    }
}
