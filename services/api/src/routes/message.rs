//! Reading messages, and removing their contents. Creating them is ingest's.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use posthorn_event_schema::EventId;
use posthorn_public_http::{ApiError, QueryParams};
use posthorn_store::history::{Content, EndpointEventFilter};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::public::attempt::{EndpointMessageOut, Status};
use crate::public::list::ListOut;
use crate::public::message::MessageOut;
use crate::public::query::{ContentQuery, PageQuery, StatusQuery, TraceQuery, WindowQuery};
use crate::scope::{ApplicationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, lookup, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(expunge))
        .routes(routes!(of_endpoint))
}

/// Lists an application's messages, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg",
    operation_id = "v1.message.list",
    tag = "Message",
    params(PageQuery, WindowQuery, ContentQuery),
    responses((status = 200, description = "The answer", body = ListOut<MessageOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn list(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    query: QueryParams,
) -> Result<Json<ListOut<MessageOut>>, ApiError> {
    let page = paging::page(&query, EventId::parse)?;
    let filter = filter::events(&query)?;
    let content = filter::content(&query)?;
    let application = &caller.application.id;
    let slice = state
        .store
        .list_events(application, &filter, content, &page)
        .await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let messages = slice.items.into_iter().map(MessageOut::from).collect();
    Ok(Json(ListOut::new(messages, slice.done, |message| {
        &message.id
    })))
}

/// Reads a message.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg/{msg_id}",
    operation_id = "v1.message.get",
    tag = "Message",
    params(ContentQuery, TraceQuery),
    responses((status = 200, description = "The answer", body = MessageOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn one(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<MessageOut>, ApiError> {
    let content = filter::content(&query)?;
    let with_trace = filter::with_trace(&query)?;
    let mut event = lookup::message(&state, &caller.application.id, &msg, content).await?;
    let trace_id = event.trace_id.take().filter(|_| with_trace);
    Ok(Json(MessageOut {
        trace_id,
        ..event.into()
    }))
}

/// Removes a message's payload.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/content",
    operation_id = "v1.message.expunge-content",
    tag = "Message",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn expunge(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_organization()?;
    let event = lookup::message(&state, &caller.application.id, &msg, Content::Skip).await?;
    let found = state.store.expunge_body(&event.place()).await;
    if found.map_err(|error| failure::store(&error))? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_entity())
    }
}

/// The messages that were to go to an endpoint.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/msg",
    operation_id = "v1.message-attempt.list-attempted-messages",
    tag = "Message Attempt",
    params(PageQuery, WindowQuery, ContentQuery, StatusQuery),
    responses((status = 200, description = "The answer", body = ListOut<EndpointMessageOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_endpoint(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<ListOut<EndpointMessageOut>>, ApiError> {
    let page = paging::page(&query, EventId::parse)?;
    let content = filter::content(&query)?;
    let expanded = filter::expanded(&query)?;
    let states = |status: Status| status.delivery_states(expanded);
    let filter = EndpointEventFilter {
        event: filter::events(&query)?,
        states: filter::status(&query)?.map(states).unwrap_or_default(),
    };
    let application = &caller.application.id;
    let endpoint = lookup::endpoint(&state, application, &endpoint).await?;
    let slice = state
        .store
        .list_endpoint_events(application, &endpoint.id, &filter, content, &page)
        .await
        .map_err(|error| failure::store(&error))?;
    let shown = |item| EndpointMessageOut::new(item, expanded);
    let messages = slice.items.into_iter().map(shown).collect();
    Ok(Json(ListOut::new(messages, slice.done, |item| {
        &item.message.id
    })))
}
