//! Headers that an endpoint's customer adds to every delivery. Credentials are never shown again.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::endpoint::EndpointRow;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::custom_headers::{self, CustomHeaders};
use crate::fields::Fields;
use crate::public::endpoint::{HeadersIn, HeadersOut, HeadersPatch};
use crate::scope::ApplicationCaller;
use crate::sealing::{self, Owner};
use crate::state::ApiState;
use crate::{failure, lookup, moment};

/// How often a change is tried again when another one came in between.
const TRIES: u32 = 5;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read, replace, patch))
}

/// Reads an endpoint's custom headers.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers",
    operation_id = "v1.endpoint.get-headers",
    tag = "Endpoint",
    responses((status = 200, description = "The answer", body = HeadersOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn read(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<Json<HeadersOut>, ApiError> {
    current(&state, &caller, &name).await
}

/// An endpoint's headers, without credentials.
pub(super) async fn current(
    state: &ApiState,
    caller: &ApplicationCaller,
    name: &str,
) -> Result<Json<HeadersOut>, ApiError> {
    let row = lookup::endpoint(state, &caller.application.id, name).await?;
    let (headers, sensitive) = custom_headers::redacted(open(state, &row)?);
    Ok(Json(HeadersOut { headers, sensitive }))
}

/// Replaces an endpoint's custom headers.
#[utoipa::path(
    put,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers",
    operation_id = "v1.endpoint.update-headers",
    tag = "Endpoint",
    request_body = HeadersIn,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn replace(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<HeadersIn>,
) -> Result<StatusCode, ApiError> {
    change(&state, &caller, &name, |_old| body.headers.clone()).await
}

/// Changes some of an endpoint's custom headers.
#[utoipa::path(
    patch,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers",
    operation_id = "v1.endpoint.patch-headers",
    tag = "Endpoint",
    request_body = HeadersPatch,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn patch(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<HeadersPatch>,
) -> Result<StatusCode, ApiError> {
    change(&state, &caller, &name, |mut headers| {
        for name in &body.delete_headers {
            custom_headers::remove(&mut headers, name);
        }
        for (name, value) in &body.headers {
            match value {
                Some(value) => custom_headers::set(&mut headers, name.clone(), value.clone()),
                None => custom_headers::remove(&mut headers, name),
            }
        }
        headers
    })
    .await
}

/// Reads, changes and writes the headers; a change that came in between makes it begin again.
pub(super) async fn change(
    state: &ApiState,
    caller: &ApplicationCaller,
    name: &str,
    edit: impl Fn(CustomHeaders) -> CustomHeaders,
) -> Result<StatusCode, ApiError> {
    for _ in 0..TRIES {
        let row = lookup::endpoint(state, &caller.application.id, name).await?;
        let headers = edit(open(state, &row)?);
        let mut fields = Fields::default();
        check(&mut fields, &headers);
        fields.finish()?;
        let sealed = sealing::seal_headers(&state.config.keys, owner(&row), &headers);
        let written = state
            .store
            .replace_endpoint_headers(&row, sealed.as_deref(), moment::now())
            .await;
        if written.map_err(|error| failure::store(&error))? {
            state
                .snapshots
                .tell_endpoint(&row.application, &row.id)
                .await;
            return Ok(StatusCode::NO_CONTENT);
        }
    }
    let detail = "The endpoint is being changed by others, try again.";
    Err(ApiError::conflict("conflict", detail))
}

/// Notes every header that breaks a rule.
pub(crate) fn check(fields: &mut Fields, headers: &CustomHeaders) {
    for problem in custom_headers::problems(headers) {
        let rule = problem.rule;
        fields.note_at("headers", problem.name, rule.sentence(), rule.code());
    }
}

pub(super) fn open(state: &ApiState, row: &EndpointRow) -> Result<CustomHeaders, ApiError> {
    let sealed = row.sealed_headers.as_deref();
    let opened = sealing::open_headers(&state.config.keys, owner(row), sealed);
    opened.map_err(|error| ApiError::internal(&error))
}

fn owner(row: &EndpointRow) -> Owner<'_> {
    Owner {
        organization: &row.organization,
        endpoint: &row.id,
    }
}
