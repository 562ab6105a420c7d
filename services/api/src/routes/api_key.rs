//! API keys: made, listed, ended.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use posthorn_event_schema::ApiKeyId;
use posthorn_public_http::{ApiError, JsonBody, QueryParams};
use posthorn_store::api_key::NewApiKey;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::credential::{Secret, key_digest};
use crate::fields::Fields;
use crate::minted::Minted;
use crate::public::access::{ApiKeyIn, ApiKeyOut, NewApiKeyOut};
use crate::public::list::ListOut;
use crate::public::query::PageQuery;
use crate::scope::{OrganizationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, paging};

/// Most keys of an organisation that are in force; creations at the same moment may pass it by a few.
const MAX_KEYS: u16 = 100;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(revoke))
}

/// Makes a key that speaks for the organisation. It is shown this once.
#[utoipa::path(
    post,
    path = "/api/v1/api-key",
    operation_id = "posthorn.api-key.create",
    tag = "API Key",
    request_body = ApiKeyIn,
    responses((status = 201, description = "The key", body = NewApiKeyOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn create(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    minted: Minted,
    JsonBody(body): JsonBody<ApiKeyIn>,
) -> Result<(StatusCode, Json<NewApiKeyOut>), ApiError> {
    let mut fields = Fields::default();
    fields.name(&body.name);
    let expires_at = body
        .expires_at
        .and_then(|text| fields.moment("expiresAt", &text));
    if expires_at.is_some_and(|end| end <= minted.at()) {
        fields.note("expiresAt", "must be in the future");
    }
    fields.finish()?;
    let key = Secret::api_key();
    let new = NewApiKey {
        id: &ApiKeyId::generate(minted.at(), minted.dice("api key")),
        organization: &organization,
        name: &body.name,
        prefix: key.shown(),
        digest: &key_digest(key.text()),
        expires_at,
        at: minted.at(),
    };
    let made = state.store.create_api_key(&new, MAX_KEYS).await;
    let Some(row) = made.map_err(|error| failure::store(&error))? else {
        let detail = format!("There are {MAX_KEYS} API keys already: end one of them first.");
        return Err(ApiError::conflict("too_many_api_keys", detail));
    };
    let out = NewApiKeyOut {
        shown: row.into(),
        key: key.text().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(out)))
}

/// Lists the keys that are in force, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/api-key",
    operation_id = "posthorn.api-key.list",
    tag = "API Key",
    params(PageQuery),
    responses((status = 200, description = "The answer", body = ListOut<ApiKeyOut>)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn list(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    query: QueryParams,
) -> Result<Json<ListOut<ApiKeyOut>>, ApiError> {
    let page = paging::page(&query, ApiKeyId::parse)?;
    let slice = state.store.list_api_keys(&organization, &page).await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let keys = slice.items.into_iter().map(ApiKeyOut::from).collect();
    Ok(Json(ListOut::new(keys, slice.done, |key| &key.id)))
}

/// Ends a key, and the sessions that began with it, at once.
#[utoipa::path(
    delete,
    path = "/api/v1/api-key/{key_id}",
    operation_id = "posthorn.api-key.revoke",
    tag = "API Key",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn revoke(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = ApiKeyId::parse(&id).map_err(|_no_id| no_entity())?;
    let ended = state.store.revoke_api_key(&organization, &id).await;
    if ended.map_err(|error| failure::store(&error))? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_entity())
    }
}
