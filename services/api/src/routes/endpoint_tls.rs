//! TLS of an endpoint's own: the certificate that it is shown, and roots that its server is signed by.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use posthorn_egress::{ClientIdentity, ExtraRoots, TlsMaterialError};
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::endpoint_access::{Access, AccessKind};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::endpoint_access;
use crate::fields::Fields;
use crate::public::endpoint_access::{CaIn, CaOut, MtlsIn, MtlsOut};
use crate::scope::{ApplicationCaller, no_entity};
use crate::sealing::{self, Column};
use crate::state::ApiState;
use crate::{lookup, moment};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(read_mtls, replace_mtls, remove_mtls))
        .routes(routes!(read_ca, replace_ca, remove_ca))
}

/// Reads the client certificate that an endpoint is shown, without its key.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/mtls",
    operation_id = "v1.endpoint.get-mtls-config",
    tag = "Endpoint",
    responses((status = 200, description = "The answer", body = MtlsOut), (status = 404, description = "It has none")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn read_mtls(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<Json<MtlsOut>, ApiError> {
    let access = endpoint_access::read(&state, &caller, &name, AccessKind::Mtls).await?;
    let shown = MtlsOut::of(access.shown);
    shown.map(Json).map_err(|error| ApiError::internal(&error))
}

/// Gives an endpoint a client certificate, which it is shown from now on.
///
/// Its deliveries have connections of their own.
#[utoipa::path(
    put,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/mtls",
    operation_id = "v1.endpoint.update-mtls-config",
    tag = "Endpoint",
    request_body = MtlsIn,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn replace_mtls(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<MtlsIn>,
) -> Result<StatusCode, ApiError> {
    let mut fields = Fields::default();
    if body.server_ca_cert.is_some() {
        fields.note("serverCaCert", "must be set with PUT …/ca");
    }
    let identity = ClientIdentity::parse(&body.identity).and_then(|identity| {
        identity.check_dates(now())?;
        Ok(identity)
    });
    let identity = keep(&mut fields, "identity", identity);
    fields.finish()?;
    let identity = identity.ok_or_else(no_entity)?;
    let row = lookup::endpoint(&state, &caller.application.id, &name).await?;
    let key = identity.key_pem();
    let owner = endpoint_access::owner(&row);
    let sealed = sealing::seal(&state.config.keys, owner, Column::MtlsKey, key.as_bytes());
    let access = Access {
        shown: identity.chain_pem(),
        sealed: Some(sealed),
    };
    endpoint_access::replace(&state, &row, AccessKind::Mtls, Some(&access)).await
}

/// Takes an endpoint's client certificate away.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/mtls",
    operation_id = "v1.endpoint.delete-mtls-config",
    tag = "Endpoint",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn remove_mtls(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    endpoint_access::remove(&state, &caller, &name, AccessKind::Mtls).await
}

/// Reads the roots that an endpoint's server may be signed by, beside the public ones.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/ca",
    operation_id = "v1.endpoint.get-ca",
    tag = "Endpoint",
    responses((status = 200, description = "The answer", body = CaOut), (status = 404, description = "It has none")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn read_ca(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<Json<CaOut>, ApiError> {
    let access = endpoint_access::read(&state, &caller, &name, AccessKind::Ca).await?;
    let shown = CaOut::of(access.shown);
    shown.map(Json).map_err(|error| ApiError::internal(&error))
}

/// Gives an endpoint roots that its server may be signed by, beside the public ones.
#[utoipa::path(
    put,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/ca",
    operation_id = "v1.endpoint.update-ca",
    tag = "Endpoint",
    request_body = CaIn,
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn replace_ca(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<CaIn>,
) -> Result<StatusCode, ApiError> {
    let mut fields = Fields::default();
    let roots = ExtraRoots::parse(&body.ca_cert).and_then(|roots| {
        roots.check_dates(now())?;
        Ok(roots)
    });
    let roots = keep(&mut fields, "caCert", roots);
    fields.finish()?;
    let roots = roots.ok_or_else(no_entity)?;
    let row = lookup::endpoint(&state, &caller.application.id, &name).await?;
    let access = Access {
        shown: roots.pem(),
        sealed: None,
    };
    endpoint_access::replace(&state, &row, AccessKind::Ca, Some(&access)).await
}

/// Takes an endpoint's own roots away.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/ca",
    operation_id = "v1.endpoint.delete-ca",
    tag = "Endpoint",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn remove_ca(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    endpoint_access::remove(&state, &caller, &name, AccessKind::Ca).await
}

/// In seconds since 1970.
fn now() -> u64 {
    moment::now().as_unix_seconds().unsigned_abs()
}

fn keep<T>(fields: &mut Fields, field: &str, read: Result<T, TlsMaterialError>) -> Option<T> {
    read.map_err(|error| fields.note_as(field, error.to_string(), error.code()))
        .ok()
}
