//! The retry schedule of an endpoint, instead of those of event types and the server's.

use axum::Json;
use axum::extract::{Path, State};
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::endpoint::EndpointRow;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::event_type_schedule;
use crate::fields::Fields;
use crate::public::endpoint_schedule::{EndpointScheduleIn, EndpointScheduleOut, seconds};
use crate::scope::{ApplicationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, lookup, moment};

/// Seconds that each wait of an endpoint's own takes at least: customers may set it, and a failing event
/// with 63 waits of nothing would be 64 attempts in a moment.
const LEAST_WAIT: u64 = 1;
/// Most event types that are listed with their schedules.
const MOST_TYPES: u16 = 100;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read, replace))
}

/// Reads which retry schedules hold for an endpoint.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/retry-schedule",
    operation_id = "posthorn.endpoint.get-retry-schedule",
    tag = "Endpoint",
    responses((status = 200, description = "The answer", body = EndpointScheduleOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn read(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<Json<EndpointScheduleOut>, ApiError> {
    let row = lookup::endpoint(&state, &caller.application.id, &name).await?;
    shown(&state, &caller, &row).await
}

/// Gives an endpoint a retry schedule of its own, for events of all types; or takes it away.
///
/// It holds for attempts that end from now on; what waits already comes when it was to come.
#[utoipa::path(
    put,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/retry-schedule",
    operation_id = "posthorn.endpoint.update-retry-schedule",
    tag = "Endpoint",
    request_body = EndpointScheduleIn,
    responses((status = 200, description = "The answer", body = EndpointScheduleOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn replace(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<EndpointScheduleIn>,
) -> Result<Json<EndpointScheduleOut>, ApiError> {
    let waits = body.retry_schedule.as_deref();
    let waits = waits.map(checked).transpose()?;
    let application = &caller.application.id;
    let id = lookup::endpoint(&state, application, &name).await?.id;
    let replaced = state
        .store
        .replace_endpoint_schedule(application, &id, waits.as_deref(), moment::now())
        .await;
    let row = replaced
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)?;
    state.snapshots.tell_endpoint(application, &id).await;
    shown(&state, &caller, &row).await
}

/// The waits in milliseconds, checked.
fn checked(waits: &[u64]) -> Result<Vec<i64>, ApiError> {
    let mut fields = Fields::default();
    if waits.iter().any(|wait| *wait < LEAST_WAIT) {
        let rule = format!("no wait may be shorter than {LEAST_WAIT} second");
        fields.note("retrySchedule", rule);
    }
    fields.finish()?;
    event_type_schedule::checked(waits)
}

async fn shown(
    state: &ApiState,
    caller: &ApplicationCaller,
    row: &EndpointRow,
) -> Result<Json<EndpointScheduleOut>, ApiError> {
    let wanted = row.settings.event_types.as_deref();
    let flags = caller.visible_flags();
    let of_types = state
        .store
        .type_schedules(
            &caller.organization,
            wanted,
            flags.as_deref(),
            MOST_TYPES + 1,
        )
        .await;
    let mut of_types = of_types.map_err(|error| failure::store(&error))?;
    let more_event_types = of_types.len() > usize::from(MOST_TYPES);
    of_types.truncate(usize::from(MOST_TYPES));
    let of_server = state
        .default_schedule
        .waits_ms(&state.bus, Some(&row.id))
        .await;
    let own = row.retry_waits_ms.as_ref();
    Ok(Json(EndpointScheduleOut {
        retry_schedule: own.map(|waits| seconds(waits.iter().map(|ms| ms.unsigned_abs()))),
        event_types: of_types.into_iter().map(Into::into).collect(),
        more_event_types,
        server_schedule: of_server.map(seconds),
    }))
}
