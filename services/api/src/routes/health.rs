//! Whether this API answers.

use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// `HEAD` is served by the same routes. Neither looks at PostgreSQL or NATS: readiness does
/// (`/readyz` on the admin port), and a caller's probe must not cause work.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ping))
}

/// Says whether the API answers.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    operation_id = "v1.health.get",
    tag = "Health",
    responses((status = 204, description = "It answers")),
    extensions(("x-posthorn-scope" = json!("anyone")))
)]
async fn health() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Says whether the API answers: a shorter way to ask.
#[utoipa::path(
    get,
    path = "/api/v1/health/ping",
    operation_id = "v1.health.ping",
    tag = "Health",
    responses((status = 204, description = "It answers")),
    extensions(("x-posthorn-scope" = json!("anyone")))
)]
async fn ping() -> StatusCode {
    StatusCode::NO_CONTENT
}
