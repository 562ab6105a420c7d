//! Delivering now what waits for an endpoint.

use axum::extract::{Path, State};
use http::StatusCode;
use posthorn_public_http::ApiError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::scope::{ApplicationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, lookup, moment};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(release))
}

/// Makes everything due that waits for the endpoint, for whoever has repaired it and does not want to
/// wait for the next attempts.
///
/// An open circuit breaker lets a probe through at once; limits of rate and of requests in flight
/// stay in force. A delivery that fails again waits as long as after any other failure.
///
/// *Guarantee*: after 204 the attempts begin once the configuration has reached the sender: within
/// about a second while NATS answers, and in any case at their former times.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/deliver-waiting",
    operation_id = "posthorn.endpoint.deliver-waiting",
    tag = "Endpoint",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn release(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let application = &caller.application.id;
    let endpoint = lookup::endpoint(&state, application, &endpoint).await?.id;
    let released = state
        .store
        .release_deliveries(application, &endpoint, moment::now())
        .await;
    if !released.map_err(|error| failure::store(&error))? {
        return Err(no_entity());
    }
    state.snapshots.tell_endpoint(application, &endpoint).await;
    Ok(StatusCode::NO_CONTENT)
}
