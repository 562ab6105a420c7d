//! Endpoints of operational webhooks, as callers send and receive them.
//!
//! As with other endpoints, both generations of Svix's SDKs find their spellings.

use posthorn_store::application::Metadata;
use posthorn_store::endpoint::EndpointRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::endpoint::{AutoDisabledOut, EndpointIn};
use crate::custom_headers::CustomHeaders;
use crate::url_credentials;

/// An endpoint of operational webhooks to create, or to replace another with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationalWebhookEndpointIn {
    /// Where it receives.
    pub url: String,
    /// What people note about it.
    #[serde(default)]
    pub description: Option<String>,
    /// Most deliveries per second.
    #[serde(default)]
    pub throttle_rate: Option<u16>,
    /// The older spelling of `throttleRate`.
    #[serde(default)]
    pub rate_limit: Option<u16>,
    /// The customer's own name for it.
    #[serde(default)]
    pub uid: Option<String>,
    /// It receives nothing for now.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// The operational event types that it receives; null or empty = all.
    #[serde(default)]
    pub event_types: Option<Vec<String>>,
    /// The older spelling of `eventTypes`.
    #[serde(default)]
    pub filter_types: Option<Vec<String>>,
    /// Its signing secret; made by us when absent. Only read at creation.
    #[serde(default)]
    pub secret: Option<String>,
    /// The customer's notes.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Option<Metadata>,
    /// Headers to add to every delivery. Only read at creation.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub headers: Option<CustomHeaders>,
}

impl From<OperationalWebhookEndpointIn> for EndpointIn {
    fn from(body: OperationalWebhookEndpointIn) -> Self {
        Self {
            url: body.url,
            description: body.description,
            uid: body.uid,
            throttle_rate: body.throttle_rate,
            rate_limit: body.rate_limit,
            fifo: None,
            disabled: body.disabled,
            event_types: body.event_types,
            filter_types: body.filter_types,
            channels: None,
            metadata: body.metadata,
            secret: body.secret,
            headers: body.headers,
        }
    }
}

/// An endpoint of operational webhooks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationalWebhookEndpointOut {
    /// Its id.
    pub id: String,
    /// Where it receives.
    pub url: String,
    /// What people note about it.
    pub description: String,
    /// Most deliveries per second.
    pub throttle_rate: Option<u16>,
    /// The older spelling of `throttleRate`.
    pub rate_limit: Option<u16>,
    /// The customer's own name for it.
    pub uid: Option<String>,
    /// It receives nothing for now.
    pub disabled: bool,
    /// How Posthorn disabled it; null while it is enabled, and when a person disabled it.
    pub auto_disabled: Option<AutoDisabledOut>,
    /// The operational event types that it receives; null = all.
    pub event_types: Option<Vec<String>>,
    /// The older spelling of `eventTypes`.
    pub filter_types: Option<Vec<String>>,
    /// When it was created.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
    /// The customer's notes.
    #[schema(value_type = BTreeMap<String, String>)]
    pub metadata: Metadata,
}

impl From<EndpointRow> for OperationalWebhookEndpointOut {
    fn from(row: EndpointRow) -> Self {
        let settings = row.settings;
        let names = settings.event_types;
        let names: Option<Vec<String>> =
            names.map(|list| list.iter().map(ToString::to_string).collect());
        Self {
            id: row.id.to_string(),
            url: url_credentials::shown(settings.url, row.sealed_credentials.is_some()),
            description: settings.description,
            throttle_rate: settings.throttle_rate,
            rate_limit: settings.throttle_rate,
            uid: settings.uid.map(|uid| uid.to_string()),
            disabled: settings.disabled,
            auto_disabled: row.auto_disabled.map(AutoDisabledOut::from),
            event_types: names.clone(),
            filter_types: names,
            created_at: row.created_at.to_rfc3339_micros(),
            updated_at: row.updated_at.to_rfc3339_micros(),
            metadata: settings.metadata,
        }
    }
}
