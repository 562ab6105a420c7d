//! Errors as JSON, in Svix's two shapes: `{"code","detail"}`, and for 422 a list of problems.
//!
//! Only these texts leave the process; what happened inside goes to the log.

use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use posthorn_chassis::error_chain;
use posthorn_event_schema::detail::shortened;
use serde::Serialize;

/// When a caller may try again after we could not store anything, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The path to the field: `["body", "eventType"]`; items of lists are `"[0]"`.
    pub loc: Vec<String>,
    /// The rule, in words.
    pub msg: String,
    /// The rule, as one word.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Problem {
    /// A problem of kind `value_error`, or another one.
    pub fn new<L: Into<String>>(
        loc: impl IntoIterator<Item = L>,
        msg: impl Into<String>,
        kind: impl Into<String>,
    ) -> Self {
        let loc = loc.into_iter().map(shortened).collect();
        Self {
            loc,
            msg: shortened(msg.into()),
            kind: kind.into(),
        }
    }
}

/// An error for a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Body {
    Plain { code: &'static str, detail: String },
    Problems { detail: Vec<Problem> },
}

impl ApiError {
    /// An error with a status of its own.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = shortened(detail.into());
        Self {
            status,
            body: Body::Plain { code, detail },
        }
    }

    /// 400: the request is not well formed.
    #[must_use]
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401: no valid token.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "authentication_failed",
            "Invalid token",
        )
    }

    /// 403: the token does not reach so far.
    #[must_use]
    pub fn insufficient_access() -> Self {
        Self::forbidden("Insufficient access for the given operation.")
    }

    /// 403, with words of its own.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "insufficient access", detail)
    }

    /// 404: no such object, or one of somebody else.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 409: it contradicts what is there.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 413: the body is too large.
    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
    }

    /// 422: fields break rules.
    #[must_use]
    pub fn invalid(problems: Vec<Problem>) -> Self {
        let body = Body::Problems { detail: problems };
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            body,
        }
    }

    /// 503 with `Retry-After`: nothing was done, or repeating it is safe.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// 501: Svix has this operation, and this build does not.
    #[must_use]
    pub fn not_implemented(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", detail)
    }

    /// 500: a failure of ours, which is logged here and not shown.
    #[must_use]
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = error_chain::chain(error), "request failed");
        Self::server_error()
    }

    /// 500 for a failure that was logged already.
    #[must_use]
    pub fn server_error() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "Internal Server Error",
        )
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // Texts are always representable.
        let json = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = (self.status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            // What is left of the body is not read, so the connection cannot be used again.
            StatusCode::PAYLOAD_TOO_LARGE => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(error: &ApiError) -> String {
        serde_json::to_string(&error.body).unwrap()
    }

    #[test]
    fn the_two_shapes_are_svixs() {
        let error = ApiError::not_found("Entity not found");
        assert_eq!(
            json(&error),
            r#"{"code":"not_found","detail":"Entity not found"}"#
        );
        let problem = Problem::new(["body", "url"], "must be a URL", "value_error");
        assert_eq!(
            json(&ApiError::invalid(vec![problem])),
            r#"{"detail":[{"loc":["body","url"],"msg":"must be a URL","type":"value_error"}]}"#
        );
    }

    #[test]
    fn statuses_bring_the_headers_that_belong_to_them() {
        let header = |error: ApiError, name| error.into_response().headers().get(name).cloned();
        assert_eq!(
            header(ApiError::unauthorized(), WWW_AUTHENTICATE).unwrap(),
            "Bearer"
        );
        assert_eq!(
            header(ApiError::unavailable("x"), RETRY_AFTER).unwrap(),
            "1"
        );
        assert_eq!(
            header(ApiError::too_large("x"), CONNECTION).unwrap(),
            "close"
        );
    }

    #[test]
    fn a_callers_text_is_not_repeated_without_end() {
        let error = ApiError::bad_request("invalid_json", "é".repeat(10_000));
        assert!(json(&error).chars().count() < 250);
        let problem = Problem::new(["body", &"x".repeat(10_000)], "y".repeat(10_000), "z");
        assert!(json(&ApiError::invalid(vec![problem])).len() < 500);
    }
}
