//! What holds for the whole server, as callers receive it.

use serde::Serialize;
use utoipa::ToSchema;

use super::endpoint_schedule::seconds;
use crate::config::ApiConfig;

/// What holds for every organisation, because it is set where the server runs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerOut {
    /// How many days messages and attempts are kept.
    pub retention_days: u16,
    /// An endpoint that only failed for so long is disabled; null = never.
    pub endpoint_disabled_after_seconds: Option<u64>,
    /// When the organisation is warned of an endpoint that only failed for so long; empty = never.
    pub endpoint_warned_after_seconds: Vec<u64>,
    /// Most endpoints of an application.
    pub max_endpoints_per_application: u32,
    /// Whether endpoints must have `https` URLs.
    pub https_only: bool,
    /// The waits between attempts, in seconds, where neither an endpoint nor an event type has its own;
    /// null while no sender says.
    pub retry_schedule: Option<Vec<f64>>,
}

impl ServerOut {
    pub(crate) fn of(config: &ApiConfig, retry_waits_ms: Option<Vec<u64>>) -> Self {
        let after = config.endpoint_auto_disable_after.as_secs();
        let warned = config.endpoint_warn_after.iter();
        Self {
            retention_days: config.retention_days,
            endpoint_disabled_after_seconds: (after > 0).then_some(after),
            endpoint_warned_after_seconds: warned.map(std::time::Duration::as_secs).collect(),
            max_endpoints_per_application: config.max_endpoints_per_application,
            https_only: config.url_rules.https_only,
            retry_schedule: retry_waits_ms.map(seconds),
        }
    }
}
