//! The caller of a route, as an extractor: no route can forget to ask for the token.

use axum::extract::{FromRef, FromRequestParts};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use posthorn_chassis::clock;
use posthorn_event_schema::{OrganizationId, Timestamp};

use crate::{ApiError, Caller, Scope, TokenKey};

/// What a layer found out about a caller that proves itself by something else than a token; put into
/// a request's extensions, it is what routes see.
#[derive(Debug, Clone)]
pub struct Verified(pub Result<Caller, ApiError>);

/// The caller, whose token is valid.
#[derive(Debug, Clone)]
pub struct Authenticated(pub Caller);

impl<S> FromRequestParts<S> for Authenticated
where
    S: Send + Sync,
    TokenKey: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if let Some(Verified(found)) = parts.extensions.get() {
            return found.clone().map(Self);
        }
        let token = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        let now = Timestamp::from_unix_micros(clock::unix_micros());
        match TokenKey::from_ref(state).verify(token, now) {
            Ok(caller) => Ok(Self(caller)),
            Err(error) => {
                tracing::debug!(error = %error, "token refused");
                Err(ApiError::unauthorized())
            }
        }
    }
}

impl Authenticated {
    /// The organisation, if the caller speaks for all of it.
    ///
    /// # Errors
    /// 403 for a token of one application.
    pub fn organization(&self) -> Result<&OrganizationId, ApiError> {
        match self.0.scope {
            Scope::Organization => Ok(&self.0.organization),
            Scope::Application(_) => Err(ApiError::insufficient_access()),
        }
    }
}

/// The text of a request's token.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
