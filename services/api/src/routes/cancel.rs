//! Ending what still waits for an endpoint.

use axum::extract::{Path, State};
use http::StatusCode;
use posthorn_public_http::{ApiError, JsonBody};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::fields::Fields;
use crate::public::replay::CancelIn;
use crate::scope::{ApplicationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, lookup, moment};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(cancel))
}

/// Cancels what still waits for the endpoint: each delivery ends when it would have come due.
///
/// *Guarantee*: after 204 no attempt begins for a message that was accepted before the moment,
/// unless somebody asks for it, once the configuration has reached the sender: within milliseconds
/// while NATS answers.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/cancel-msgs",
    operation_id = "v1.endpoint.cancel-msgs",
    tag = "Endpoint",
    request_body = CancelIn,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn cancel(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    JsonBody(body): JsonBody<CancelIn>,
) -> Result<StatusCode, ApiError> {
    let mut fields = Fields::default();
    let before = fields.moment("createdBefore", &body.created_before);
    fields.finish()?;
    let now = moment::now();
    // What is still to come is not called off.
    let before = before.unwrap_or(now).min(now);
    let application = &caller.application.id;
    let endpoint = lookup::endpoint(&state, application, &endpoint).await?.id;
    let store = &state.store;
    let marked = store.cancel_deliveries_before(application, &endpoint, before);
    if !marked.await.map_err(|error| failure::store(&error))? {
        return Err(no_entity());
    }
    state.snapshots.tell_endpoint(application, &endpoint).await;
    Ok(StatusCode::NO_CONTENT)
}
