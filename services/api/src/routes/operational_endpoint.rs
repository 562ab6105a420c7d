//! Endpoints of operational webhooks: those of the organisation's hidden application.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use posthorn_event_schema::EndpointId;
use posthorn_public_http::{ApiError, JsonBody, QueryParams, RawBody};
use posthorn_store::endpoint::EndpointFilter;
use posthorn_store::listing::Order;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{endpoint, endpoint_headers, endpoint_secret};
use crate::minted::Minted;
use crate::public::endpoint::{HeadersIn, HeadersOut, RotateIn, SecretOut};
use crate::public::list::ListOut;
use crate::public::operational::{OperationalWebhookEndpointIn, OperationalWebhookEndpointOut};
use crate::public::query::{OrderQuery, PageQuery};
use crate::scope::ManagementCaller;
use crate::state::ApiState;
use crate::{failure, lookup, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, remove))
        .routes(routes!(read_secret))
        .routes(routes!(rotate_secret))
        .routes(routes!(read_headers, replace_headers))
}

/// Lists the endpoints of operational webhooks.
#[utoipa::path(
    get,
    path = "/api/v1/operational-webhook/endpoint",
    operation_id = "v1.operational-webhook.endpoint.list",
    tag = "Operational Webhook Endpoint",
    params(PageQuery, OrderQuery),
    responses((status = 200, description = "The answer", body = ListOut<OperationalWebhookEndpointOut>)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn list(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    query: QueryParams,
) -> Result<Json<ListOut<OperationalWebhookEndpointOut>>, ApiError> {
    let page = paging::page(&query, EndpointId::parse)?;
    let order = paging::order(&query, Order::Descending)?;
    let application = &caller.application.id;
    let all = EndpointFilter::default();
    let slice = state
        .store
        .list_endpoints(application, &all, order, &page)
        .await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let endpoints = slice.items.into_iter().map(Into::into).collect();
    Ok(Json(ListOut::new(
        endpoints,
        slice.done,
        |endpoint: &OperationalWebhookEndpointOut| &endpoint.id,
    )))
}

/// Creates an endpoint of operational webhooks.
#[utoipa::path(
    post,
    path = "/api/v1/operational-webhook/endpoint",
    operation_id = "v1.operational-webhook.endpoint.create",
    tag = "Operational Webhook Endpoint",
    request_body = OperationalWebhookEndpointIn,
    responses((status = 201, description = "It was created", body = OperationalWebhookEndpointOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn create(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    minted: Minted,
    JsonBody(body): JsonBody<OperationalWebhookEndpointIn>,
) -> Result<(StatusCode, Json<OperationalWebhookEndpointOut>), ApiError> {
    let wanted = endpoint::checked(&state, &caller, body.into()).await?;
    let row = endpoint::insert(&state, &caller, &minted, wanted).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Reads an endpoint of operational webhooks.
#[utoipa::path(
    get,
    path = "/api/v1/operational-webhook/endpoint/{endpoint_id}",
    operation_id = "v1.operational-webhook.endpoint.get",
    tag = "Operational Webhook Endpoint",
    responses((status = 200, description = "The answer", body = OperationalWebhookEndpointOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn one(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    Path(name): Path<String>,
) -> Result<Json<OperationalWebhookEndpointOut>, ApiError> {
    let row = lookup::endpoint(&state, &caller.application.id, &name).await?;
    Ok(Json(row.into()))
}

/// Replaces the settings of an endpoint of operational webhooks.
#[utoipa::path(
    put,
    path = "/api/v1/operational-webhook/endpoint/{endpoint_id}",
    operation_id = "v1.operational-webhook.endpoint.update",
    tag = "Operational Webhook Endpoint",
    request_body = OperationalWebhookEndpointIn,
    responses((status = 200, description = "The answer", body = OperationalWebhookEndpointOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn replace(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<OperationalWebhookEndpointIn>,
) -> Result<Json<OperationalWebhookEndpointOut>, ApiError> {
    let existing = lookup::endpoint(&state, &caller.application.id, &name).await?;
    let wanted = endpoint::checked(&state, &caller, body.into()).await?;
    let change = wanted.into_change(&state, &existing)?;
    let row = endpoint::update(&state, &caller, &existing, &change).await?;
    Ok(Json(row.into()))
}

/// Deletes an endpoint of operational webhooks.
#[utoipa::path(
    delete,
    path = "/api/v1/operational-webhook/endpoint/{endpoint_id}",
    operation_id = "v1.operational-webhook.endpoint.delete",
    tag = "Operational Webhook Endpoint",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn remove(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    endpoint::delete(&state, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the signing secret of an endpoint of operational webhooks.
#[utoipa::path(
    get,
    path = "/api/v1/operational-webhook/endpoint/{endpoint_id}/secret",
    operation_id = "v1.operational-webhook.endpoint.get-secret",
    tag = "Operational Webhook Endpoint",
    responses((status = 200, description = "The answer", body = SecretOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn read_secret(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    Path(name): Path<String>,
) -> Result<Json<SecretOut>, ApiError> {
    endpoint_secret::current(&state, &caller, &name).await
}

/// Replaces the signing secret of an endpoint of operational webhooks; the old one signs on for a
/// while.
#[utoipa::path(
    post,
    path = "/api/v1/operational-webhook/endpoint/{endpoint_id}/secret/rotate",
    operation_id = "v1.operational-webhook.endpoint.rotate-secret",
    tag = "Operational Webhook Endpoint",
    request_body = Option<RotateIn>,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn rotate_secret(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    Path(name): Path<String>,
    minted: Minted,
    RawBody(body): RawBody,
) -> Result<StatusCode, ApiError> {
    endpoint_secret::replaced(&state, &caller, &minted, &name, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the custom headers of an endpoint of operational webhooks.
#[utoipa::path(
    get,
    path = "/api/v1/operational-webhook/endpoint/{endpoint_id}/headers",
    operation_id = "v1.operational-webhook.endpoint.get-headers",
    tag = "Operational Webhook Endpoint",
    responses((status = 200, description = "The answer", body = HeadersOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn read_headers(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    Path(name): Path<String>,
) -> Result<Json<HeadersOut>, ApiError> {
    endpoint_headers::current(&state, &caller, &name).await
}

/// Replaces the custom headers of an endpoint of operational webhooks.
#[utoipa::path(
    put,
    path = "/api/v1/operational-webhook/endpoint/{endpoint_id}/headers",
    operation_id = "v1.operational-webhook.endpoint.update-headers",
    tag = "Operational Webhook Endpoint",
    request_body = HeadersIn,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn replace_headers(
    State(state): State<ApiState>,
    ManagementCaller(caller): ManagementCaller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<HeadersIn>,
) -> Result<StatusCode, ApiError> {
    endpoint_headers::change(&state, &caller, &name, |_old| body.headers.clone()).await
}
