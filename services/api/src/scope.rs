//! What a caller may reach, as extractors: a route that takes one of them cannot forget to ask.
//!
//! Somebody else's application is answered like one that does not exist, so that nobody can probe.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use posthorn_event_schema::{ApplicationRef, OrganizationId};
use posthorn_public_http::{ApiError, Authenticated, Scope};
use posthorn_store::application::ApplicationRow;

use crate::failure;
use crate::state::ApiState;

/// The path parameter that names an application.
const APPLICATION: &str = "app_id";

/// A caller that speaks for a whole organisation.
#[derive(Debug, Clone)]
pub(crate) struct OrganizationCaller(pub(crate) OrganizationId);

/// A caller and the application that the path names, which the caller may reach.
#[derive(Debug, Clone)]
pub(crate) struct ApplicationCaller {
    /// The caller's organisation, which owns the application.
    pub(crate) organization: OrganizationId,
    /// The application.
    pub(crate) application: ApplicationRow,
    /// What the caller's token reaches.
    scope: Scope,
}

impl ApplicationCaller {
    /// Passes only callers that speak for the whole organisation.
    ///
    /// # Errors
    /// 403 for a token of one application.
    pub(crate) fn require_organization(&self) -> Result<(), ApiError> {
        match self.scope {
            Scope::Organization => Ok(()),
            Scope::Application(_) => Err(ApiError::insufficient_access()),
        }
    }
}

/// Whose request it is, as far as repeating it is concerned.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The caller's organisation.
    pub(crate) organization: OrganizationId,
    /// Who of it.
    pub(crate) subject: String,
}

/// Identifies the caller of any route.
///
/// # Errors
/// 401 without a valid token.
pub(crate) async fn identify(parts: &mut Parts, state: &ApiState) -> Result<Identity, ApiError> {
    let Authenticated(caller) = Authenticated::from_request_parts(parts, state).await?;
    let subject = match &caller.scope {
        Scope::Organization => caller.organization.to_string(),
        Scope::Application(id) => id.to_string(),
    };
    Ok(Identity {
        organization: caller.organization,
        subject,
    })
}

impl FromRequestParts<ApiState> for OrganizationCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let caller = Authenticated::from_request_parts(parts, state).await?;
        caller.organization().cloned().map(Self)
    }
}

impl FromRequestParts<ApiState> for ApplicationCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let Authenticated(caller) = Authenticated::from_request_parts(parts, state).await?;
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
            organization: caller.organization,
            application,
            scope: caller.scope,
        })
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
