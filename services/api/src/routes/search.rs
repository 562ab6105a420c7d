//! Questions about messages: which there are, what one looks like, whether one would be received.

use axum::Json;
use axum::extract::{Path, State};
use posthorn_event_schema::{EventId, EventType};
use posthorn_public_http::{ApiError, JsonBody, QueryParams};
use posthorn_store::history::{Body, Content};
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::fields::Fields;
use crate::public::list::ListOut;
use crate::public::message::MessageOut;
use crate::public::search::{PrecheckIn, PrecheckOut, RawPayloadOut, SearchIn};
use crate::scope::{ApplicationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, lookup, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(precheck))
        .routes(routes!(search))
        .routes(routes!(raw))
}

/// Whether a message would go to any endpoint.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/msg/precheck/active",
    operation_id = "v1.message.precheck",
    tag = "Message",
    request_body = PrecheckIn,
    responses((status = 200, description = "The answer", body = PrecheckOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn precheck(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    JsonBody(body): JsonBody<PrecheckIn>,
) -> Result<Json<PrecheckOut>, ApiError> {
    let mut fields = Fields::default();
    let event_type = fields.keep("eventType", EventType::parse(&body.event_type));
    let channels = fields.channels(body.channels).unwrap_or_default();
    fields.finish()?;
    // Without a type there was a problem, which has been answered.
    let event_type = event_type.ok_or_else(no_entity)?;
    let application = &caller.application.id;
    let found = state
        .store
        .has_audience(application, &event_type, &channels);
    let active = found.await.map_err(|error| failure::store(&error))?;
    Ok(Json(PrecheckOut { active }))
}

/// Lists messages as the list does, with what to look for in the body.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/msg/search",
    operation_id = "v1.message.search",
    tag = "Message",
    request_body = SearchIn,
    responses((status = 200, description = "The answer", body = ListOut<MessageOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn search(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    JsonBody(body): JsonBody<SearchIn>,
) -> Result<Json<ListOut<MessageOut>>, ApiError> {
    let query = as_query(&body);
    let page = paging::page(&query, EventId::parse)?;
    let filter = filter::events(&query)?;
    let content = if body.with_content == Some(true) {
        Content::Read
    } else {
        Content::Skip
    };
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

/// A search as the query of the list, so that both have one meaning.
fn as_query(body: &SearchIn) -> QueryParams {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let limit = body.limit.map(|limit| limit.to_string());
    let texts = [
        ("limit", &limit),
        ("iterator", &body.iterator),
        ("channel", &body.channel),
        ("before", &body.before),
        ("after", &body.after),
        ("tag", &body.tag),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            query.append_pair(name, text);
        }
    }
    for event_type in body.event_types.iter().flatten() {
        query.append_pair("event_types", event_type);
    }
    QueryParams::parse(&query.finish())
}

/// Reads a message's payload as it is sent.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/msg/{msg_id}/raw",
    operation_id = "v1.message.get-raw-payload",
    tag = "Message",
    responses((status = 200, description = "The answer", body = RawPayloadOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn raw(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, msg)): Path<(String, String)>,
) -> Result<Json<RawPayloadOut>, ApiError> {
    let event = lookup::message(&state, &caller.application.id, &msg, Content::Read).await?;
    let Body::Bytes(body) = event.body else {
        return Err(ApiError::not_found("The payload was removed"));
    };
    let payload = String::from_utf8_lossy(&body).into_owned();
    Ok(Json(RawPayloadOut { payload }))
}
