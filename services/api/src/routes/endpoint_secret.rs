//! An endpoint's signing secret: read it, replace it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, StatusCode};
use posthorn_event_schema::Timestamp;
use posthorn_public_http::{ApiError, RawBody, body};
use posthorn_signing::SigningSecret;
use posthorn_store::endpoint::EndpointRow;
use posthorn_store::endpoint_secret::{NewSecret, Rotation};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::fields::Fields;
use crate::minted::Minted;
use crate::operational::{Change, Happened};
use crate::public::endpoint::{RotateIn, SecretOut};
use crate::scope::{ApplicationCaller, no_entity};
use crate::sealing::{self, Owner};
use crate::state::ApiState;
use crate::{failure, lookup, moment};

/// How long a replaced secret signs on, in seconds. *Source*: Svix's API, as the next.
const DEFAULT_GRACE_SECONDS: u64 = 24 * 3_600;
pub(super) const DEFAULT_GRACE: Duration = Duration::from_secs(DEFAULT_GRACE_SECONDS);
const MAX_GRACE_SECONDS: u64 = 7 * 24 * 3_600;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(read))
        .routes(routes!(rotate))
}

/// Reads an endpoint's signing secret.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret",
    operation_id = "v1.endpoint.get-secret",
    tag = "Endpoint",
    responses((status = 200, description = "The answer", body = SecretOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn read(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<Json<SecretOut>, ApiError> {
    current(&state, &caller, &name).await
}

/// An endpoint's current secret, as a receiver needs it.
pub(super) async fn current(
    state: &ApiState,
    caller: &ApplicationCaller,
    name: &str,
) -> Result<Json<SecretOut>, ApiError> {
    let row = lookup::endpoint(state, &caller.application.id, name).await?;
    let secret = stored(state, &row).await?;
    Ok(Json(SecretOut {
        key: secret.verification_text(),
    }))
}

/// An endpoint's current secret.
pub(super) async fn stored(state: &ApiState, row: &EndpointRow) -> Result<SigningSecret, ApiError> {
    let found = state
        .store
        .endpoint_state(&row.application, &row.id, moment::now())
        .await;
    let found = found
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)?;
    let newest = found.secrets.first().ok_or_else(no_entity)?;
    let opened = sealing::open_secret(&state.config.keys, owner(row), &newest.sealed);
    opened.map_err(|error| ApiError::internal(&error))
}

/// Replaces an endpoint's signing secret; the old one signs on for a while.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate",
    operation_id = "v1.endpoint.rotate-secret",
    tag = "Endpoint",
    request_body = Option<RotateIn>,
    responses((status = 200, description = "The answer", body = SecretOut), (status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn rotate(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    minted: Minted,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, ApiError> {
    let secret = replaced(&state, &caller, &minted, &name, &body).await?;
    if wants_key(&headers) {
        let key = secret.verification_text();
        return Ok(Json(SecretOut { key }).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Replaces an endpoint's secret, and returns the new one.
pub(super) async fn replaced(
    state: &ApiState,
    caller: &ApplicationCaller,
    minted: &Minted,
    name: &str,
    body: &Bytes,
) -> Result<SigningSecret, ApiError> {
    let row = lookup::endpoint(state, &caller.application.id, name).await?;
    let (secret, grace) = wanted(body)?;
    rotate_to(state, caller, &row, secret, minted.at(), grace).await
}

/// Makes this secret the current one, and returns it; or the one that an earlier run of the same
/// request stored.
pub(super) async fn rotate_to(
    state: &ApiState,
    caller: &ApplicationCaller,
    row: &EndpointRow,
    secret: SigningSecret,
    at: Timestamp,
    grace: Duration,
) -> Result<SigningSecret, ApiError> {
    let sealed = sealing::seal_secret(&state.config.keys, owner(row), &secret);
    let new = NewSecret {
        sealed,
        at,
        old_until: at.plus(grace),
    };
    let rotated = state
        .store
        .rotate_secret(&row.application, &row.id, &new)
        .await;
    match rotated.map_err(|error| failure::store(&error))? {
        Rotation::Done(version) => {
            let mut change = Change::new(Happened::Updated, &caller.application, row);
            (change.version, change.at) = (version, at);
            caller.tell(state, change);
        }
        Rotation::DoneBefore(sealed) => {
            let opened = sealing::open_secret(&state.config.keys, owner(row), &sealed);
            return opened.map_err(|error| ApiError::internal(&error));
        }
        Rotation::TooMany => {
            let detail = "You can only rotate a key 10 times; wait until old keys have expired.";
            return Err(ApiError::bad_request("limit_reached", detail));
        }
        Rotation::Missing => return Err(no_entity()),
    }
    state
        .snapshots
        .tell_endpoint(&row.application, &row.id)
        .await;
    Ok(secret)
}

/// The new secret and how long the old one signs on; an empty body or null leaves both to us.
fn wanted(bytes: &Bytes) -> Result<(SigningSecret, Duration), ApiError> {
    let wish = if bytes.is_empty() {
        RotateIn::default()
    } else {
        body::parse::<Option<RotateIn>>(bytes)?.unwrap_or_default()
    };
    let mut fields = Fields::default();
    let secret = match wish.key {
        Some(text) => fields.keep("key", SigningSecret::parse(&text)),
        None => Some(SigningSecret::generate()),
    };
    let grace = wish.grace_period_seconds.unwrap_or(DEFAULT_GRACE_SECONDS);
    if grace > MAX_GRACE_SECONDS {
        fields.note(
            "gracePeriodSeconds",
            format!("must be at most {MAX_GRACE_SECONDS}"),
        );
    }
    fields.finish()?;
    // Without a secret there was a problem, which has been answered.
    Ok((secret.ok_or_else(no_entity)?, Duration::from_secs(grace)))
}

/// Svix's SDKs from 2.7 on read the new key from the answer; everything older expects 204.
fn wants_key(headers: &HeaderMap) -> bool {
    let agent = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let version = agent.and_then(|agent| agent.strip_prefix("svix-libs/"));
    let mut parts = version
        .unwrap_or_default()
        .split(['.', '/'])
        .map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (2, 7),
        _ => false,
    }
}

fn owner(row: &EndpointRow) -> Owner<'_> {
    Owner {
        organization: &row.organization,
        endpoint: &row.id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_sdks_get_the_key_in_the_answer() {
        let wants = |agent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, agent.parse().unwrap());
            wants_key(&headers)
        };
        assert!(wants("svix-libs/2.7.0/python") && wants("svix-libs/3.0.0/rust"));
        for agent in [
            "svix-libs/2.6.9/python",
            "svix-libs/1.99.1/go",
            "curl/8.0",
            "svix-libs/x",
        ] {
            assert!(!wants(agent), "{agent}");
        }
    }

    #[test]
    fn a_wish_is_checked_and_may_be_empty() {
        assert_eq!(
            wanted(&Bytes::new()).unwrap().1,
            Duration::from_secs(24 * 3_600)
        );
        assert!(wanted(&Bytes::from("null")).is_ok());
        for bad in [r#"{"key":"secret"}"#, r#"{"gracePeriodSeconds":604801}"#] {
            assert_eq!(
                wanted(&Bytes::from(bad)).unwrap_err().status(),
                422,
                "{bad}"
            );
        }
    }
}
