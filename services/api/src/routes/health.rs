//! Whether this API answers, and a word for whoever looks at its root.

use axum::Router;
use axum::routing::get;
use http::StatusCode;

use crate::state::ApiState;

const NAME: &str = concat!(
    "Posthorn API ",
    env!("CARGO_PKG_VERSION"),
    ", compatible with Svix. The routes begin with /api/v1.\n"
);

/// `HEAD` is served by the same routes. Neither looks at PostgreSQL or NATS: readiness does
/// (`/readyz` on the admin port), and a caller's probe must not cause work.
pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/", get(async || NAME))
        .route("/api/v1/health", get(async || StatusCode::NO_CONTENT))
        .route("/api/v1/health/ping", get(async || StatusCode::NO_CONTENT))
}
