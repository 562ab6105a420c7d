//! What waits for another attempt: when, at which endpoints, and one by one.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use posthorn_public_http::{ApiError, QueryParams};
use posthorn_store::history::Audience;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::public::list::ListOut;
use crate::public::query::PageQuery;
use crate::public::waiting::{WaitingDeliveryOut, WaitingOut, parse_place};
use crate::scope::{ApplicationCaller, OrganizationCaller};
use crate::state::ApiState;
use crate::{failure, lookup, moment, paging};

/// Two days of hours: no retry schedule is longer.
const STEP: Duration = Duration::from_secs(3_600);
const COUNT: u16 = 48;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_application))
        .routes(routes!(of_organization))
        .routes(routes!(of_endpoint))
}

/// Shows when an application's next attempts are due, hour by hour, and at which endpoints.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/waiting",
    operation_id = "posthorn.application.waiting",
    tag = "Overview",
    responses((status = 200, description = "The answer", body = WaitingOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_application(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
) -> Result<Json<WaitingOut>, ApiError> {
    calendar(&state, Audience::Application(&caller.application.id)).await
}

/// Shows when the next attempts of all applications are due, hour by hour, and at which endpoints.
#[utoipa::path(
    get,
    path = "/api/v1/waiting",
    operation_id = "posthorn.organization.waiting",
    tag = "Overview",
    responses((status = 200, description = "The answer", body = WaitingOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn of_organization(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
) -> Result<Json<WaitingOut>, ApiError> {
    calendar(&state, Audience::Organization(&organization)).await
}

async fn calendar(state: &ApiState, audience: Audience<'_>) -> Result<Json<WaitingOut>, ApiError> {
    let now = moment::now();
    let read = async {
        let calendar = state.store.waiting_calendar(audience, now, STEP, COUNT);
        let calendar = calendar.await?;
        let ids: Vec<_> = calendar
            .endpoints
            .iter()
            .map(|w| w.endpoint.clone())
            .collect();
        let rows = state.store.endpoints_of(audience, &ids).await?;
        Ok((calendar, rows))
    };
    let (calendar, rows) = read.await.map_err(|error| failure::store(&error))?;
    Ok(Json(WaitingOut::new(now, STEP, &calendar, &rows)))
}

/// Lists what waits for an endpoint, by when it is due.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/waiting",
    operation_id = "posthorn.endpoint.list-waiting",
    tag = "Endpoint",
    params(PageQuery),
    responses((status = 200, description = "The answer", body = ListOut<WaitingDeliveryOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_endpoint(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<ListOut<WaitingDeliveryOut>>, ApiError> {
    let application = &caller.application.id;
    let page = paging::page(&query, parse_place)?;
    let endpoint = lookup::endpoint(&state, application, &endpoint).await?.id;
    let slice = state
        .store
        .waiting_deliveries(application, &endpoint, &page);
    let slice = slice.await.map_err(|error| failure::store(&error))?;
    let items = slice.items.into_iter().map(Into::into).collect();
    Ok(Json(ListOut::new(
        items,
        slice.done,
        |item: &WaitingDeliveryOut| &item.id,
    )))
}
