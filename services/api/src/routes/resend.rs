//! Delivering a message to an endpoint once more, because somebody asks for it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use posthorn_event_schema::{
    AttemptNumber, DeliveryId, DeliveryJob, EndpointId, JobMeta, RunId, SchemaVersion, Timestamp,
    Trigger,
};
use posthorn_public_http::ApiError;
use posthorn_store::history::{Body, Content, StoredEvent};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::public::list::EmptyOut;
use crate::scope::ApplicationCaller;
use crate::state::ApiState;
use crate::{lookup, moment};

const IDEMPOTENCY_HEADER: &str = "idempotency-key";
/// How long a resend may wait for its one attempt, should senders be away. The same as a scheduled
/// delivery's default.
const WINDOW: Duration = Duration::from_secs(48 * 3_600);
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
    let job = job(&event, body, &endpoint.id, &run(&headers, now), now);
    match state.bus.publish_job(&job).await {
        Ok(_stored) => Ok((StatusCode::ACCEPTED, Json(EmptyOut {}))),
        Err(error) if error.is_transient() => {
            let reason = posthorn_chassis::error_chain::chain(&error);
            tracing::warn!(
                reason,
                "resend not stored, the caller was told to come again"
            );
            Err(ApiError::unavailable(
                "The message could not be queued, try again later.",
            ))
        }
        Err(error) => Err(ApiError::internal(&error)),
    }
}

/// Names this resend: by the request's idempotency key, so that an SDK's retry is not a second
/// resend, or else by chance.
fn run(headers: &HeaderMap, now: Timestamp) -> RunId {
    let key = headers
        .get(IDEMPOTENCY_HEADER)
        .and_then(|key| key.to_str().ok());
    let named = key.and_then(|key| RunId::parse(&format!("{}{key}", RunId::PREFIX)).ok());
    named.unwrap_or_else(|| RunId::generate(now, moment::dice()))
}

fn job(
    event: &StoredEvent,
    body: Bytes,
    endpoint: &EndpointId,
    run: &RunId,
    now: Timestamp,
) -> DeliveryJob {
    let meta = JobMeta {
        version: SchemaVersion,
        delivery: DeliveryId::manual(&event.id, endpoint, run),
        event: event.id.clone(),
        organization: event.organization.clone(),
        application: event.application.clone(),
        endpoint: endpoint.clone(),
        event_type: event.event_type.clone(),
        accepted_at: event.accepted_at,
        deadline: now.plus(WINDOW),
        attempt: AttemptNumber::FIRST,
        trigger: Trigger::Manual,
        not_before: Timestamp::default(),
    };
    DeliveryJob { meta, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(key: Option<&str>) -> RunId {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert(IDEMPOTENCY_HEADER, key.parse().unwrap());
        }
        run(&headers, Timestamp::from_unix_micros(1_800_000_000_000_000))
    }

    #[test]
    fn a_repeated_request_is_one_run() {
        let key = Some("auto_9f6ad9f3-8d5a-4f0c-a52a-7f3c1f2b8a11");
        assert_eq!(run_of(key), run_of(key));
        assert_ne!(run_of(key), run_of(Some("another")));
    }

    #[test]
    fn without_a_usable_key_each_request_is_a_run_of_its_own() {
        for key in [
            None,
            Some(""),
            Some("with a space"),
            Some(&*"x".repeat(200)),
        ] {
            assert_ne!(run_of(key), run_of(key), "{key:?}");
        }
    }
}
