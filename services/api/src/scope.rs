//! What a caller may reach, as extractors: a route that takes one of them cannot forget to ask.
//!
//! Somebody else's application is answered like one that does not exist, so that nobody can probe.
//! A portal's token is looked up in the database, so that its end is in force at once, and needs
//! the route's capability.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use http::Method;
use http::request::Parts;
use posthorn_event_schema::{ApplicationRef, OrganizationId};
use posthorn_public_http::{ApiError, Authenticated, Caller, Scope, authenticated};
use posthorn_signing::digest_parts;
use posthorn_store::StoreError;
use posthorn_store::application::{ApplicationRow, Saved};
use posthorn_store::token::{Digest, TokenLook};

use crate::operational::{self, Change};
use crate::state::ApiState;
use crate::{capability, failure, moment};

/// The path parameter that names an application.
const APPLICATION: &str = "app_id";

/// Any caller whose token is in force and allows the route.
#[derive(Debug, Clone)]
pub(crate) struct AnyCaller(pub(crate) Caller);

/// A caller that speaks for a whole organisation.
#[derive(Debug, Clone)]
pub(crate) struct OrganizationCaller(pub(crate) OrganizationId);

/// A caller that speaks for the organisation that runs the fleet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperatorCaller;

/// A caller and the application that the path names, which the caller may reach.
#[derive(Debug, Clone)]
pub(crate) struct ApplicationCaller {
    /// The caller's organisation, which owns the application.
    pub(crate) organization: OrganizationId,
    /// The application.
    pub(crate) application: ApplicationRow,
    /// What the caller's token reaches.
    caller: Caller,
    /// It is the hidden application of the organisation's operational events.
    management: bool,
}

/// A caller that speaks for a whole organisation, and the hidden application of its operational
/// events.
#[derive(Debug, Clone)]
pub(crate) struct ManagementCaller(pub(crate) ApplicationCaller);

impl ApplicationCaller {
    /// Passes only callers that speak for the whole organisation.
    ///
    /// # Errors
    /// 403 for a token of one application.
    pub(crate) fn require_organization(&self) -> Result<(), ApiError> {
        match self.caller.scope {
            Scope::Organization => Ok(()),
            Scope::Application(_) => Err(ApiError::insufficient_access()),
        }
    }

    /// Whether this is about operational events.
    pub(crate) fn is_management(&self) -> bool {
        self.management
    }

    /// Tells the organisation what happened to an endpoint of an application of its own.
    pub(crate) fn tell(&self, state: &ApiState, change: Change) {
        if !self.management {
            state.operational.tell(change);
        }
    }

    /// As [`visible_flags`].
    pub(crate) fn visible_flags(&self) -> Option<Vec<String>> {
        visible_flags(&self.caller)
    }
}

/// The feature flags whose event types a caller sees; `None` = all event types.
pub(crate) fn visible_flags(caller: &Caller) -> Option<Vec<String>> {
    match caller.scope {
        Scope::Organization => None,
        Scope::Application(_) => Some(caller.grant.feature_flags.clone()),
    }
}

impl FromRequestParts<ApiState> for AnyCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let caller = in_force(parts, state).await?;
        let route = parts.extensions.get::<MatchedPath>();
        let route = route.map_or("", MatchedPath::as_str);
        match capability::needed(&parts.method, route) {
            Some(wanted) if !caller.grant.allows(wanted) => Err(ApiError::insufficient_access()),
            Some(_) | None => Ok(Self(caller)),
        }
    }
}

impl FromRequestParts<ApiState> for OrganizationCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let caller = in_force(parts, state).await?;
        Authenticated(caller).organization().cloned().map(Self)
    }
}

impl FromRequestParts<ApiState> for OperatorCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let OrganizationCaller(organization) =
            OrganizationCaller::from_request_parts(parts, state).await?;
        if organization == state.config.operator_organization {
            Ok(Self)
        } else {
            Err(ApiError::insufficient_access())
        }
    }
}

impl FromRequestParts<ApiState> for ApplicationCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let AnyCaller(caller) = AnyCaller::from_request_parts(parts, state).await?;
        let reference = reference(parts, state).await.ok_or_else(no_entity)?;
        let found = state
            .store
            .application(&caller.organization, &reference)
            .await
            .map_err(|error| failure::store(&error))?;
        let application = found
            .filter(|application| reaches(&caller.scope, application))
            .ok_or_else(no_entity)?;
        Ok(Self {
            organization: caller.organization.clone(),
            application,
            caller,
            management: false,
        })
    }
}

impl FromRequestParts<ApiState> for ManagementCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let caller = in_force(parts, state).await?;
        let organization = Authenticated(caller.clone()).organization()?.clone();
        let application = hidden_application(state, &organization, &parts.method).await?;
        Ok(Self(ApplicationCaller {
            organization,
            application,
            caller,
            management: true,
        }))
    }
}

/// It is stored as soon as something about it changes.
async fn hidden_application(
    state: &ApiState,
    organization: &OrganizationId,
    method: &Method,
) -> Result<ApplicationRow, ApiError> {
    let row = operational::application(organization, moment::now());
    let find = async || {
        let found = state.store.hidden_application(organization, &row.id).await;
        found.map_err(|error| failure::store(&error))
    };
    if let Some(stored) = find().await? {
        return Ok(stored);
    }
    if *method == Method::GET {
        return Ok(row);
    }
    let made = state.store.create_hidden_application(&row).await;
    match made.map_err(|error| failure::store(&error))? {
        Saved::Row(stored) => {
            state.snapshots.tell_application(&stored).await;
            Ok(stored)
        }
        Saved::Taken | Saved::Missing => find().await?.ok_or_else(no_entity),
    }
}

/// A caller whose token was found to be in force, for whoever asks again within one request.
#[derive(Debug, Clone)]
struct InForce(Caller);

/// The caller of any route, whose token has not ended.
///
/// # Errors
/// 401 without a valid token; as [`failure::store`] when PostgreSQL does not answer.
pub(crate) async fn in_force(parts: &mut Parts, state: &ApiState) -> Result<Caller, ApiError> {
    if let Some(InForce(caller)) = parts.extensions.get() {
        return Ok(caller.clone());
    }
    let Authenticated(caller) = Authenticated::from_request_parts(parts, state).await?;
    let revoked = is_revoked(state, &caller, &TokenDigest::of(parts).0).await;
    if revoked.map_err(|error| failure::store(&error))? {
        return Err(ApiError::unauthorized());
    }
    parts.extensions.insert(InForce(caller.clone()));
    Ok(caller)
}

/// Whether a token was ended before its time, as those of portals can be.
pub(crate) async fn is_revoked(
    state: &ApiState,
    caller: &Caller,
    digest: &Digest,
) -> Result<bool, StoreError> {
    let Scope::Application(application) = &caller.scope else {
        return Ok(false);
    };
    let look = TokenLook {
        application,
        session: caller.grant.session.as_deref(),
        issued_at: caller.issued_at,
        digest,
    };
    state.store.is_token_revoked(&look).await
}

/// Names a request's token: by what is signed, because a signature may have several spellings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenDigest(pub(crate) Digest);

impl TokenDigest {
    pub(crate) fn of(parts: &Parts) -> Self {
        let token = authenticated::bearer(&parts.headers).unwrap_or_default();
        let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        Self(digest_parts(&[b"token", signed.as_bytes()]))
    }
}

impl FromRequestParts<ApiState> for TokenDigest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &ApiState) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// 404 in Svix's words, for everything that a path names.
pub(crate) fn no_entity() -> ApiError {
    ApiError::not_found("Entity not found")
}

async fn reference(parts: &mut Parts, state: &ApiState) -> Option<ApplicationRef> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok()?;
    let (_, text) = params.iter().find(|(name, _)| *name == APPLICATION)?;
    ApplicationRef::parse(text).ok()
}

fn reaches(scope: &Scope, application: &ApplicationRow) -> bool {
    match scope {
        Scope::Organization => true,
        Scope::Application(id) => *id == application.id,
    }
}
