//! Callers that prove who they are by something else than a signed token: an API key, or the cookie of
//! a browser's session.
//!
//! A layer around all routes, those of ingest included, looks them up and leaves what it found for
//! [`posthorn_public_http::Authenticated`]. A cookie counts only beside its CSRF token and from our own
//! origin, on every method: a page of somebody else's can neither read the token nor send the header.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use posthorn_chassis::entropy;
use posthorn_event_schema::OrganizationId;
use posthorn_public_http::authenticated::{Verified, bearer};
use posthorn_public_http::{ApiError, Caller, Grant, Scope};
use posthorn_signing::{Sha256Digest, digest_parts};
use posthorn_store::api_key::ApiKeyRow;
use posthorn_store::token::Digest;
use url::Url;

use crate::scope::{self, TokenDigest};
use crate::state::ApiState;
use crate::{failure, moment};

/// What API keys begin with; no token does.
const KEY_PREFIX: &str = "phk_";
/// How much of a key may be shown, so that people recognise it.
const SHOWN: usize = 8;
const SECRET_BYTES: usize = 32;
pub(crate) const COOKIE_NAME: &str = "posthorn_session";
/// The header that goes with the cookie.
pub(crate) const CSRF_HEADER: &str = "posthorn-csrf";
const FETCH_SITE: &str = "sec-fetch-site";

/// How a caller proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Token,
    ApiKey,
    Session,
}

impl Proof {
    /// As callers read it. *Source*: Svix's hosted API, whose word for a JWT the first is.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Token => "SvixJwt",
            Self::ApiKey => "ApiKey",
            Self::Session => "Session",
        }
    }
}

/// What a caller's right to go on stands on, for requests that last.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    Token(Box<Caller>, Digest),
    ApiKey(Digest),
    Session(Digest),
}

impl Standing {
    /// Whether the caller may still call. While PostgreSQL does not answer nothing has changed.
    pub(crate) async fn holds(&self, state: &ApiState) -> bool {
        let found = match self {
            Self::Token(caller, digest) => {
                let over = caller.expires_at.is_some_and(|end| end < moment::now());
                let revoked = scope::is_revoked(state, caller, digest).await;
                revoked.map(|revoked| !revoked && !over)
            }
            Self::ApiKey(digest) => state.store.use_api_key(digest).await.map(|k| k.is_some()),
            Self::Session(digest) => state.store.session(digest).await.map(|s| s.is_some()),
        };
        found.unwrap_or(true)
    }
}

impl FromRequestParts<ApiState> for Standing {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let caller = scope::in_force(parts, state).await?;
        let text = bearer(&parts.headers);
        Ok(match parts.extensions.get() {
            Some(Proof::ApiKey) => Self::ApiKey(key_digest(text.unwrap_or_default())),
            Some(Proof::Session) => {
                Self::Session(session_digest(cookie(&parts.headers).unwrap_or_default()))
            }
            Some(Proof::Token) | None => Self::Token(Box::new(caller), TokenDigest::of(parts).0),
        })
    }
}

/// A secret that is shown once.
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn api_key() -> Self {
        Self(format!("{KEY_PREFIX}{}", random()))
    }

    pub(crate) fn session() -> Self {
        Self(random())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The part that people recognise it by.
    pub(crate) fn shown(&self) -> &str {
        self.0.get(..SHOWN).unwrap_or_default()
    }
}

fn random() -> String {
    URL_SAFE_NO_PAD.encode(entropy::bytes::<SECRET_BYTES>())
}

pub(crate) fn is_api_key(text: &str) -> bool {
    text.starts_with(KEY_PREFIX)
}

/// What the database knows of a key.
pub(crate) fn key_digest(key: &str) -> Digest {
    digest_parts(&[b"api key", key.as_bytes()])
}

/// What the database knows of a session.
pub(crate) fn session_digest(session: &str) -> Digest {
    digest_parts(&[b"browser session", session.as_bytes()])
}

/// The CSRF token of a session: whoever has the cookie's value can tell it, and nobody else.
pub(crate) fn csrf_token(session: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest_parts(&[b"csrf", session.as_bytes()]))
}

fn is_csrf_token(session: &str, given: &str) -> bool {
    // Digests compare in constant time.
    Sha256Digest::of(csrf_token(session).as_bytes()) == Sha256Digest::of(given.as_bytes())
}

/// The layer around all routes.
pub(crate) async fn layer(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some((found, proof)) = find(&state, request.headers(), bearer_of(&request)).await {
        request.extensions_mut().insert(proof);
        request.extensions_mut().insert(Verified(found));
    }
    next.run(request).await
}

fn bearer_of(request: &Request) -> Option<String> {
    bearer(request.headers()).map(str::to_owned)
}

/// `None` leaves the caller to prove itself by a token.
async fn find(
    state: &ApiState,
    headers: &HeaderMap,
    bearer: Option<String>,
) -> Option<(Result<Caller, ApiError>, Proof)> {
    if let Some(key) = bearer.filter(|text| is_api_key(text)) {
        return Some((by_key(state, &key).await, Proof::ApiKey));
    }
    if headers.contains_key(AUTHORIZATION) {
        return None;
    }
    let session = cookie(headers)?;
    Some((by_session(state, headers, session).await, Proof::Session))
}

async fn by_key(state: &ApiState, key: &str) -> Result<Caller, ApiError> {
    let row = api_key(state, key).await?;
    Ok(caller(row.organization))
}

/// The key that is in force.
///
/// # Errors
/// 401 when there is none.
pub(crate) async fn api_key(state: &ApiState, key: &str) -> Result<ApiKeyRow, ApiError> {
    let row = state.store.use_api_key(&key_digest(key)).await;
    row.map_err(|error| failure::store(&error))?
        .ok_or_else(ApiError::unauthorized)
}

async fn by_session(
    state: &ApiState,
    headers: &HeaderMap,
    session: &str,
) -> Result<Caller, ApiError> {
    let csrf = headers
        .get(CSRF_HEADER)
        .and_then(|value| value.to_str().ok());
    if !csrf.is_some_and(|given| is_csrf_token(session, given)) {
        return Err(csrf_missing());
    }
    require_own_origin(headers, state.config.portal_url.as_ref())?;
    let found = state.store.session(&session_digest(session)).await;
    let found = found.map_err(|error| failure::store(&error))?;
    let found = found.ok_or_else(ApiError::unauthorized)?;
    Ok(caller(found.organization))
}

fn caller(organization: OrganizationId) -> Caller {
    Caller {
        organization,
        scope: Scope::Organization,
        grant: Grant::default(),
        issued_at: None,
        expires_at: None,
    }
}

/// The value of our cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines.filter_map(|line| line.to_str().ok());
    pairs
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE_NAME).then_some(value))
}

fn csrf_missing() -> ApiError {
    let detail =
        "A request with the session's cookie needs its token in the header `posthorn-csrf`.";
    ApiError::new(StatusCode::FORBIDDEN, "csrf", detail)
}

/// Passes requests of our own pages, and those that no browser made.
///
/// # Errors
/// 403 for a page of another origin.
pub(crate) fn require_own_origin(
    headers: &HeaderMap,
    configured: Option<&Url>,
) -> Result<(), ApiError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let site = text(FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = text(ORIGIN.as_str());
    let origin = origin.is_none_or(|origin| {
        let same = origin
            .split_once("://")
            .is_some_and(|(_, place)| Some(place) == text(HOST.as_str()));
        same || configured.is_some_and(|url| url.origin().ascii_serialization() == origin)
    });
    if site && origin {
        return Ok(());
    }
    let detail = "The request comes from a page of another origin.";
    Err(ApiError::new(StatusCode::FORBIDDEN, "csrf", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
            .into_iter()
            .collect()
    }

    #[test]
    fn only_our_own_pages_may_use_a_cookie() {
        let configured = Url::parse("https://hooks.example/app").unwrap();
        let passes = |pairs: &[_]| require_own_origin(&headers(pairs), Some(&configured)).is_ok();
        assert!(passes(&[]));
        assert!(passes(&[("host", "a:1"), ("origin", "http://a:1")]));
        assert!(passes(&[
            ("host", "inside"),
            ("origin", "https://hooks.example")
        ]));
        assert!(passes(&[("sec-fetch-site", "same-origin")]));
        for origin in ["null", "http://b", "http://a:2", "https://a:1.evil", ""] {
            assert!(!passes(&[("host", "a:1"), ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", ""] {
            assert!(
                !passes(&[("host", "a"), ("sec-fetch-site", site)]),
                "{site}"
            );
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = |line: &'static str| cookie(&headers(&[("cookie", line)])).map(str::to_owned);
        assert_eq!(found("a=b; posthorn_session=x; c=d").as_deref(), Some("x"));
        assert_eq!(found("posthorn_session2=x; a"), None);
    }

    #[test]
    fn a_csrf_token_belongs_to_its_session_alone() {
        let token = csrf_token("one");
        assert!(is_csrf_token("one", &token));
        assert!(!is_csrf_token("two", &token) && !is_csrf_token("one", ""));
        assert_ne!(session_digest("x"), key_digest("x"));
    }

    #[test]
    fn a_key_shows_its_beginning_alone() {
        let key = Secret::api_key();
        assert!(is_api_key(key.text()) && key.text().len() == 47);
        assert!(key.shown().len() == 8 && key.text().starts_with(key.shown()));
    }
}
