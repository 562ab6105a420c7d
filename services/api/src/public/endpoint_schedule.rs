//! When an endpoint is asked again after a failure, as callers send and receive it.

use posthorn_store::endpoint::TypeSchedule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The retry schedules that hold for an endpoint: its own for all events, else that of an event's type,
/// else the server's.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointScheduleOut {
    /// Its own waits between attempts, in seconds; null = it has none.
    pub retry_schedule: Option<Vec<f64>>,
    /// The event types among those that it receives that have schedules of their own, by name.
    pub event_types: Vec<TypeScheduleOut>,
    /// There are more of them.
    pub more_event_types: bool,
    /// The waits, in seconds, where the server is not told otherwise; null while no sender says.
    pub server_schedule: Option<Vec<f64>>,
}

/// The retry schedule of an event type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypeScheduleOut {
    /// The event type.
    pub name: String,
    /// Its waits between attempts, in seconds.
    pub retry_schedule: Vec<f64>,
}

impl From<TypeSchedule> for TypeScheduleOut {
    fn from(schedule: TypeSchedule) -> Self {
        let waits = schedule.waits_ms.iter().map(|ms| ms.unsigned_abs());
        Self {
            name: schedule.name.to_string(),
            retry_schedule: seconds(waits),
        }
    }
}

/// The retry schedule that an endpoint is to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointScheduleIn {
    /// The waits between attempts, in seconds; null = those of the event's type, or the server's.
    #[serde(default)]
    pub retry_schedule: Option<Vec<u64>>,
}

/// Milliseconds as seconds: no wait is longer than 48 hours, far below what is exact.
pub(crate) fn seconds(waits_ms: impl IntoIterator<Item = u64>) -> Vec<f64> {
    waits_ms.into_iter().map(|ms| ms as f64 / 1_000.0).collect()
}
