//! The life of a portal's token: exchanged for a code, asked about, ended.

use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use posthorn_public_http::{ApiError, Capability, JsonBody, RawBody, Scope, body};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::credential::Proof;
use crate::fields::Fields;
use crate::public::authentication::{
    ApplicationTokenExpireIn, OneTimeTokenIn, OneTimeTokenOut, WhoamiOut,
};
use crate::scope::{AnyCaller, ApplicationCaller, TokenDigest};
use crate::state::ApiState;
use crate::{failure, portal_link};

/// Longest time until tokens end, in seconds. *Source*: Svix's hosted API.
const MAX_EXPIRY: u64 = 72 * 3_600;
/// Most sessions that one request may end.
const MAX_SESSIONS: usize = 1_000;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(logout))
        .routes(routes!(expire_all))
        .routes(routes!(whoami))
        .routes(routes!(exchange))
}

/// Ends the portal's token that the request carries. An organisation's token cannot be ended so.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    operation_id = "v1.authentication.logout",
    tag = "Authentication",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn logout(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    TokenDigest(digest): TokenDigest,
) -> Result<StatusCode, ApiError> {
    if caller.scope == Scope::Organization {
        return Err(ApiError::forbidden(
            "Only the token of an application can be logged out.",
        ));
    }
    let ended = state.store.revoke_token(&digest, caller.expires_at).await;
    ended.map_err(|error| failure::store(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the tokens that an application's portals have, or those of some sessions.
#[utoipa::path(
    post,
    path = "/api/v1/auth/app/{app_id}/expire-all",
    operation_id = "v1.authentication.expire-all",
    tag = "Authentication",
    request_body = Option<ApplicationTokenExpireIn>,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn expire_all(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    RawBody(bytes): RawBody,
) -> Result<StatusCode, ApiError> {
    caller.require_organization()?;
    let wish = if bytes.is_empty() {
        ApplicationTokenExpireIn::default()
    } else {
        body::parse::<Option<ApplicationTokenExpireIn>>(&bytes)?.unwrap_or_default()
    };
    let mut fields = Fields::default();
    let delay = wish.expiry.unwrap_or(0);
    if delay > MAX_EXPIRY {
        fields.note("expiry", format!("must be at most {MAX_EXPIRY}"));
    }
    let sessions = wish.session_ids.filter(|sessions| !sessions.is_empty());
    let count = sessions.as_ref().map_or(0, Vec::len);
    if count > MAX_SESSIONS {
        fields.note(
            "sessionIds",
            format!("must have at most {MAX_SESSIONS} items"),
        );
    }
    for session in sessions.iter().flatten().take(MAX_SESSIONS) {
        fields.label("sessionIds", session);
    }
    fields.finish()?;
    let (application, delay) = (&caller.application.id, Duration::from_secs(delay));
    let ended = state
        .store
        .revoke_tokens(application, sessions.as_deref(), delay);
    ended.await.map_err(|error| failure::store(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells whom the token speaks for.
#[utoipa::path(
    get,
    path = "/api/v1/auth/whoami",
    operation_id = "v1.authentication.whoami",
    tag = "Authentication",
    responses((status = 200, description = "The answer", body = WhoamiOut)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn whoami(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    proof: Option<Extension<Proof>>,
) -> Json<WhoamiOut> {
    let proof = proof.map_or(Proof::Token, |Extension(proof)| proof);
    let allowed = Capability::ALL.into_iter();
    let allowed = allowed.filter(|wanted| caller.grant.allows(*wanted));
    let whole = caller.scope == Scope::Organization;
    let app_id = match &caller.scope {
        Scope::Organization => None,
        Scope::Application(id) => Some(id.to_string()),
    };
    Json(WhoamiOut {
        env_id: Some(caller.organization.to_string()),
        app_id,
        permission_source: proof.as_str(),
        capabilities: allowed.collect(),
        operator: whole && caller.organization == state.config.operator_organization,
        expires_at: caller.expires_at.map(|at| at.to_rfc3339_micros()),
        session_id: caller.grant.session,
    })
}

/// Exchanges the code of a portal link for its token, once.
#[utoipa::path(
    post,
    path = "/api/v1/auth/one-time-token",
    operation_id = "v1.authentication.exchange-one-time-token",
    tag = "Authentication",
    request_body = OneTimeTokenIn,
    responses((status = 200, description = "The answer", body = OneTimeTokenOut)),
    extensions(("x-posthorn-scope" = json!("anyone")))
)]
async fn exchange(
    State(state): State<ApiState>,
    JsonBody(body): JsonBody<OneTimeTokenIn>,
) -> Result<Json<OneTimeTokenOut>, ApiError> {
    let digest = portal_link::digest(&body.one_time_token);
    let taken = state.store.take_one_time_code(&digest).await;
    let taken = taken.map_err(|error| failure::store(&error))?;
    let (organization, sealed) = taken.ok_or_else(ApiError::unauthorized)?;
    let opened = portal_link::open(&state.config.keys, &organization, &digest, &sealed);
    let token = opened.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(OneTimeTokenOut { token }))
}
