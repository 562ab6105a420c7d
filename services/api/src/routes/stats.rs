//! Figures: how attempts of an endpoint or of an application ended.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{EndpointId, Timestamp};
use posthorn_public_http::{ApiError, QueryParams};
use posthorn_store::history::{Figures, Span};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::public::query::{SpanQuery, StatusClassQuery, StatusQuery, TypesQuery, WindowQuery};
use crate::public::stats::{
    ApplicationStatsOut, AttemptStatsOut, CountOut, EndpointStatsOut, NumberOut, RateLimitStatusOut,
};
use crate::scope::{ApplicationCaller, OrganizationCaller};
use crate::state::ApiState;
use crate::{failure, lookup, moment};

/// The span when none is asked for, and the longest. *Source*: Svix's API.
const SPAN: Duration = Duration::from_secs(28 * 24 * 3_600);
/// How far clocks may differ. *Source*: Svix's API.
const SLACK: Duration = Duration::from_secs(5 * 60);
/// Attempts that are counted one by one.
const COUNTED: u16 = 10_000;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_endpoint))
        .routes(routes!(attempts_of_endpoint))
        .routes(routes!(of_application))
        .routes(routes!(count_attempts))
        .routes(routes!(count_active))
        .routes(routes!(rate_limit_status))
}

/// Counts an endpoint's attempts by how they ended.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/stats",
    operation_id = "v1.endpoint.get-stats",
    tag = "Endpoint",
    params(SpanQuery),
    responses((status = 200, description = "The answer", body = EndpointStatsOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_endpoint(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<EndpointStatsOut>, ApiError> {
    let figures = endpoint_figures(&state, &caller, &endpoint, &query).await?;
    Ok(Json(figures.into()))
}

/// Counts an endpoint's attempts that are over.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/attempt-stats",
    operation_id = "v1.endpoint.get-attempt-stats",
    tag = "Endpoint",
    params(SpanQuery),
    responses((status = 200, description = "The answer", body = AttemptStatsOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn attempts_of_endpoint(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<AttemptStatsOut>, ApiError> {
    let figures = endpoint_figures(&state, &caller, &endpoint, &query).await?;
    Ok(Json(figures.into()))
}

async fn endpoint_figures(
    state: &ApiState,
    caller: &ApplicationCaller,
    endpoint: &str,
    query: &QueryParams,
) -> Result<Figures, ApiError> {
    let application = &caller.application.id;
    let span = span(query)?;
    let endpoint = [lookup::endpoint(state, application, endpoint).await?.id];
    let figures = state.store.figures(application, &endpoint, span, &[]);
    let figures = figures.await.map_err(|error| failure::store(&error))?;
    Ok(figures.into_values().fold(Figures::default(), sum))
}

fn sum(one: Figures, other: Figures) -> Figures {
    Figures {
        delivered: one.delivered + other.delivered,
        failed: one.failed + other.failed,
        pending: one.pending + other.pending,
        waiting: one.waiting + other.waiting,
        cancelled: one.cancelled + other.cancelled,
    }
}

/// Counts an application's attempts by type of event.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/stats/attempts",
    operation_id = "v1.application.get-attempt-stats",
    tag = "Application",
    params(SpanQuery, TypesQuery),
    responses((status = 200, description = "The answer", body = ApplicationStatsOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_application(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    query: QueryParams,
) -> Result<Json<ApplicationStatsOut>, ApiError> {
    let application = &caller.application.id;
    let span = span(&query)?;
    let types = filter::event_types(&query)?;
    let endpoints = state.store.endpoint_ids(application).await;
    let endpoints = endpoints.map_err(|error| failure::store(&error))?;
    let figures = state.store.figures(application, &endpoints, span, &types);
    let figures = figures.await.map_err(|error| failure::store(&error))?;
    let (since, until) = (span.since, span.until);
    Ok(Json(ApplicationStatsOut::new(
        figures,
        since.to_rfc3339_micros(),
        until.to_rfc3339_micros(),
    )))
}

/// Counts the attempts that a list would show.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}/count",
    operation_id = "v1.message-attempt.count-by-endpoint",
    tag = "Message Attempt",
    params(WindowQuery, StatusQuery, StatusClassQuery),
    responses((status = 200, description = "The answer", body = CountOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn count_attempts(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    query: QueryParams,
) -> Result<Json<CountOut>, ApiError> {
    let application = &caller.application.id;
    let filter = filter::attempts(&query)?;
    let endpoint = lookup::endpoint(&state, application, &endpoint).await?.id;
    let counted = state
        .store
        .count_endpoint_attempts(application, &endpoint, &filter, COUNTED)
        .await;
    let count = counted.map_err(|error| failure::store(&error))?;
    Ok(Json(CountOut {
        count,
        approximated: count >= i64::from(COUNTED),
    }))
}

/// Counts the applications with an endpoint that receives.
#[utoipa::path(
    get,
    path = "/api/v1/app/stats/count-active",
    operation_id = "v1.application.count-active",
    tag = "Application",
    responses((status = 200, description = "The answer", body = NumberOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn count_active(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
) -> Result<Json<NumberOut>, ApiError> {
    let counted = state.store.count_active_applications(&organization).await;
    let count = counted.map_err(|error| failure::store(&error))?;
    Ok(Json(NumberOut { count }))
}

/// Whether a rate holds deliveries of the endpoint back, its own or its application's: it has one, and
/// first attempts wait on disk.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/rate-limit-status",
    operation_id = "v1.endpoint.rate-limit-status",
    tag = "Endpoint",
    responses((status = 200, description = "The answer", body = RateLimitStatusOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn rate_limit_status(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
) -> Result<Json<RateLimitStatusOut>, ApiError> {
    let endpoint = lookup::endpoint(&state, &caller.application.id, &endpoint).await?;
    let own = endpoint.settings.throttle_rate;
    let first = match own.or(caller.application.throttle_rate) {
        Some(_) => first_parked(&state, endpoint.id).await?,
        None => None,
    };
    Ok(Json(RateLimitStatusOut {
        status: if first.is_some() { "RateLimited" } else { "Ok" },
        throttled_since: first.map(|since| since.to_string()),
    }))
}

/// Since when the first of the deliveries waits that have not been attempted.
async fn first_parked(
    state: &ApiState,
    endpoint: EndpointId,
) -> Result<Option<Timestamp>, ApiError> {
    let lane = WaitingSubject {
        lane: Lane::Next,
        endpoint,
    };
    let first = state.bus.waiting_next(&lane, 0).await;
    let first = first.map_err(|error| failure::bus(&error))?;
    Ok(first.map(|waiting| waiting.stored_at))
}

/// Reads the span: the last 28 days, unless others are asked for.
fn span(query: &QueryParams) -> Result<Span, ApiError> {
    let now = moment::now();
    let until = filter::moment(query, "until")?.unwrap_or(now);
    let since = filter::moment(query, "since")?.unwrap_or(until.minus(SPAN));
    let rule = if since > until {
        "`since` must not be after `until`."
    } else if until > now.plus(SLACK) {
        "`until` must not be in the future."
    } else if until.since(since) > SPAN + SLACK {
        "The range must be at most 28 days."
    } else {
        return Ok(Span { since, until });
    };
    Err(ApiError::bad_request("invalid_range", rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_28_days_and_not_in_the_future() {
        let read = |query: &str| span(&QueryParams::parse(query));
        let last = read("").unwrap();
        assert_eq!(last.until.since(last.since), SPAN);
        let one = read("since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z").unwrap();
        assert_eq!(one.until.since(one.since), Duration::from_secs(86_400));
        for refused in [
            "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
            "since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z",
            "until=2999-01-01T00:00:00Z",
            "since=yesterday",
        ] {
            assert_eq!(read(refused).unwrap_err().status(), 400, "{refused}");
        }
    }
}
