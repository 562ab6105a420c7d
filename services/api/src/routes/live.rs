//! Watching an application, or all of an organisation's, as server-sent events.

use axum::extract::State;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use posthorn_chassis::error_chain;
use posthorn_event_schema::{ApplicationId, OrganizationId};
use posthorn_public_http::{ApiError, QueryParams};
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::credential::Standing;
use crate::live::{self, Filter, Kind, TooMany, Watcher};
use crate::paging::invalid_query;
use crate::public::query::LiveQuery;
use crate::scope::{ApplicationCaller, OrganizationCaller};
use crate::state::ApiState;
use crate::{lookup, operational};

/// Longer silence makes proxies end a connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies are asked to pass events on at once. *Source*: nginx.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_application))
        .routes(routes!(of_organization))
}

/// Tells of an application's new messages and attempts as server-sent events.
///
/// A stream begins with `ready`. `Last-Event-ID` goes on where another stream ended; `ready` or `missed`
/// say when something was missed. It ends by itself after an hour, with `end`.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/live",
    operation_id = "posthorn.application.live",
    tag = "Overview",
    params(LiveQuery, ("endpoint_id" = Option<String>, Query, description = "The endpoint's id or uid")),
    responses((status = 200, description = "Events", content_type = "text/event-stream", body = String)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_application(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    standing: Standing,
    headers: HeaderMap,
    query: QueryParams,
) -> Result<Response, ApiError> {
    let application = &caller.application.id;
    let mut filter = read_filter(&caller.organization, Some(application), &query)?;
    if let Some(name) = query.one("endpoint_id") {
        filter.endpoint = Some(lookup::endpoint(&state, application, name).await?.id);
    }
    watch(state, filter, standing, &headers, &query).await
}

/// Tells of the new messages and attempts of all applications as server-sent events.
#[utoipa::path(
    get,
    path = "/api/v1/live",
    operation_id = "posthorn.organization.live",
    tag = "Overview",
    params(LiveQuery),
    responses((status = 200, description = "Events", content_type = "text/event-stream", body = String)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn of_organization(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    standing: Standing,
    headers: HeaderMap,
    query: QueryParams,
) -> Result<Response, ApiError> {
    let filter = read_filter(&organization, None, &query)?;
    watch(state, filter, standing, &headers, &query).await
}

fn read_filter(
    organization: &OrganizationId,
    application: Option<&ApplicationId>,
    query: &QueryParams,
) -> Result<Filter, ApiError> {
    let mut kinds = Vec::new();
    for name in query.list("kinds") {
        let kind = Kind::TOLD.into_iter().find(|kind| kind.as_str() == name);
        let rule = "must be of `message`, `attempt` and `canceled`";
        kinds.push(kind.ok_or_else(|| invalid_query("kinds", rule))?);
    }
    if kinds.is_empty() {
        kinds = Kind::TOLD.to_vec();
    }
    Ok(Filter {
        organization: organization.clone(),
        application: application.cloned(),
        hidden: operational::application_id(organization),
        endpoint: None,
        status: filter::status(query)?,
        kinds,
    })
}

async fn watch(
    state: ApiState,
    filter: Filter,
    standing: Standing,
    headers: &HeaderMap,
    query: &QueryParams,
) -> Result<Response, ApiError> {
    let place = match state.live.take_place(&filter.organization) {
        Ok(place) => place,
        Err(full) => return Ok(too_many(full)),
    };
    let header = headers.get(LAST_EVENT_ID);
    let header = header.and_then(|value| value.to_str().ok());
    let named = header.filter(|text| !text.is_empty());
    let named = named.or_else(|| query.one("last_event_id"));
    let after = named.and_then(|text| live::read_position(&state.config.keys, text));
    let beginning = state.live.watch(after).await.map_err(|error| {
        tracing::warn!(reason = error_chain::chain(&error), "live stream not begun");
        ApiError::unavailable("NATS is not available, try again later.")
    })?;
    let watcher = Watcher {
        shutdown: state.live.shutdown(),
        state,
        filter,
        standing,
        _place: place,
        asked: named.is_some(),
    };
    let alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let events = Sse::new(watcher.events(beginning)).keep_alive(alive);
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        UNBUFFERED,
    ];
    Ok((headers, events).into_response())
}

fn too_many(full: TooMany) -> Response {
    let most = full.most;
    let detail = format!(
        "{most} live streams are open already (limit {}).",
        full.limit
    );
    let code = "too_many_live_streams";
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, detail);
    ([(RETRY_AFTER, "10")], error).into_response()
}
