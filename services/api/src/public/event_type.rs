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
    /// The newer spelling of `featureFlag`: only callers with one of them see it.
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
    /// The newer spelling of `featureFlag`: only callers with one of them see it.
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
    /// The first of `featureFlags`.
    pub feature_flag: Option<String>,
    /// Only callers with one of these flags see it.
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
            feature_flag: settings
                .feature_flags
                .as_ref()
                .and_then(|flags| flags.first().cloned()),
            feature_flags: settings.feature_flags,
            group_name: settings.group_name,
        }
    }
}

/// An event type's retry schedule, and how long its events are of interest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetrySchedule {
    /// The waits between attempts, in seconds; null = the deployment's schedule.
    pub retry_schedule: Option<Vec<u64>>,
    /// Seconds after which an event that is not delivered yet ends as expired; null = never.
    pub time_to_live: Option<u32>,
}

/// What an event type's retry schedule, and the time that its events are of interest, are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryScheduleIn {
    /// The waits between attempts, in seconds; null = the deployment's schedule.
    #[serde(default)]
    pub retry_schedule: Option<Vec<u64>>,
    /// Seconds after which an event that is not delivered yet ends as expired; null = never. Not
    /// changed when absent: callers made for Svix do not know of it.
    #[serde(default, deserialize_with = "present")]
    pub time_to_live: Option<Option<u32>>,
}

/// An OpenAPI document whose webhooks are to become event types.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeImportOpenApiIn {
    /// The document as an object.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub spec: Option<Value>,
    /// The document as JSON or YAML text; read when `spec` is absent.
    #[serde(default)]
    pub spec_raw: Option<String>,
    /// Change nothing, and answer with what would be changed.
    #[serde(default)]
    pub dry_run: Option<bool>,
    /// Archive every event type that the document does not have.
    #[serde(default)]
    pub replace_all: Option<bool>,
}

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventTypeImportOpenApiOut {
    /// What it did.
    pub data: EventTypeImportOpenApiOutData,
}

/// What an import did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventTypeImportOpenApiOutData {
    /// The event types that were created or changed.
    pub modified: Vec<String>,
    /// The event types that would be, for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_modify: Option<Vec<EventTypeFromOpenApi>>,
}

/// An event type as a document has it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeFromOpenApi {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: String,
    /// JSON Schemas of its payload, by version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schemas: Option<Value>,
    /// It should not be used for new subscriptions.
    pub deprecated: bool,
    /// The heading that it stands under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Only callers with one of these flags see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_flags: Option<Vec<String>>,
}
