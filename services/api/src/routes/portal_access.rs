//! Ways into a customer's portal: an organisation asks for a token of one application.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::HeaderMap;
use posthorn_event_schema::{ApplicationId, OrganizationId};
use posthorn_public_http::{ApiError, Grant, RawBody, body};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::application;
use crate::fields::Fields;
use crate::minted::Minted;
use crate::public::authentication::{AppPortalAccessIn, AppPortalAccessOut};
use crate::scope::OrganizationCaller;
use crate::state::ApiState;
use crate::{failure, portal_link};

/// How long a portal's token is valid, in seconds. *Source*: Svix's hosted API, as the next.
const DEFAULT_EXPIRY: u64 = 7 * 24 * 3_600;
const MIN_EXPIRY: u64 = 3_600;
/// Most feature flags of a token, which travels with every request.
const MAX_FLAGS: usize = 100;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(app_portal_access))
        .routes(routes!(dashboard_access))
}

/// Makes a link into an application's portal, and its token.
#[utoipa::path(
    post,
    path = "/api/v1/auth/app-portal-access/{app_id}",
    operation_id = "v1.authentication.app-portal-access",
    tag = "Authentication",
    request_body = Option<AppPortalAccessIn>,
    responses((status = 200, description = "The answer", body = AppPortalAccessOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn app_portal_access(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    minted: Minted,
    Path(name): Path<String>,
    headers: HeaderMap,
    RawBody(bytes): RawBody,
) -> Result<Json<AppPortalAccessOut>, ApiError> {
    let mut wish = read(&bytes)?;
    let inline = wish.application.take();
    let (grant, ttl) = granted(wish)?;
    let application =
        application::find_or_create(&state, &organization, &minted, &name, inline).await?;
    access(
        &state,
        &organization,
        &application.id,
        &grant,
        ttl,
        &headers,
    )
    .await
}

/// As portal access with nothing else said; for SDKs of the first generation.
#[utoipa::path(
    post,
    path = "/api/v1/auth/dashboard-access/{app_id}",
    operation_id = "v1.authentication.dashboard-access",
    tag = "Authentication",
    responses((status = 200, description = "The answer", body = AppPortalAccessOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn dashboard_access(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    minted: Minted,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<AppPortalAccessOut>, ApiError> {
    let application =
        application::find_or_create(&state, &organization, &minted, &name, None).await?;
    let (grant, ttl) = granted(AppPortalAccessIn::default())?;
    access(
        &state,
        &organization,
        &application.id,
        &grant,
        ttl,
        &headers,
    )
    .await
}

/// An empty body and null leave everything to us.
fn read(bytes: &Bytes) -> Result<AppPortalAccessIn, ApiError> {
    if bytes.is_empty() {
        return Ok(AppPortalAccessIn::default());
    }
    Ok(body::parse::<Option<AppPortalAccessIn>>(bytes)?.unwrap_or_default())
}

fn granted(wish: AppPortalAccessIn) -> Result<(Grant, Duration), ApiError> {
    let mut fields = Fields::default();
    let expiry = wish.expiry.unwrap_or(DEFAULT_EXPIRY);
    if !(MIN_EXPIRY..=DEFAULT_EXPIRY).contains(&expiry) {
        let rule = format!("must be a number from {MIN_EXPIRY} to {DEFAULT_EXPIRY}");
        fields.note("expiry", rule);
    }
    let flags = wish.feature_flags.unwrap_or_default();
    if flags.len() > MAX_FLAGS {
        fields.note(
            "featureFlags",
            format!("must have at most {MAX_FLAGS} items"),
        );
    }
    for flag in flags.iter().take(MAX_FLAGS) {
        fields.label("featureFlags", flag);
    }
    if let Some(session) = &wish.session_id {
        fields.label("sessionId", session);
    }
    fields.finish()?;
    let listed = wish.capabilities;
    let grant = Grant {
        session: wish.session_id,
        feature_flags: flags,
        capabilities: listed.map(|list| list.into_iter().map(Into::into).collect()),
        read_only: wish.read_only.unwrap_or(false),
    };
    Ok((grant, Duration::from_secs(expiry)))
}

/// The token says the database's time, against which it may be ended.
async fn access(
    state: &ApiState,
    organization: &OrganizationId,
    application: &ApplicationId,
    grant: &Grant,
    ttl: Duration,
    headers: &HeaderMap,
) -> Result<Json<AppPortalAccessOut>, ApiError> {
    let now = state.store.moment().await;
    let now = now.map_err(|error| failure::store(&error))?;
    let tokens = &state.tokens;
    let token = tokens.issue_portal(organization, application, grant, ttl, now);
    let code = portal_link::draw();
    let digest = portal_link::digest(&code);
    let sealed = portal_link::seal(&state.config.keys, organization, &digest, &token);
    let kept = state
        .store
        .keep_one_time_code(&digest, organization, &sealed, portal_link::CODE_TTL)
        .await;
    kept.map_err(|error| failure::store(&error))?;
    let base = portal_link::base(state.config.portal_url.as_ref(), headers);
    let url = portal_link::link(&base, application, &code);
    Ok(Json(AppPortalAccessOut { url, token }))
}

#[cfg(test)]
mod tests {
    use posthorn_public_http::Capability;

    use super::*;

    #[test]
    fn a_wish_is_checked_and_may_be_empty() {
        for nothing in ["", "null", "{}"] {
            let wish = read(&Bytes::from(nothing)).unwrap();
            let (grant, ttl) = granted(wish).unwrap();
            assert_eq!((grant, ttl.as_secs()), (Grant::default(), DEFAULT_EXPIRY));
        }
        let wish = r#"{"capabilities":["ViewBase"],"readOnly":true,"expiry":3600,
                       "sessionId":"s","featureFlags":["beta"]}"#;
        let (grant, ttl) = granted(read(&Bytes::from(wish)).unwrap()).unwrap();
        assert_eq!(grant.capabilities, Some(vec![Capability::ViewBase]));
        assert_eq!((grant.read_only, ttl.as_secs()), (true, 3_600));
        for bad in [
            r#"{"expiry":3599}"#,
            r#"{"expiry":604801}"#,
            r#"{"sessionId":""}"#,
            r#"{"featureFlags":["\u0000"]}"#,
            r#"{"capabilities":["Everything"]}"#,
        ] {
            let refused = read(&Bytes::from(bad)).and_then(granted);
            assert_eq!(refused.unwrap_err().status(), 422, "{bad}");
        }
    }
}
