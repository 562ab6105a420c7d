//! The dashboard: a single page and its assets, as built into `dashboard/dist` and embedded here.
//!
//! It uses the public REST API and nothing else, so all that is decided here is who may load it, what it
//! may load, and for how long that may be kept. Customers' portal is the same page under other paths: it
//! may stand in frames of the operator's choice, the rest in none.

mod asset;
mod headers;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use posthorn_public_http::ApiError;

use self::asset::Asset;
pub use self::headers::FrameAncestors;
use self::headers::{Page, page_headers};

/// First parts of the operator's paths. Those of the page's own table of routes (`app/routes.ts`): a path
/// that is not among them is an error of the API's, as everywhere else.
const OPERATOR: [&str; 11] = [
    "sign-in",
    "start",
    "overview",
    "apps",
    "event-types",
    "calendar",
    "replays",
    "debugger",
    "rejected",
    "fleet",
    "settings",
];
/// First parts of the portal's paths; `/login` is where links into it lead.
const PORTAL: [&str; 2] = ["portal", "login"];

/// What is served while no dashboard is built in.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
    <title>Posthorn</title><link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body>\
    <header><h1>Posthorn</h1><p>This build has no dashboard. <code>make dashboard</code> builds it \
    (with Node, which it fetches if there is none), and the next build of the server contains it.</p>\
    <p>The REST API works without it: <a href=\"/docs\">its operations</a>.</p></header></body></html>\n";

/// The dashboard's routes.
pub(crate) fn router(portal_frames: &FrameAncestors) -> Router {
    let operator = page_headers(&Page::Operator);
    let portal = page_headers(&Page::Portal(portal_frames));
    let mut router = Router::new()
        .route("/", page(&operator))
        .route("/assets/{*path}", get(asset));
    for (firsts, headers) in [(&OPERATOR[..], &operator), (&PORTAL[..], &portal)] {
        for first in firsts {
            router = router
                .route(&format!("/{first}"), page(headers))
                .route(&format!("/{first}/{{*rest}}"), page(headers));
        }
    }
    router
}

/// Serves the page itself: its script looks at the path.
fn page(headers: &HeaderMap) -> axum::routing::MethodRouter {
    let headers = headers.clone();
    get(async move |request: HeaderMap| {
        let mut response = match Asset::find("index.html") {
            Some(page) => page.respond(&request),
            None => not_built(),
        };
        response.headers_mut().extend(headers);
        response
    })
}

async fn asset(Path(path): Path<String>, request: HeaderMap) -> Response {
    match Asset::find(&format!("assets/{path}")) {
        Some(asset) => asset.respond(&request),
        None => ApiError::not_found("There is no such asset.").into_response(),
    }
}

fn not_built() -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    (StatusCode::OK, [(CONTENT_TYPE, html)], NOT_BUILT).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_knows_the_paths_that_are_served() {
        let routes = include_str!("../dashboard/src/app/routes.ts");
        for first in OPERATOR.into_iter().chain(PORTAL) {
            assert!(routes.contains(&format!("'/{first}")), "{first}");
        }
    }
}
