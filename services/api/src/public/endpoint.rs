//! Endpoints, their secrets and their headers as callers send and receive them.
//!
//! Both generations of Svix's SDKs are served: `eventTypes` and `filterTypes`, `throttleRate` and
//! `rateLimit` are spellings of one field, and `version` is a number that old SDKs insist on.

use std::collections::BTreeMap;

use posthorn_store::application::Metadata;
use posthorn_store::disabling::AutoDisabled;
use posthorn_store::endpoint::EndpointRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::present;
use crate::custom_headers::CustomHeaders;
use crate::url_credentials;

/// An endpoint to create, or to replace another with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointIn {
    /// Where it receives. A user name and a password in it are kept sealed and sent as a Basic
    /// `authorization` header, unless the endpoint has a header of that name or OAuth.
    pub url: String,
    /// What people note about it.
    #[serde(default)]
    pub description: Option<String>,
    /// The customer's own name for it.
    #[serde(default)]
    pub uid: Option<String>,
    /// Most deliveries per second.
    #[serde(default)]
    pub throttle_rate: Option<u16>,
    /// The older spelling of `throttleRate`.
    #[serde(default)]
    pub rate_limit: Option<u16>,
    /// It gets its deliveries one at a time, in the order in which their events were accepted; each
    /// waits until the one before it has ended. Not changed when absent.
    #[serde(default)]
    pub fifo: Option<bool>,
    /// It receives nothing for now.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// The types that it receives; null or empty = all.
    #[serde(default)]
    pub event_types: Option<Vec<String>>,
    /// The older spelling of `eventTypes`.
    #[serde(default)]
    pub filter_types: Option<Vec<String>>,
    /// The channels that it receives; null or empty = all.
    #[serde(default)]
    pub channels: Option<Vec<String>>,
    /// The customer's notes.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Option<Metadata>,
    /// Its signing secret; made by us when absent. Only read at creation.
    #[serde(default)]
    pub secret: Option<String>,
    /// Headers to add to every delivery. Only read at creation.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub headers: Option<CustomHeaders>,
}

/// What to change in an endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointPatch {
    /// Where it receives; a user name and a password that are shown as asterisks stay as they are,
    /// as long as the URL leads to the same place.
    #[serde(default)]
    pub url: Option<String>,
    /// What people note about it.
    #[serde(default)]
    pub description: Option<String>,
    /// The customer's own name for it; null clears it.
    #[serde(default, deserialize_with = "present")]
    pub uid: Option<Option<String>>,
    /// Most deliveries per second; null lifts the limit.
    #[serde(default, deserialize_with = "present")]
    pub throttle_rate: Option<Option<u16>>,
    /// The older spelling of `throttleRate`.
    #[serde(default, deserialize_with = "present")]
    pub rate_limit: Option<Option<u16>>,
    /// It gets its deliveries one at a time, in order.
    #[serde(default)]
    pub fifo: Option<bool>,
    /// It receives nothing for now.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// The types that it receives; null or empty = all.
    #[serde(default, deserialize_with = "present")]
    pub event_types: Option<Option<Vec<String>>>,
    /// The older spelling of `eventTypes`.
    #[serde(default, deserialize_with = "present")]
    pub filter_types: Option<Option<Vec<String>>>,
    /// The channels that it receives; null or empty = all.
    #[serde(default, deserialize_with = "present")]
    pub channels: Option<Option<Vec<String>>>,
    /// The customer's notes.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Option<Metadata>,
}

/// An endpoint. Its secret is never part of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointOut {
    /// Its id.
    pub id: String,
    /// Where it receives; a user name and a password are shown as asterisks.
    pub url: String,
    /// What people note about it.
    pub description: String,
    /// The customer's own name for it.
    pub uid: Option<String>,
    /// The older spelling of `throttleRate`.
    pub rate_limit: Option<u16>,
    /// Most deliveries per second.
    pub throttle_rate: Option<u16>,
    /// It gets its deliveries one at a time, in order.
    pub fifo: bool,
    /// Without meaning; SDKs of the first generation insist on it.
    pub version: u16,
    /// It receives nothing for now.
    pub disabled: bool,
    /// How Posthorn disabled it; null while it is enabled, and when a person disabled it.
    pub auto_disabled: Option<AutoDisabledOut>,
    /// The types that it receives; null = all.
    pub event_types: Option<Vec<String>>,
    /// The older spelling of `eventTypes`.
    pub filter_types: Option<Vec<String>>,
    /// The channels that it receives; null = all.
    pub channels: Option<Vec<String>>,
    /// When it was created.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
    /// The customer's notes.
    #[schema(value_type = BTreeMap<String, String>)]
    pub metadata: Metadata,
}

/// How Posthorn disabled an endpoint; Svix has no such thing, and its SDKs ignore it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoDisabledOut {
    /// `gone` = it answered 410; `receiver` = it answered `webhook-delivery: disable`;
    /// `failures` = it had only failed for days.
    pub reason: &'static str,
    /// When.
    pub at: String,
    /// Since when it had only failed.
    pub fail_since: String,
}

impl From<AutoDisabled> for AutoDisabledOut {
    fn from(how: AutoDisabled) -> Self {
        Self {
            reason: how.by.as_str(),
            at: how.at.to_rfc3339_micros(),
            fail_since: how.fail_since.to_rfc3339_micros(),
        }
    }
}

impl From<EndpointRow> for EndpointOut {
    fn from(row: EndpointRow) -> Self {
        let settings = row.settings;
        let event_types = texts(settings.event_types);
        Self {
            id: row.id.to_string(),
            url: url_credentials::shown(settings.url, row.sealed_credentials.is_some()),
            description: settings.description,
            uid: settings.uid.map(|uid| uid.to_string()),
            rate_limit: settings.throttle_rate,
            throttle_rate: settings.throttle_rate,
            fifo: settings.fifo,
            version: 1,
            disabled: settings.disabled,
            auto_disabled: row.auto_disabled.map(AutoDisabledOut::from),
            event_types: event_types.clone(),
            filter_types: event_types,
            channels: texts(settings.channels),
            created_at: row.created_at.to_rfc3339_micros(),
            updated_at: row.updated_at.to_rfc3339_micros(),
            metadata: settings.metadata,
        }
    }
}

fn texts<T: ToString>(list: Option<Vec<T>>) -> Option<Vec<String>> {
    list.map(|list| list.iter().map(ToString::to_string).collect())
}

/// What a receiver verifies deliveries with.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecretOut {
    /// `whsec_…`, or the public half `whpk_…` of a key pair.
    pub key: String,
}

/// A wish for a new secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotateIn {
    /// The new secret; made by us when absent.
    #[serde(default)]
    pub key: Option<String>,
    /// How long the old secret signs on.
    #[serde(default)]
    pub grace_period_seconds: Option<u64>,
}

/// Headers to have instead of all present ones.
#[derive(Debug, Deserialize, ToSchema)]
pub struct HeadersIn {
    /// Names and values.
    #[schema(value_type = BTreeMap<String, String>)]
    pub headers: CustomHeaders,
}

/// Headers to set and to remove.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeadersPatch {
    /// Names and values; null removes a header.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// Names of headers to remove.
    #[serde(default)]
    pub delete_headers: Vec<String>,
}

/// An endpoint's headers, those with credentials by name only.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeadersOut {
    /// Names and values.
    #[schema(value_type = BTreeMap<String, String>)]
    pub headers: CustomHeaders,
    /// Names of the headers whose values are not shown.
    pub sensitive: Vec<String>,
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::{ApplicationId, EndpointId, EventType, OrganizationId, Timestamp};
    use posthorn_store::endpoint::EndpointSettings;
    use serde_json::json;

    use super::*;

    #[test]
    fn both_generations_of_sdks_find_their_fields() {
        let at = Timestamp::from_unix_micros(1_704_067_200_123_456);
        let row = EndpointRow {
            id: EndpointId::parse("ep_1").unwrap(),
            application: ApplicationId::parse("app_1").unwrap(),
            organization: OrganizationId::parse("org_1").unwrap(),
            settings: EndpointSettings {
                uid: None,
                url: "https://example.com/".to_owned(),
                description: String::new(),
                event_types: Some(vec![EventType::parse("a.b").unwrap()]),
                channels: None,
                disabled: false,
                throttle_rate: Some(7),
                fifo: false,
                metadata: Metadata::new(),
            },
            sealed_headers: Some(b"sealed".to_vec()),
            sealed_credentials: Some(b"sealed".to_vec()),
            cancelled_before: None,
            released_at: None,
            retry_waits_ms: None,
            auto_disabled: None,
            version: 3,
            created_at: at,
            updated_at: at,
            deleted: false,
        };
        let shown = serde_json::to_value(EndpointOut::from(row)).unwrap();
        let expected = json!({
            "id": "ep_1",
            "url": "https://***:***@example.com/",
            "description": "",
            "uid": null,
            "rateLimit": 7,
            "throttleRate": 7,
            "fifo": false,
            "version": 1,
            "disabled": false,
            "autoDisabled": null,
            "eventTypes": ["a.b"],
            "filterTypes": ["a.b"],
            "channels": null,
            "createdAt": "2024-01-01T00:00:00.123456Z",
            "updatedAt": "2024-01-01T00:00:00.123456Z",
            "metadata": {},
        });
        assert_eq!(shown, expected);
    }
}
