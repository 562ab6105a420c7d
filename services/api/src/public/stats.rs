//! Figures as callers receive them.

use std::collections::BTreeMap;

use posthorn_store::history::{Figures, FiguresByType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::task::TaskOut;

/// An endpoint's figures of a span of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointStatsOut {
    /// Attempts that succeeded.
    pub success: i64,
    /// Messages without an attempt so far.
    pub pending: i64,
    /// Messages with another attempt to come.
    pub sending: i64,
    /// Attempts that failed.
    pub fail: i64,
    /// Messages that ended without a further request.
    pub canceled: i64,
}

impl From<Figures> for EndpointStatsOut {
    fn from(figures: Figures) -> Self {
        Self {
            success: figures.delivered,
            pending: figures.pending,
            sending: figures.waiting,
            fail: figures.failed,
            canceled: figures.cancelled,
        }
    }
}

/// How an endpoint's attempts ended in a span of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptStatsOut {
    /// Attempts that succeeded.
    pub success: i64,
    /// Attempts that failed.
    pub fail: i64,
    /// Messages that ended without a further request.
    pub canceled: i64,
}

impl From<Figures> for AttemptStatsOut {
    fn from(figures: Figures) -> Self {
        Self {
            success: figures.delivered,
            fail: figures.failed,
            canceled: figures.cancelled,
        }
    }
}

/// How attempts for one type of event ended.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TypeStatsOut {
    /// Attempts that succeeded.
    pub success: i64,
    /// Attempts that failed.
    pub failure: i64,
    /// Messages that ended without a further request.
    pub canceled: i64,
}

/// How an application's attempts ended in a span of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApplicationStatsOut {
    /// By type of event.
    pub by_event_type: BTreeMap<String, TypeStatsOut>,
    /// Attempts that succeeded.
    pub total_success: i64,
    /// Attempts that failed.
    pub total_failure: i64,
    /// Messages that ended without a further request.
    pub total_canceled: i64,
    /// The first moment.
    pub since: String,
    /// The last moment.
    pub until: String,
}

impl ApplicationStatsOut {
    pub(crate) fn new(figures: FiguresByType, since: String, until: String) -> Self {
        let mut stats = Self {
            by_event_type: BTreeMap::new(),
            total_success: 0,
            total_failure: 0,
            total_canceled: 0,
            since,
            until,
        };
        for (event_type, figures) in figures {
            stats.total_success += figures.delivered;
            stats.total_failure += figures.failed;
            stats.total_canceled += figures.cancelled;
            let Some(event_type) = event_type else {
                continue;
            };
            let of_type = TypeStatsOut {
                success: figures.delivered,
                failure: figures.failed,
                canceled: figures.cancelled,
            };
            stats.by_event_type.insert(event_type.to_string(), of_type);
        }
        stats
    }
}

/// A number of things.
#[derive(Debug, Serialize, ToSchema)]
pub struct NumberOut {
    /// How many.
    pub count: i64,
}

/// A number of things, perhaps cut off.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountOut {
    /// How many, as far as they were counted.
    pub count: i64,
    /// There may be more.
    pub approximated: bool,
}

/// Whether an endpoint's throttle holds deliveries back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitStatusOut {
    /// `Ok` or `RateLimited`.
    pub status: &'static str,
    /// Since when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_since: Option<String>,
}

/// Of which applications, and of which span of time, deliveries are to be counted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageIn {
    /// Messages accepted from here on.
    #[schema(format = DateTime)]
    pub since: String,
    /// Messages accepted before this.
    #[schema(format = DateTime)]
    pub until: String,
    /// Ids or uids; null or absent = all applications.
    #[serde(default)]
    pub app_ids: Option<Vec<String>>,
}

/// A task that counts, and what it leaves out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageOut {
    /// The task.
    #[serde(flatten)]
    pub task: TaskOut,
    /// Names that belong to no application.
    pub unresolved_app_ids: Vec<String>,
}
