//! The retry schedule of an event type, instead of the deployment's, and its time to live.

use axum::Json;
use axum::extract::{Path, State};
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::event_type_schedule::ScheduleRow;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::event_type::named;
use crate::failure;
use crate::fields::Fields;
use crate::public::event_type::{RetrySchedule, RetryScheduleIn};
use crate::scope::{OrganizationCaller, no_entity};
use crate::state::ApiState;

/// All waits together, in seconds: the promise is that no attempt comes later than 48 h after
/// acceptance. Each wait may come out a tenth longer, and the attempts take their time, too.
const MAX_TOTAL: u64 = 48 * 3_600;
/// Most waits. *Source*: as many as the sender numbers attempts, but one.
const MAX_WAITS: usize = 63;
/// Longest time to live, in seconds: no delivery lives longer in any case.
const MAX_LIFE: u32 = 48 * 3_600;
/// What an attempt takes at most, in seconds.
const ATTEMPT: u64 = 30;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read, replace))
}

/// Reads an event type's retry schedule.
#[utoipa::path(
    get,
    path = "/api/v1/event-type/{event_type_name}/retry-schedule",
    operation_id = "v1.event-type.get-retry-schedule",
    tag = "Event Type",
    responses((status = 200, description = "The answer", body = RetrySchedule)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn read(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(name): Path<String>,
) -> Result<Json<RetrySchedule>, ApiError> {
    let found = state
        .store
        .retry_schedule(&organization, &named(&name)?)
        .await;
    let found = found.map_err(|error| failure::store(&error))?;
    found.map(shown).ok_or_else(no_entity)
}

/// Replaces an event type's retry schedule.
#[utoipa::path(
    put,
    path = "/api/v1/event-type/{event_type_name}/retry-schedule",
    operation_id = "v1.event-type.update-retry-schedule",
    tag = "Event Type",
    request_body = RetryScheduleIn,
    responses((status = 200, description = "The answer", body = RetrySchedule)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn replace(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<RetryScheduleIn>,
) -> Result<Json<RetrySchedule>, ApiError> {
    let name = named(&name)?;
    let waits = body.retry_schedule.as_deref().map(checked).transpose()?;
    let time_to_live = body.time_to_live;
    let time_to_live = time_to_live.map(|life| life.map(checked_life).transpose());
    let time_to_live = time_to_live.transpose()?;
    let replaced = state
        .store
        .replace_retry_schedule(&organization, &name, waits.as_deref(), time_to_live)
        .await;
    let row = replaced
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)?;
    state.snapshots.tell_schedule(&row).await;
    Ok(shown(row))
}

fn shown(row: ScheduleRow) -> Json<RetrySchedule> {
    let seconds = |ms: i64| ms.unsigned_abs() / 1_000;
    let waits = row.waits_ms;
    Json(RetrySchedule {
        retry_schedule: waits.map(|waits| waits.into_iter().map(seconds).collect()),
        time_to_live: row.time_to_live.map(i32::unsigned_abs),
    })
}

fn checked_life(seconds: u32) -> Result<i32, ApiError> {
    let mut fields = Fields::default();
    if !(1..=MAX_LIFE).contains(&seconds) {
        fields.note(
            "timeToLive",
            format!("must be between 1 and {MAX_LIFE} seconds"),
        );
    }
    fields.finish()?;
    Ok(i32::try_from(seconds).unwrap_or(i32::MAX))
}

/// The waits in milliseconds, checked.
pub(super) fn checked(waits: &[u64]) -> Result<Vec<i64>, ApiError> {
    let mut fields = Fields::default();
    if waits.len() > MAX_WAITS {
        fields.note(
            "retrySchedule",
            format!("must have at most {MAX_WAITS} items"),
        );
    }
    let total = waits
        .iter()
        .fold(0_u64, |sum, wait| sum.saturating_add(*wait));
    let attempts = ATTEMPT * waits.iter().fold(1, |count, _| count + 1);
    if total.saturating_add(total / 10).saturating_add(attempts) > MAX_TOTAL {
        let rule = "all attempts together, each wait a tenth longer, must fit into 48 hours";
        fields.note("retrySchedule", rule);
    }
    if !waits.is_sorted() {
        fields.note(
            "retrySchedule",
            "no wait may be shorter than the one before it",
        );
    }
    fields.finish()?;
    let millis = |seconds: &u64| i64::try_from(seconds * 1_000).unwrap_or(i64::MAX);
    Ok(waits.iter().map(millis).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_fits_into_48_hours() {
        let default = [
            5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 54_000,
        ];
        assert_eq!(checked(&default).unwrap()[..2], [5_000, 30_000]);
        assert!(checked(&[]).unwrap().is_empty());
        let long = [1; 64];
        for bad in [&[172_800][..], &[u64::MAX, u64::MAX], &[60, 5], &long] {
            assert_eq!(checked(bad).unwrap_err().status(), 422, "{bad:?}");
        }
    }
}
