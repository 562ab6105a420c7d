//! Delivering a message to an endpoint once more, because somebody asks for it.

use axum::Json;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use posthorn_bus::PublishError;
use posthorn_public_http::ApiError;
use posthorn_store::history::{Body, Content};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::public::list::EmptyOut;
use crate::scope::ApplicationCaller;
use crate::state::ApiState;
use crate::{lookup, manual_delivery, moment};

const MISSING_PAYLOAD: &str = "Unable to resend message. Payload is missing (probably expired).";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(resend))
}

/// *Guarantee*: after 202 one attempt will be made, whatever dies next, unless the endpoint is
/// disabled or deleted by then. A request repeated with its idempotency key within the stream's
/// duplicate window makes no second attempt.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend",
    operation_id = "v1.message-attempt.resend",
    tag = "Message Attempt",
    responses((status = 202, description = "It was accepted", body = EmptyOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn resend(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg, endpoint)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<EmptyOut>), ApiError> {
    let application = &caller.application.id;
    let endpoint = lookup::endpoint(&state, application, &endpoint).await?;
    let mut event = lookup::message(&state, application, &msg, Content::Read).await?;
    let Body::Bytes(body) = std::mem::replace(&mut event.body, Body::Skipped) else {
        return Err(ApiError::bad_request("missing_payload", MISSING_PAYLOAD));
    };
    let now = moment::now();
    let run = manual_delivery::run(&headers, now);
    let job = manual_delivery::job(&event, body, &endpoint.id, &run, now);
    let stored = state.bus.publish_job(&job).await;
    stored.map_err(|error| not_queued(&error))?;
    Ok((StatusCode::ACCEPTED, Json(EmptyOut {})))
}

/// The answer when a delivery could not be queued.
pub(super) fn not_queued(error: &PublishError) -> ApiError {
    if !error.is_transient() {
        return ApiError::internal(error);
    }
    let reason = posthorn_chassis::error_chain::chain(error);
    tracing::warn!(
        reason,
        "delivery not queued, the caller was told to come again"
    );
    ApiError::unavailable("The message could not be queued, try again later.")
}
