//! Why a message went to an endpoint, or did not.

use axum::Json;
use axum::extract::{Path, State};
use posthorn_event_schema::EndpointId;
use posthorn_public_http::{ApiError, QueryParams};
use posthorn_store::history::{Concerned, Content};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::public::list::ListOut;
use crate::public::query::{ExplainQuery, PageQuery};
use crate::public::why::ExplainedEndpointOut;
use crate::scope::ApplicationCaller;
use crate::state::ApiState;
use crate::{failure, lookup, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(explain))
}

/// Tells for each endpoint why a message went there or did not, and where the delivery stands.
///
/// Listed by id are the endpoints that the application has now, and those that the message was decided
/// about. What was not recorded is said to be unknown.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/explain",
    operation_id = "posthorn.message.explain",
    tag = "Message",
    params(PageQuery, ExplainQuery),
    responses((status = 200, description = "The answer", body = ListOut<ExplainedEndpointOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn explain(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<ListOut<ExplainedEndpointOut>>, ApiError> {
    let application = &caller.application.id;
    let page = paging::page(&query, EndpointId::parse)?;
    let which = match query.one("receivers") {
        None => Concerned::All,
        Some(_) if filter::flag(&query, "receivers", true)? => Concerned::Receivers,
        Some(_) => Concerned::Others,
    };
    let event = lookup::message(&state, application, &msg, Content::Skip).await?;
    let read = async {
        let place = event.place();
        let decided_at = state.store.fanout_decided_at(&place).await?;
        let slice = state.store.endpoints_of_event(&place, which, &page).await?;
        let ids: Vec<_> = slice.items.iter().map(|i| i.endpoint.clone()).collect();
        let rows = state.store.endpoints_by_id(application, &ids).await?;
        Ok((decided_at, slice, rows))
    };
    let (decided_at, slice, rows) = read.await.map_err(|error| failure::store(&error))?;
    let shown = slice.items.into_iter();
    let shown = shown.map(|item| ExplainedEndpointOut::new(item, &rows, decided_at));
    Ok(Json(ListOut::new(
        shown.collect(),
        slice.done,
        |item: &ExplainedEndpointOut| &item.endpoint_id,
    )))
}
