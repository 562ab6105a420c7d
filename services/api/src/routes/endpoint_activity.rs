//! What happened lately at the endpoints of a list.

use axum::Json;
use axum::extract::State;
use posthorn_event_schema::EndpointId;
use posthorn_public_http::{ApiError, QueryParams};
use posthorn_store::listing::Order;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::public::endpoint_activity::EndpointActivityOut;
use crate::public::list::ListOut;
use crate::public::query::{EndpointListQuery, OrderQuery, PageQuery};
use crate::scope::ApplicationCaller;
use crate::state::ApiState;
use crate::{failure, moment, paging};

const HOURS: u16 = 24;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists what happened lately at an application's endpoints: page by page the endpoints of their own
/// list.
///
/// Figures follow history by about two seconds.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint-activity",
    operation_id = "posthorn.endpoint.list-activity",
    tag = "Endpoint",
    params(PageQuery, OrderQuery, EndpointListQuery),
    responses((status = 200, description = "The answer", body = ListOut<EndpointActivityOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn list(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    query: QueryParams,
) -> Result<Json<ListOut<EndpointActivityOut>>, ApiError> {
    let page = paging::page(&query, EndpointId::parse)?;
    let order = paging::order(&query, Order::Descending)?;
    let filter = filter::endpoints(&query)?;
    let application = &caller.application.id;
    let read = async {
        let slice = state
            .store
            .list_endpoints(application, &filter, order, &page)
            .await?;
        let ids: Vec<EndpointId> = slice.items.into_iter().map(|row| row.id).collect();
        let activity = state
            .store
            .endpoint_activity(application, &ids, HOURS, moment::now())
            .await?;
        Ok((ids, activity, slice.done))
    };
    let (ids, activity, done) = read.await.map_err(|error| failure::store(&error))?;
    let shown = ids.iter().zip(activity);
    let shown = shown.map(|(id, activity)| EndpointActivityOut::new(id, activity));
    Ok(Json(ListOut::new(
        shown.collect(),
        done,
        |item: &EndpointActivityOut| &item.endpoint_id,
    )))
}
