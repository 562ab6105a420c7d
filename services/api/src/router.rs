//! Everything that is served on the API's port, as one router.

use axum::Router;
use posthorn_bus::trace_context;
use posthorn_public_http::wrap;

use crate::routes;
use crate::state::ApiState;

/// Our routes and those of ingest, so that one base URL is enough for a client.
pub(crate) fn router(state: ApiState, ingest: Router) -> Router {
    let all = routes::router().with_state(state).merge(ingest);
    wrap(all, trace_context::adopt_http)
}
