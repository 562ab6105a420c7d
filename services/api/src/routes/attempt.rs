//! Reading attempts, and where a message's deliveries stand.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use posthorn_event_schema::{AttemptHeaders, AttemptId, EndpointId, EventId};
use posthorn_public_http::{ApiError, QueryParams};
use posthorn_store::history::{Content, StoredAttempt, StoredHeaders};
use posthorn_store::{Slice, StoreError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::public::attempt::{AttemptHeadersOut, MessageAttemptOut, MessageEndpointOut};
use crate::public::list::ListOut;
use crate::public::query::{
    ContentQuery, EndpointQuery, PageQuery, StatusClassQuery, StatusQuery, WindowQuery,
    WithMessageQuery,
};
use crate::scope::{ApplicationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, lookup, paging};

/// Messages read at one time for `with_msg`: a request must not take the whole pool.
const CONCURRENT_READS: usize = 4;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_message))
        .routes(routes!(of_message_before))
        .routes(routes!(of_destination))
        .routes(routes!(of_endpoint))
        .routes(routes!(one))
        .routes(routes!(headers))
        .routes(routes!(expunge))
        .routes(routes!(destinations))
}

/// Lists a message's attempts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/attempt/msg/{msg_id}",
    operation_id = "v1.message-attempt.list-by-msg",
    tag = "Message Attempt",
    params(PageQuery, WindowQuery, ContentQuery, StatusQuery, StatusClassQuery, EndpointQuery),
    responses((status = 200, description = "The answer", body = ListOut<MessageAttemptOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_message(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<ListOut<MessageAttemptOut>>, ApiError> {
    let endpoint = query.one("endpoint_id").map(str::to_owned);
    list_of_message(&state, &caller, &msg, endpoint.as_deref(), &query).await
}

/// Lists a message's attempts: an older form of `/attempt/msg/{msg_id}`.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/attempt",
    operation_id = "v1.message-attempt.list-by-msg-deprecated",
    tag = "Message Attempt",
    params(PageQuery, WindowQuery, ContentQuery, StatusQuery, StatusClassQuery, EndpointQuery),
    responses((status = 200, description = "The answer", body = ListOut<MessageAttemptOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_message_before(
    state: State<ApiState>,
    caller: ApplicationCaller,
    path: Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<ListOut<MessageAttemptOut>>, ApiError> {
    of_message(state, caller, path, query).await
}

/// Lists a message's attempts at one endpoint: an older form of `/attempt/msg/{msg_id}`.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/attempt",
    operation_id = "v1.message-attempt.list-by-endpoint-deprecated",
    tag = "Message Attempt",
    params(PageQuery, WindowQuery, ContentQuery, StatusQuery, StatusClassQuery),
    responses((status = 200, description = "The answer", body = ListOut<MessageAttemptOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_destination(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg, endpoint)): Path<(String, String, String)>,
    query: QueryParams,
) -> Result<Json<ListOut<MessageAttemptOut>>, ApiError> {
    list_of_message(&state, &caller, &msg, Some(&endpoint), &query).await
}

async fn list_of_message(
    state: &ApiState,
    caller: &ApplicationCaller,
    msg: &str,
    endpoint: Option<&str>,
    query: &QueryParams,
) -> Result<Json<ListOut<MessageAttemptOut>>, ApiError> {
    let application = &caller.application.id;
    let page = paging::page(query, AttemptId::parse)?;
    let mut filter = filter::attempts(query)?;
    let content = filter::content(query)?;
    if let Some(endpoint) = endpoint {
        filter.endpoint = Some(lookup::endpoint(state, application, endpoint).await?.id);
    }
    let event = lookup::message(state, application, msg, Content::Skip).await?;
    let slice = state
        .store
        .list_event_attempts(&event.place(), &filter, content, &page)
        .await;
    answer(slice)
}

/// Lists an endpoint's attempts, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}",
    operation_id = "v1.message-attempt.list-by-endpoint",
    tag = "Message Attempt",
    params(PageQuery, WindowQuery, ContentQuery, StatusQuery, StatusClassQuery, WithMessageQuery),
    responses((status = 200, description = "The answer", body = ListOut<MessageAttemptOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_endpoint(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<ListOut<MessageAttemptOut>>, ApiError> {
    let application = &caller.application.id;
    let page = paging::page(&query, AttemptId::parse)?;
    let filter = filter::attempts(&query)?;
    let content = filter::content(&query)?;
    let endpoint = lookup::endpoint(&state, application, &endpoint).await?.id;
    let slice = state
        .store
        .list_endpoint_attempts(application, &endpoint, &filter, content, &page)
        .await;
    let Json(mut list) = answer(slice)?;
    if filter::flag(&query, "with_msg", false)? {
        list.data = with_messages(&state, &caller, list.data).await?;
    }
    Ok(Json(list))
}

fn answer(
    slice: Result<Slice<StoredAttempt>, StoreError>,
) -> Result<Json<ListOut<MessageAttemptOut>>, ApiError> {
    let slice = slice.map_err(|error| failure::store(&error))?;
    let attempts = slice
        .items
        .into_iter()
        .map(MessageAttemptOut::from)
        .collect();
    Ok(Json(ListOut::new(attempts, slice.done, |attempt| {
        &attempt.id
    })))
}

/// Adds each attempt's message.
async fn with_messages(
    state: &ApiState,
    caller: &ApplicationCaller,
    attempts: Vec<MessageAttemptOut>,
) -> Result<Vec<MessageAttemptOut>, ApiError> {
    let application = &caller.application.id;
    let reads = attempts.into_iter().map(|mut attempt| async move {
        if let Ok(id) = EventId::parse(&attempt.msg_id) {
            let event = state.store.event(application, &id, Content::Read).await;
            attempt.msg = event
                .map_err(|error| failure::store(&error))?
                .map(Into::into);
        }
        Ok(attempt)
    });
    // Collected first: the stream borrows no closure then, and its future stays `Send`.
    let reads: Vec<_> = reads.collect();
    stream::iter(reads)
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await
}

/// Reads an attempt.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}",
    operation_id = "v1.message-attempt.get",
    tag = "Message Attempt",
    responses((status = 200, description = "The answer", body = MessageAttemptOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn one(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg, attempt)): Path<(String, String, String)>,
) -> Result<Json<MessageAttemptOut>, ApiError> {
    let id = AttemptId::parse(&attempt).map_err(|_no_id| no_entity())?;
    let event = lookup::message(&state, &caller.application.id, &msg, Content::Skip).await?;
    let found = state.store.attempt(&event.place(), &id).await;
    let attempt = found
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)?;
    Ok(Json(attempt.into()))
}

/// Reads an attempt's headers, as far as they were kept.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/headers",
    operation_id = "v1.message-attempt.get-headers",
    tag = "Message Attempt",
    responses((status = 200, description = "The answer", body = AttemptHeadersOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn headers(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg, attempt)): Path<(String, String, String)>,
) -> Result<Json<AttemptHeadersOut>, ApiError> {
    let id = AttemptId::parse(&attempt).map_err(|_no_id| no_entity())?;
    let event = lookup::message(&state, &caller.application.id, &msg, Content::Skip).await?;
    let found = state.store.attempt_headers(&event.place(), &id).await;
    let headers = match found.map_err(|error| failure::store(&error))? {
        Some(StoredHeaders::Kept(headers)) => headers,
        Some(StoredHeaders::Unknown) => AttemptHeaders::default(),
        None => return Err(no_entity()),
    };
    Ok(Json(headers.into()))
}

/// Removes an attempt's response.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content",
    operation_id = "v1.message-attempt.expunge-content",
    tag = "Message Attempt",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn expunge(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg, attempt)): Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.require_organization()?;
    let id = AttemptId::parse(&attempt).map_err(|_no_id| no_entity())?;
    let event = lookup::message(&state, &caller.application.id, &msg, Content::Skip).await?;
    let found = state.store.expunge_response(&event.place(), &id).await;
    if found.map_err(|error| failure::store(&error))? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_entity())
    }
}

/// The endpoints that a message was to go to, deleted ones too.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/endpoint",
    operation_id = "v1.message-attempt.list-attempted-destinations",
    tag = "Message Attempt",
    params(PageQuery),
    responses((status = 200, description = "The answer", body = ListOut<MessageEndpointOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn destinations(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<ListOut<MessageEndpointOut>>, ApiError> {
    let application = &caller.application.id;
    let page = paging::page(&query, EndpointId::parse)?;
    let expanded = filter::expanded(&query)?;
    let event = lookup::message(&state, application, &msg, Content::Skip).await?;
    let slice = state.store.deliveries_of_event(&event.place(), &page).await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let ids: Vec<EndpointId> = slice
        .items
        .iter()
        .map(|item| item.endpoint.clone())
        .collect();
    let rows = state.store.endpoints_by_id(application, &ids).await;
    let rows = rows.map_err(|error| failure::store(&error))?;
    let mut rows: HashMap<EndpointId, _> =
        rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    let shown = slice.items.iter().filter_map(|delivery| {
        let endpoint = rows.remove(&delivery.endpoint)?;
        Some(MessageEndpointOut::new(endpoint, delivery, expanded))
    });
    Ok(Json(ListOut::new(shown.collect(), slice.done, |item| {
        &item.endpoint.id
    })))
}
