//! Everything that is served on the API's port, as one router.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::get;
use http::header::{CONTENT_TYPE, HeaderValue};
use posthorn_bus::trace_context;
use posthorn_chassis::Shutdown;
use posthorn_public_http::wrap;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::idempotency::{self, Idempotency};
use crate::state::ApiState;
use crate::{openapi, routes};

/// Our routes and those of ingest, so that one base URL is enough for a client.
pub(crate) fn router(state: ApiState, ingest: OpenApiRouter, shutdown: Shutdown) -> Router {
    let gate = Idempotency {
        state: state.clone(),
        shutdown,
    };
    let (all, collected) = routes::router()
        .layer(from_fn_with_state(gate, idempotency::layer))
        .merge(routes::unserved().into())
        .with_state(state)
        .merge(ingest)
        .split_for_parts();
    let all = all.merge(documentation(&openapi::document(collected)));
    wrap(all, trace_context::adopt_http)
}

/// The document of all routes, those of ingest included.
#[must_use]
pub fn openapi_document(ingest: OpenApi) -> OpenApi {
    let mut collected = routes::router().into_openapi();
    collected.merge(ingest);
    openapi::document(collected)
}

fn documentation(document: &OpenApi) -> Router {
    let json: Arc<str> = document
        .to_json()
        .expect("the document has only texts as keys")
        .into();
    let serve = async move || {
        let kind = HeaderValue::from_static("application/json");
        ([(CONTENT_TYPE, kind)], json.to_string())
    };
    Router::new()
        .route("/", get(async || Redirect::temporary("/docs")))
        .route("/api/v1/openapi.json", get(serve))
}
