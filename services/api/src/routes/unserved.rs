//! Operations of Svix's API that this build does not serve: 501 instead of 404, so that a caller
//! knows it is not a typing mistake.
//!
//! Paths that share a route with served operations belong here, too: what is served wins.

use axum::Router;
use axum::routing::{any, get};
use posthorn_public_http::ApiError;

use crate::state::ApiState;

/// Below `/api/v1`. *Source*: Svix's hosted API, as its SDKs use it.
const PATHS: [&str; 27] = [
    // applications
    "/app/{app_id}/alert-email",
    "/app/{app_id}/autoconfig",
    "/app/{app_id}/autoconfig/{*rest}",
    "/app/{app_id}/integration",
    "/app/{app_id}/integration/{*rest}",
    "/app/{app_id}/destination",
    "/app/{app_id}/destination/{*rest}",
    "/app/{app_id}/poller/{*rest}",
    "/app/{app_id}/events/subscription/{*rest}",
    // endpoints
    "/app/{app_id}/endpoint/{endpoint_id}/transformation",
    "/app/{app_id}/endpoint/{endpoint_id}/transformation/{*rest}",
    "/app/{app_id}/endpoint/{endpoint_id}/msg/test-attempt",
    "/app/{app_id}/endpoint/{endpoint_id}/auto-config",
    "/app/{app_id}/endpoint/{endpoint_id}/connector",
    // messages and attempts
    "/msg/broadcast",
    "/events",
    // event types
    "/event-type/export/openapi",
    // everything else
    "/auth/{*rest}",
    "/admin/redrive-dlq",
    "/stats/app/{*rest}",
    "/stats/endpoint/count",
    "/connector",
    "/connector/{*rest}",
    "/environment/{*rest}",
    "/stream",
    "/stream/{*rest}",
    "/management/{*rest}",
];

pub(crate) fn router() -> Router<ApiState> {
    let router = PATHS.iter().fold(Router::new(), |router, path| {
        router.route(&format!("/api/v1{path}"), any(not_implemented))
    });
    router
        // Its other method is ingest's.
        .route("/api/v1/app/{app_id}/events", get(not_implemented))
        .route("/ingest/api/v1/source", any(not_implemented))
        .route("/ingest/api/v1/source/{*rest}", any(not_implemented))
}

async fn not_implemented() -> ApiError {
    ApiError::not_implemented("This API endpoint is not yet implemented.")
}
