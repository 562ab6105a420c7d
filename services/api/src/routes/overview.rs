//! What happened lately in an application, or in all of an organisation's.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use posthorn_event_schema::Timestamp;
use posthorn_public_http::{ApiError, QueryParams};
use posthorn_store::history::{Audience, Range};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::paging::invalid_query;
use crate::public::overview::{NamedRange, OverviewOut, RANGES};
use crate::public::query::RangeQuery;
use crate::scope::{ApplicationCaller, OrganizationCaller};
use crate::state::ApiState;
use crate::{failure, moment};

const DEFAULT_RANGE: &str = "24h";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_application))
        .routes(routes!(of_organization))
}

/// Shows what happened to an application's messages in the last hour, day or week.
///
/// Figures follow history by about two seconds.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/overview",
    operation_id = "posthorn.application.overview",
    tag = "Overview",
    params(RangeQuery),
    responses((status = 200, description = "The answer", body = OverviewOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn of_application(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    query: QueryParams,
) -> Result<Json<OverviewOut>, ApiError> {
    overview(
        &state,
        Audience::Application(&caller.application.id),
        &query,
    )
    .await
}

/// Shows what happened to the messages of all applications in the last hour, day or week.
#[utoipa::path(
    get,
    path = "/api/v1/overview",
    operation_id = "posthorn.organization.overview",
    tag = "Overview",
    params(RangeQuery),
    responses((status = 200, description = "The answer", body = OverviewOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn of_organization(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    query: QueryParams,
) -> Result<Json<OverviewOut>, ApiError> {
    overview(&state, Audience::Organization(&organization), &query).await
}

async fn overview(
    state: &ApiState,
    audience: Audience<'_>,
    query: &QueryParams,
) -> Result<Json<OverviewOut>, ApiError> {
    let name = query.one("range").unwrap_or(DEFAULT_RANGE);
    let named = RANGES.iter().find(|range| range.name == name);
    let named = named.ok_or_else(|| invalid_query("range", "must be `1h`, `24h` or `7d`"))?;
    let now = moment::now();
    let range = range(named, now);
    let read = async {
        let overview = state.store.overview(audience, &range, now).await?;
        let ids: Vec<_> = overview.worst.iter().map(|w| w.endpoint.clone()).collect();
        let rows = state.store.endpoints_of(audience, &ids).await?;
        Ok((overview, rows))
    };
    let (overview, rows) = read.await.map_err(|error| failure::store(&error))?;
    Ok(Json(OverviewOut::new(named.name, &range, overview, &rows)))
}

/// The range that ends with the bucket that is filling now.
fn range(named: &NamedRange, now: Timestamp) -> Range {
    let step = Duration::from_secs(named.step);
    let micros = i64::try_from(step.as_micros()).unwrap_or(i64::MAX);
    let current = now.as_unix_micros() - now.as_unix_micros().rem_euclid(micros);
    let before = step * u32::from(named.count - 1);
    Range {
        since: Timestamp::from_unix_micros(current).minus(before),
        step,
        count: named.count,
        resolution: named.resolution,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_with_the_bucket_of_now_and_begins_on_the_clock() {
        let now = Timestamp::parse_rfc3339("2026-03-01T13:45:10Z").unwrap();
        let text = |at: Timestamp| at.to_rfc3339_micros();
        for (named, since, until) in [
            (
                "1h",
                "2026-03-01T12:46:00.000000Z",
                "2026-03-01T13:46:00.000000Z",
            ),
            (
                "24h",
                "2026-02-28T14:00:00.000000Z",
                "2026-03-01T14:00:00.000000Z",
            ),
            (
                "7d",
                "2026-02-22T14:00:00.000000Z",
                "2026-03-01T14:00:00.000000Z",
            ),
        ] {
            let named = RANGES.iter().find(|range| range.name == named).unwrap();
            let range = range(named, now);
            assert_eq!((&*text(range.since), &*text(range.until())), (since, until));
        }
    }
}
