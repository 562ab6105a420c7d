//! Sessions of browsers: an API key or a token is exchanged for a cookie that no script can read.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use posthorn_event_schema::{ApiKeyId, OrganizationId, Timestamp};
use posthorn_public_http::{ApiError, JsonBody, Scope};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::credential::{self, COOKIE_NAME, Secret, session_digest};
use crate::public::access::{SessionIn, SessionOut};
use crate::scope::OrganizationCaller;
use crate::state::ApiState;
use crate::{failure, moment};

/// How long a session lasts: a working day.
const LASTS: Duration = Duration::from_secs(12 * 3_600);

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(begin, current, end))
}

/// Signs a browser in: the answer sets a cookie, and tells what every request with it must carry.
#[utoipa::path(
    post,
    path = "/api/v1/auth/session",
    operation_id = "posthorn.session.begin",
    tag = "Authentication",
    request_body = SessionIn,
    responses((status = 200, description = "The session", body = SessionOut)),
    extensions(("x-posthorn-scope" = json!("anyone")))
)]
async fn begin(
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SessionIn>,
) -> Result<Response, ApiError> {
    credential::require_own_origin(&headers, state.config.portal_url.as_ref())?;
    let (organization, key, until) = proven(&state, &body.api_key).await?;
    let session = Secret::session();
    let digest = session_digest(session.text());
    let begun = state
        .store
        .begin_session(&digest, &organization, key.as_ref(), LASTS, until);
    let expires_at = begun.await.map_err(|error| failure::store(&error))?;
    let out = shown(&state, &organization, expires_at, session.text());
    let cookie = cookie(session.text(), LASTS, is_https(&state, &headers));
    Ok(([(SET_COOKIE, cookie)], uncached(out)).into_response())
}

/// Tells which session the cookie is of, for a page that was loaded anew.
#[utoipa::path(
    get,
    path = "/api/v1/auth/session",
    operation_id = "posthorn.session.current",
    tag = "Authentication",
    responses((status = 200, description = "The session", body = SessionOut)),
    extensions(("x-posthorn-scope" = json!("anyone")))
)]
async fn current(State(state): State<ApiState>, headers: HeaderMap) -> Result<Response, ApiError> {
    credential::require_own_origin(&headers, state.config.portal_url.as_ref())?;
    let session = credential::cookie(&headers).ok_or_else(ApiError::unauthorized)?;
    let found = state.store.session(&session_digest(session)).await;
    let found = found.map_err(|error| failure::store(&error))?;
    let found = found.ok_or_else(ApiError::unauthorized)?;
    let out = shown(&state, &found.organization, found.expires_at, session);
    Ok(uncached(out).into_response())
}

/// Signs a browser out: its session ends on every process, and the cookie goes.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/session",
    operation_id = "posthorn.session.end",
    tag = "Authentication",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn end(
    State(state): State<ApiState>,
    OrganizationCaller(_organization): OrganizationCaller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(session) = credential::cookie(&headers) {
        let ended = state.store.end_session(&session_digest(session)).await;
        ended.map_err(|error| failure::store(&error))?;
    }
    let gone = cookie("", Duration::ZERO, is_https(&state, &headers));
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, gone)]).into_response())
}

/// Whom a key or a token speaks for, and how long at most.
async fn proven(
    state: &ApiState,
    text: &str,
) -> Result<(OrganizationId, Option<ApiKeyId>, Option<Timestamp>), ApiError> {
    let text = text.trim();
    if credential::is_api_key(text) {
        let row = credential::api_key(state, text).await?;
        return Ok((row.organization, Some(row.id), row.expires_at));
    }
    let caller = state.tokens.verify(text, moment::now());
    let caller = caller.map_err(|_invalid| ApiError::unauthorized())?;
    match caller.scope {
        Scope::Organization => Ok((caller.organization, None, caller.expires_at)),
        Scope::Application(_) => Err(ApiError::insufficient_access()),
    }
}

fn shown(
    state: &ApiState,
    organization: &OrganizationId,
    expires_at: Timestamp,
    session: &str,
) -> SessionOut {
    let operator = *organization == state.config.operator_organization;
    let trace_url = state.config.trace_url.clone();
    SessionOut {
        organization_id: organization.to_string(),
        expires_at: expires_at.to_rfc3339_micros(),
        csrf_token: credential::csrf_token(session),
        operator,
        trace_url: trace_url.filter(|_| operator),
    }
}

fn uncached(out: SessionOut) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(out))
}

/// Whether the browser reaches us over TLS, so that it may keep the cookie to that.
fn is_https(state: &ApiState, headers: &HeaderMap) -> bool {
    let configured = state.config.portal_url.as_ref();
    let forwarded = headers.get("x-forwarded-proto");
    let forwarded = forwarded.is_some_and(|proto| proto.as_bytes().starts_with(b"https"));
    forwarded || configured.is_some_and(|url| url.scheme() == "https")
}

fn cookie(value: &str, lasts: Duration, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    let seconds = lasts.as_secs();
    format!("{COOKIE_NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_and_no_other_site_gets_the_cookie() {
        let plain = cookie("x", LASTS, false);
        assert_eq!(
            plain,
            "posthorn_session=x; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
        );
        assert!(cookie("x", LASTS, true).ends_with("; Secure"));
    }
}
