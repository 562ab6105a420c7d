//! The OAuth client whose tokens are sent to an endpoint.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use posthorn_event_schema::OAuthSettings;
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::endpoint_access::{Access, AccessKind};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::endpoint_access;
use crate::fields::Fields;
use crate::public::endpoint_oauth::{OAuthIn, OAuthOut};
use crate::scope::ApplicationCaller;
use crate::sealing::{self, Column};
use crate::state::ApiState;
use crate::{lookup, oauth_client};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read, replace, remove))
}

/// Reads the OAuth client whose tokens are sent to an endpoint, without its secret.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/oauth",
    operation_id = "v1.endpoint.get-oauth-config",
    tag = "Endpoint",
    responses((status = 200, description = "The answer", body = OAuthOut), (status = 404, description = "It has none")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn read(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<Json<OAuthOut>, ApiError> {
    let access = endpoint_access::read(&state, &caller, &name, AccessKind::OAuth).await?;
    let settings = serde_json::from_str::<OAuthSettings>(&access.shown);
    let settings = settings.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(settings.into()))
}

/// Gives an endpoint an OAuth client, whose tokens are sent with each delivery from now on.
///
/// They are sent as `authorization: Bearer …`, unless the endpoint has a header of that name.
#[utoipa::path(
    put,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/oauth",
    operation_id = "v1.endpoint.update-oauth-config",
    tag = "Endpoint",
    request_body = OAuthIn,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn replace(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<OAuthIn>,
) -> Result<StatusCode, ApiError> {
    let mut fields = Fields::default();
    let rules = &state.config.url_rules;
    let (settings, secret) = oauth_client::read(rules, &mut fields, body);
    fields.finish()?;
    let row = lookup::endpoint(&state, &caller.application.id, &name).await?;
    let (keys, owner) = (&state.config.keys, endpoint_access::owner(&row));
    let shown = serde_json::to_string(&settings).map_err(|error| ApiError::internal(&error))?;
    let sealed = sealing::seal(keys, owner, Column::OAuthSecret, secret.as_bytes());
    let access = Access {
        shown,
        sealed: Some(sealed),
    };
    endpoint_access::replace(&state, &row, AccessKind::OAuth, Some(&access)).await
}

/// Takes an endpoint's OAuth client away.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/oauth",
    operation_id = "v1.endpoint.delete-oauth-config",
    tag = "Endpoint",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn remove(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    endpoint_access::remove(&state, &caller, &name, AccessKind::OAuth).await
}
