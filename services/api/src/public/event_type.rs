//! Event types as callers send and receive them.

use posthorn_store::event_type::EventTypeRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::present;

/// An event type to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeIn {
    /// Its name.
    pub name: String,
    /// Everything else.
    #[serde(flatten)]
    pub settings: EventTypeUpdate,
}

/// What an event type is to be, beside its name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeUpdate {
    /// What it means.
    pub description: String,
    /// It is hidden and cannot be subscribed to.
    #[serde(default)]
    pub archived: Option<bool>,
    /// It should not be used for new subscriptions.
    #[serde(default)]
    pub deprecated: Option<bool>,
    /// JSON Schemas of its payload, by version.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub schemas: Option<Value>,
    /// Only callers with this flag see it.
    #[serde(default)]
    pub feature_flag: Option<String>,
    /// The newer spelling of `featureFlag`; at most one.
    #[serde(default)]
    pub feature_flags: Option<Vec<String>>,
    /// The heading that it stands under.
    #[serde(default)]
    pub group_name: Option<String>,
}

/// What to change in an event type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypePatch {
    /// What it means.
    #[serde(default)]
    pub description: Option<String>,
    /// It is hidden and cannot be subscribed to.
    #[serde(default)]
    pub archived: Option<bool>,
    /// It should not be used for new subscriptions.
    #[serde(default)]
    pub deprecated: Option<bool>,
    /// JSON Schemas of its payload; null removes them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    pub schemas: Option<Option<Value>>,
    /// Only callers with this flag see it; null opens it to all.
    #[serde(default, deserialize_with = "present")]
    pub feature_flag: Option<Option<String>>,
    /// The newer spelling of `featureFlag`; at most one.
    #[serde(default, deserialize_with = "present")]
    pub feature_flags: Option<Option<Vec<String>>>,
    /// The heading that it stands under; null removes it.
    #[serde(default, deserialize_with = "present")]
    pub group_name: Option<Option<String>>,
}

/// An event type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeOut {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: String,
    /// It is hidden and cannot be subscribed to.
    pub archived: bool,
    /// It should not be used for new subscriptions.
    pub deprecated: bool,
    /// JSON Schemas of its payload, by version.
    #[schema(value_type = Option<Object>)]
    pub schemas: Option<Value>,
    /// When it was created.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
    /// Only callers with this flag see it.
    pub feature_flag: Option<String>,
    /// The newer spelling of `featureFlag`.
    pub feature_flags: Option<Vec<String>>,
    /// The heading that it stands under.
    pub group_name: Option<String>,
}

impl EventTypeOut {
    /// Makes the answer; lists leave schemas out unless they are asked for.
    pub(crate) fn new(row: EventTypeRow, with_schemas: bool) -> Self {
        let settings = row.settings;
        Self {
            name: row.name.to_string(),
            description: settings.description,
            archived: settings.archived,
            deprecated: settings.deprecated,
            schemas: settings.schemas.filter(|_| with_schemas),
            created_at: row.created_at.to_rfc3339_micros(),
            updated_at: row.updated_at.to_rfc3339_micros(),
            feature_flags: settings.feature_flag.clone().map(|flag| vec![flag]),
            feature_flag: settings.feature_flag,
            group_name: settings.group_name,
        }
    }
}
