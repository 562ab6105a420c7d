//! Storing what endpoints ask of whoever sends to them; the kinds have files of their own.

use http::StatusCode;
use posthorn_public_http::ApiError;
use posthorn_store::endpoint::EndpointRow;
use posthorn_store::endpoint_access::{Access, AccessKind};

use crate::scope::{ApplicationCaller, no_entity};
use crate::sealing::Owner;
use crate::state::ApiState;
use crate::{failure, lookup, moment};

/// What an endpoint asks, of one kind.
///
/// # Errors
/// 404 when it asks nothing of this kind, or there is no such endpoint.
pub(super) async fn read(
    state: &ApiState,
    caller: &ApplicationCaller,
    name: &str,
    kind: AccessKind,
) -> Result<Access, ApiError> {
    let row = lookup::endpoint(state, &caller.application.id, name).await?;
    let access = state.store.endpoint_access(&row.id, kind).await;
    access
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)
}

/// Stores what an endpoint asks, or nothing, and tells the fleet.
///
/// # Errors
/// 404 when the endpoint has gone in the meantime.
pub(super) async fn replace(
    state: &ApiState,
    row: &EndpointRow,
    kind: AccessKind,
    access: Option<&Access>,
) -> Result<StatusCode, ApiError> {
    let (application, id, now) = (&row.application, &row.id, moment::now());
    let store = &state.store;
    let stored = store.replace_endpoint_access(application, id, kind, access, now);
    if !stored.await.map_err(|error| failure::store(&error))? {
        return Err(no_entity());
    }
    state.snapshots.tell_endpoint(application, id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes away what an endpoint asks; it need not ask anything.
///
/// # Errors
/// 404 when there is no such endpoint.
pub(super) async fn remove(
    state: &ApiState,
    caller: &ApplicationCaller,
    name: &str,
    kind: AccessKind,
) -> Result<StatusCode, ApiError> {
    let row = lookup::endpoint(state, &caller.application.id, name).await?;
    replace(state, &row, kind, None).await
}

/// Whose values are sealed.
pub(super) fn owner(row: &EndpointRow) -> Owner<'_> {
    Owner {
        organization: &row.organization,
        endpoint: &row.id,
    }
}
