//! An overview as callers receive it.

use posthorn_store::endpoint::EndpointRow;
use posthorn_store::history::{
    Counts, FailedAttempt, Latency, Overview, Range, Resolution, WorstEndpoint,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::url_credentials;

/// What happened in an application or an organisation, and what is to come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverviewOut {
    /// The span of time, as it was asked for.
    pub range: &'static str,
    /// Its first moment.
    pub since: String,
    /// Its last moment: the end of the bucket that is filling.
    pub until: String,
    /// Length of a bucket.
    pub bucket_seconds: u64,
    /// In the order of time, empty ones too.
    pub buckets: Vec<BucketOut>,
    /// All buckets together.
    pub totals: TotalsOut,
    /// How long attempts took; null when there was none.
    pub latency_ms: Option<LatencyOut>,
    /// Deliveries with another attempt to come, now.
    pub waiting: i64,
    /// Those of them that are due for more than a minute.
    pub past_due: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Option<String>,
    /// The endpoints with most failed attempts.
    pub worst_endpoints: Vec<WorstEndpointOut>,
    /// The last failed attempts, newest first.
    pub recent_failures: Vec<FailedAttemptOut>,
}

/// What happened in a bucket.
#[derive(Debug, Serialize, ToSchema)]
pub struct BucketOut {
    /// Where it begins.
    pub at: String,
    /// What happened.
    #[serde(flatten)]
    pub counts: CountsOut,
}

/// What happened in the whole range.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotalsOut {
    /// Attempts, however they ended.
    pub attempts: i64,
    /// What happened.
    #[serde(flatten)]
    pub counts: CountsOut,
}

/// What happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountsOut {
    /// Messages that were accepted.
    pub messages: i64,
    /// Attempts that succeeded.
    pub success: i64,
    /// Attempts that failed, with another one to come.
    pub failing: i64,
    /// Attempts that failed and were the last.
    pub exhausted: i64,
    /// Deliveries that ended without a further request.
    pub canceled: i64,
    /// Deliveries that ended because their message's time was over.
    pub expired: i64,
}

impl From<Counts> for CountsOut {
    fn from(counts: Counts) -> Self {
        Self {
            messages: counts.events,
            success: counts.delivered,
            failing: counts.failing,
            exhausted: counts.exhausted,
            canceled: counts.cancelled,
            expired: counts.expired,
        }
    }
}

/// Percentiles of how long attempts took, in milliseconds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencyOut {
    /// Half of them took at most this.
    pub p50: f64,
    /// 95 of 100 took at most this.
    pub p95: f64,
    /// 99 of 100 took at most this.
    pub p99: f64,
    /// The most that these are off, because they are read off a histogram.
    pub error_percent: u8,
}

impl From<Latency> for LatencyOut {
    fn from(latency: Latency) -> Self {
        Self {
            p50: rounded(latency.p50),
            p95: rounded(latency.p95),
            p99: rounded(latency.p99),
            error_percent: Latency::ERROR_PERCENT,
        }
    }
}

fn rounded(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

/// An endpoint that many attempts failed at.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorstEndpointOut {
    /// The application.
    pub app_id: String,
    /// The endpoint.
    pub endpoint_id: String,
    /// Where it receives; null for what is no endpoint of ours, such as a callback.
    pub url: Option<String>,
    /// What people note about it.
    pub description: Option<String>,
    /// It receives nothing for now, or was deleted.
    pub disabled: Option<bool>,
    /// Attempts, however they ended.
    pub attempts: i64,
    /// Attempts that failed.
    pub failed: i64,
    /// Attempts that succeeded.
    pub success: i64,
    /// 95 of 100 attempts took at most this, in milliseconds.
    pub p95_ms: Option<f64>,
}

impl WorstEndpointOut {
    fn new(worst: &WorstEndpoint, rows: &[EndpointRow]) -> Self {
        let row = rows.iter().find(|row| row.id == worst.endpoint);
        let shown = row.map(EndpointShown::of);
        Self {
            app_id: worst.application.to_string(),
            endpoint_id: worst.endpoint.to_string(),
            url: shown.as_ref().map(|shown| shown.url.clone()),
            disabled: shown.as_ref().map(|shown| shown.disabled),
            description: shown.map(|shown| shown.description),
            attempts: worst.failed + worst.delivered,
            failed: worst.failed,
            success: worst.delivered,
            p95_ms: worst.latency.map(|latency| rounded(latency.p95)),
        }
    }
}

/// What lists beside those of endpoints show of one.
pub(crate) struct EndpointShown {
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) disabled: bool,
}

impl EndpointShown {
    pub(crate) fn of(row: &EndpointRow) -> Self {
        let url = row.settings.url.clone();
        Self {
            url: url_credentials::shown(url, row.sealed_credentials.is_some()),
            description: row.settings.description.clone(),
            disabled: row.settings.disabled || row.deleted,
        }
    }
}

/// A failed attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedAttemptOut {
    /// Its id.
    pub attempt_id: String,
    /// The application.
    pub app_id: String,
    /// The message.
    pub msg_id: String,
    /// Who was asked.
    pub endpoint_id: String,
    /// What kind of message it was.
    pub event_type: String,
    /// When the request began.
    pub timestamp: String,
    /// Which attempt it was, from 1.
    pub attempt: u16,
    /// The HTTP status; 0 when there was no HTTP answer.
    pub response_status_code: u16,
    /// How long it took, in milliseconds.
    pub response_duration_ms: i64,
    /// Why it was not a success, as one word.
    pub failure: Option<String>,
    /// It was the last.
    pub exhausted: bool,
    /// When the next one was due.
    pub next_attempt: Option<String>,
    /// Its trace.
    pub trace_id: Option<String>,
}

impl From<FailedAttempt> for FailedAttemptOut {
    fn from(attempt: FailedAttempt) -> Self {
        Self {
            attempt_id: attempt.id.to_string(),
            app_id: attempt.application.to_string(),
            msg_id: attempt.event.to_string(),
            endpoint_id: attempt.endpoint.to_string(),
            event_type: attempt.event_type.to_string(),
            timestamp: attempt.started_at.to_rfc3339_micros(),
            attempt: attempt.number,
            response_status_code: attempt.status.unwrap_or(0),
            response_duration_ms: attempt.duration_ms,
            failure: attempt.failure,
            exhausted: attempt.exhausted,
            next_attempt: attempt.next_attempt_at.map(|at| at.to_rfc3339_micros()),
            trace_id: attempt.trace_id,
        }
    }
}

impl OverviewOut {
    pub(crate) fn new(
        name: &'static str,
        range: &Range,
        overview: Overview,
        rows: &[EndpointRow],
    ) -> Self {
        let totals = overview.totals;
        let buckets = overview.buckets.into_iter().zip(0_u32..);
        let bucket = |(counts, place): (Counts, u32)| BucketOut {
            at: range.since.plus(range.step * place).to_rfc3339_micros(),
            counts: counts.into(),
        };
        Self {
            range: name,
            since: range.since.to_rfc3339_micros(),
            until: range.until().to_rfc3339_micros(),
            bucket_seconds: range.step.as_secs(),
            buckets: buckets.map(bucket).collect(),
            totals: TotalsOut {
                attempts: totals.delivered + totals.failing + totals.exhausted,
                counts: totals.into(),
            },
            latency_ms: overview.latency.map(LatencyOut::from),
            waiting: overview.summary.waiting,
            past_due: overview.summary.past_due,
            next_attempt_at: overview
                .summary
                .next_attempt_at
                .map(|at| at.to_rfc3339_micros()),
            worst_endpoints: overview
                .worst
                .iter()
                .map(|worst| WorstEndpointOut::new(worst, rows))
                .collect(),
            recent_failures: overview.failures.into_iter().map(Into::into).collect(),
        }
    }
}

/// A range by its name.
pub(crate) struct NamedRange {
    pub(crate) name: &'static str,
    /// Length of a bucket, in seconds.
    pub(crate) step: u64,
    pub(crate) count: u16,
    pub(crate) resolution: Resolution,
}

/// The ranges that can be asked for.
pub(crate) const RANGES: [NamedRange; 3] = [
    NamedRange {
        name: "1h",
        step: 60,
        count: 60,
        resolution: Resolution::Minute,
    },
    NamedRange {
        name: "24h",
        step: 3_600,
        count: 24,
        resolution: Resolution::Hour,
    },
    NamedRange {
        name: "7d",
        step: 2 * 3_600,
        count: 84,
        resolution: Resolution::Hour,
    },
];
