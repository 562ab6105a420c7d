//! Removing the contents of many messages.

use axum::Json;
use axum::extract::State;
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, StatusCode};
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::history::Content;
use posthorn_store::task::TaskKind;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::fields::Fields;
use crate::public::expunge::{BulkExpungeIn, BulkExpungeOut};
use crate::public::task::TaskOut;
use crate::scope::{ApplicationCaller, OrganizationCaller};
use crate::state::ApiState;
use crate::{failure, lookup, tasks};

/// Messages in one request.
const MAX_IDS: usize = 1_000;
/// Messages expunged at one time: a request must not take the whole pool.
const CONCURRENT: usize = 4;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(bulk_expunge))
        .routes(routes!(expunge_all))
}

/// Removes the payloads of some messages.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/msg/bulk-expunge",
    operation_id = "v1.message.bulk-expunge-content",
    tag = "Message",
    request_body = BulkExpungeIn,
    responses((status = 200, description = "The answer", body = BulkExpungeOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn bulk_expunge(
    State(state): State<ApiState>,
    OrganizationCaller(_): OrganizationCaller,
    caller: ApplicationCaller,
    JsonBody(body): JsonBody<BulkExpungeIn>,
) -> Result<Json<BulkExpungeOut>, ApiError> {
    let mut fields = Fields::default();
    if body.ids.len() > MAX_IDS {
        fields.note("ids", format!("must have at most {MAX_IDS} items"));
    }
    fields.finish()?;
    // Collected first: the stream borrows no closure then, and its future stays `Send`.
    let work: Vec<_> = body
        .ids
        .into_iter()
        .map(|id| expunge(&state, &caller, id))
        .collect();
    let results = stream::iter(work)
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    Ok(Json(BulkExpungeOut { results }))
}

async fn expunge(
    state: &ApiState,
    caller: &ApplicationCaller,
    id: String,
) -> Result<(String, &'static str), ApiError> {
    let application = &caller.application.id;
    let found = lookup::message_now(state, application, &id, Content::Skip).await?;
    let Some(event) = found else {
        return Ok((id, "not-found"));
    };
    let removed = state.store.expunge_body(&event.place()).await;
    let removed = removed.map_err(|error| failure::store(&error))?;
    Ok((id, if removed { "expunged" } else { "not-found" }))
}

/// Removes the payloads of all messages that the application has now.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/msg/expunge-all-contents",
    operation_id = "v1.message.expunge-all-contents",
    tag = "Message",
    responses((status = 202, description = "It was accepted", body = TaskOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn expunge_all(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<TaskOut>), ApiError> {
    caller.require_organization()?;
    let application = &caller.application.id;
    let wanted = tasks::Wanted {
        kind: TaskKind::ExpungeBodies,
        organization: &caller.organization,
        application: Some(application),
        parameters: json!({}),
        data: json!({"expunged": 0}),
        subject: application.as_str(),
    };
    let task = tasks::create(&state, &headers, wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(TaskOut::from(&task))))
}
