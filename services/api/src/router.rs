//! Everything that is served on the API's port, as one router.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Extension, Router};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use posthorn_bus::trace_context;
use posthorn_chassis::Shutdown;
use posthorn_public_http::wrap;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::idempotency::{self, Idempotency};
use crate::state::ApiState;
use crate::{credential, dashboard, docs_page, openapi, routes};

/// Our routes and those of ingest, so that one base URL is enough for a client.
pub(crate) fn router(state: ApiState, ingest: OpenApiRouter, shutdown: Shutdown) -> Router {
    let gate = Idempotency {
        state: state.clone(),
        shutdown,
    };
    let dashboard = dashboard::router(&state.config.portal_frame_ancestors);
    let ingest = ingest.layer(Extension(routes::application::maker(state.clone())));
    let (all, collected) = routes::router()
        .layer(from_fn_with_state(gate, idempotency::layer))
        .merge(routes::unserved().into())
        .merge(routes::inbox_door::router().into())
        .with_state(state.clone())
        .merge(ingest)
        .split_for_parts();
    let all = all.layer(from_fn_with_state(state, credential::layer));
    let documentation = documentation(&openapi::document(collected));
    let all = all.merge(documentation).merge(dashboard);
    wrap(all, trace_context::adopt_http)
}

/// The document of all routes, those of ingest included.
#[must_use]
pub fn openapi_document(ingest: OpenApi) -> OpenApi {
    let mut collected = routes::router().into_openapi();
    collected.merge(ingest);
    openapi::document(collected)
}

/// The document, and the page made of it.
fn documentation(document: &OpenApi) -> Router {
    let json: Arc<str> = document
        .to_json()
        .expect("the document has only texts as keys")
        .into();
    let page: Arc<str> = docs_page::page(document).into();
    let json = async move || ([(CONTENT_TYPE, "application/json")], json.to_string());
    let page = async move || {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, docs_page::SECURITY_POLICY),
        ];
        (headers, page.to_string())
    };
    let style = async || {
        (
            [(CONTENT_TYPE, "text/css; charset=utf-8")],
            docs_page::STYLE,
        )
    };
    Router::new()
        .route("/docs", get(page))
        .route("/docs/style.css", get(style))
        .route("/api/v1/openapi.json", get(json))
}
