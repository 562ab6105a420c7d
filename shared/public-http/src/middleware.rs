//! What surrounds every route: both slash forms, JSON for whatever is no route, CORS, a span.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use posthorn_chassis::{entropy, metric};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};
use tracing::{Instrument, Span};

use crate::{ApiError, unread};

/// The id of a request, in every answer: what a caller quotes to support.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// How long browsers remember that they may call. *Source*: Svix's server.
const CORS_MAX_AGE: Duration = Duration::from_secs(600);

/// Makes the trace context of a request the parent of its span.
pub type Adopt = fn(&Span, &http::HeaderMap);

/// Surrounds a router with everything that public routes have in common.
pub fn wrap(routes: Router, adopt: Adopt) -> Router {
    let routed = routes
        .fallback(async || ApiError::not_found("There is no such route."))
        .method_not_allowed_fallback(async || {
            let detail = "This route has other methods: see the header `Allow`.";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        })
        .layer(map_response(as_json))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(move |request: Request, next: Next| {
            observe(request, next, adopt)
        }))
        .layer(from_fn(unread::forget))
        .layer(cors());
    // Routing looks at the path before any layer of the router itself does.
    Router::new().fallback_service(routed.map_request(without_trailing_slash))
}

/// Browsers call with a portal's token from any site; there are no cookies that could be misused.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID])
        .max_age(CORS_MAX_AGE)
}

/// Both slash forms are one route; a redirect would lose the body of a POST.
fn without_trailing_slash(mut request: Request) -> Request {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return request;
    }
    let target = match request.uri().query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    if let Ok(uri) = target.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request
}

/// Errors that did not come from us, such as axum's about a path that is not UTF-8, get our shape.
/// Pages for people stay as they are.
async fn as_json(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || kind.starts_with("application/json") || kind.starts_with("text/html") {
        return response;
    }
    let error = match status {
        // No reader of ours says so: the path itself cannot be read, so nothing is there.
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => {
            ApiError::not_found("There is no such route.")
        }
        StatusCode::INTERNAL_SERVER_ERROR => ApiError::server_error(),
        status => {
            let reason = status
                .canonical_reason()
                .unwrap_or("The request is refused");
            ApiError::new(status, "generic_error", reason)
        }
    };
    let mut ours = error.into_response();
    let mut theirs = response.into_parts().0.headers;
    theirs.remove(CONTENT_TYPE);
    theirs.remove(CONTENT_LENGTH);
    ours.headers_mut().extend(theirs);
    ours
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    tracing::error!(panic = text, "request panicked");
    metric::Counter::TaskPanics.add(1, &[("task", "request")]);
    ApiError::server_error().into_response()
}

async fn observe(request: Request, next: Next, adopt: Adopt) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let (id, started) = (request_id(), Instant::now());
    let method = known_method(request.method());
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = %request.method(),
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        request.id = id,
        posthorn.event.id = tracing::field::Empty,
    );
    adopt(&span, request.headers());
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    let labels = [
        ("method", method),
        ("status_class", status_class(response.status())),
    ];
    let seconds = started.elapsed().as_secs_f64();
    metric::Histogram::HttpServerRequestDurationSeconds.record(seconds, &labels);
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Callers may invent methods; labels are bounded.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

fn request_id() -> String {
    let random = u128::from_be_bytes(entropy::bytes::<16>());
    format!("req_{random:032x}")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Path;
    use axum::response::Html;
    use axum::routing::{get, post};
    use http_body_util::BodyExt;

    use super::*;

    const JSON: HeaderValue = HeaderValue::from_static("application/json");

    async fn call(method: &str, path: &str) -> (StatusCode, http::HeaderMap, String) {
        let routes = Router::new()
            .route("/a", get(async || "get").post(async |body: String| body))
            .route("/a/{id}", post(async |uri: Uri| uri.to_string()))
            .route("/named/{id}", get(async |Path(id): Path<String>| id))
            .route(
                "/teapot",
                get(async || (StatusCode::IM_A_TEAPOT, [("x-a", "b")], "text")),
            )
            .route("/page", get(async || (StatusCode::GONE, Html("page"))))
            .route(
                "/panic",
                get(async || -> String { panic!("as the test wants it") }),
            );
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from("body"));
        let response = wrap(routes, |_, _| ())
            .oneshot(request.unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        (
            parts.status,
            parts.headers,
            String::from_utf8(text.to_vec()).unwrap(),
        )
    }

    #[tokio::test]
    async fn both_slash_forms_reach_the_route_with_body_and_query() {
        for path in ["/a", "/a/", "/a//"] {
            assert_eq!(call("POST", path).await.2, "body", "{path}");
        }
        assert_eq!(call("POST", "/a/1/?x=1%2F").await.2, "/a/1?x=1%2F");
    }

    #[tokio::test]
    async fn what_is_no_route_gets_json_and_every_answer_an_id() {
        let (status, headers, body) = call("GET", "/b").await;
        assert_eq!(status, 404);
        assert_eq!(
            body,
            r#"{"code":"not_found","detail":"There is no such route."}"#
        );
        assert!(headers["request-id"].to_str().unwrap().starts_with("req_"));
        let (status, headers, body) = call("DELETE", "/a/").await;
        assert_eq!(status, 405);
        assert!(body.contains("method_not_allowed"), "{body}");
        assert!(headers["allow"].to_str().unwrap().contains("POST"));
    }

    #[tokio::test]
    async fn errors_that_are_not_ours_get_our_shape() {
        let (status, headers, body) = call("GET", "/named/%ff").await;
        assert_eq!((status.as_u16(), &headers["content-type"]), (404, &JSON));
        assert_eq!(
            body,
            r#"{"code":"not_found","detail":"There is no such route."}"#
        );
        let (status, headers, body) = call("GET", "/teapot").await;
        assert_eq!(
            (status.as_u16(), &headers["x-a"]),
            (418, &"b".parse().unwrap())
        );
        assert_eq!(
            headers.get_all("content-type").iter().collect::<Vec<_>>(),
            [&JSON]
        );
        assert!(body.contains(r#""code":"generic_error""#), "{body}");
        assert_eq!(call("GET", "/page").await.2, "page");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let (status, _, body) = call("GET", "/panic").await;
        assert_eq!(status, 500);
        assert_eq!(
            body,
            r#"{"code":"server_error","detail":"Internal Server Error"}"#
        );
    }
}
