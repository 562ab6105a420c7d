//! Endpoints that come from elsewhere with their ids, secrets and headers.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use http::request::Parts as RequestParts;
use posthorn_event_schema::{ApplicationId, Channel, EndpointId, EventType, Uid};
use posthorn_public_http::{ApiError, JsonBody, QueryParams};
use posthorn_signing::SigningSecret;
use posthorn_store::endpoint::{EndpointChange, EndpointRef, EndpointRow, EndpointSettings};
use posthorn_store::import::Imported;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::endpoint::{self, Named, Wanted};
use super::endpoint_headers;
use super::endpoint_secret::{self, DEFAULT_GRACE};
use super::import::{
    How, Meeting, check_free, created, created_at, id_taken, is_missing, own_id, uid_taken,
};
use crate::custom_headers::CustomHeaders;
use crate::endpoint_url::UrlProblem;
use crate::fields::Fields;
use crate::import::{Base, Merge, Parts};
use crate::public::import::{ImportEndpointIn, ImportOut};
use crate::public::query::ImportQuery;
use crate::scope::{ApplicationCaller, OrganizationCaller, no_entity};
use crate::state::ApiState;
use crate::url_credentials::UrlCredentials;
use crate::{failure, moment};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(import))
}

/// The application that the path names; in a dry run it may be one that is still to come.
struct Home(Option<ApplicationCaller>);

impl FromRequestParts<ApiState> for Home {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut RequestParts,
        state: &ApiState,
    ) -> Result<Self, ApiError> {
        let how = How::read(&QueryParams::parse(parts.uri.query().unwrap_or_default()))?;
        match ApplicationCaller::from_request_parts(parts, state).await {
            Ok(caller) => Ok(Self(Some(caller))),
            Err(error) if how.dry_run && is_missing(&error) => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }
}

/// Brings an endpoint with the id that it has elsewhere, or what changed there since.
#[utoipa::path(
    put,
    path = "/api/v1/import/app/{app_id}/endpoint/{endpoint_id}",
    operation_id = "v1.import.endpoint",
    tag = "Import",
    params(ImportQuery),
    request_body = ImportEndpointIn,
    responses((status = 200, description = "The answer", body = ImportOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn import(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Home(home): Home,
    Path((_app, id)): Path<(String, String)>,
    query: QueryParams,
    JsonBody(body): JsonBody<ImportEndpointIn>,
) -> Result<Json<ImportOut>, ApiError> {
    let how = How::read(&query)?;
    let place = ("endpoint_id", EndpointId::PREFIX);
    let id = own_id(&id, place, EndpointId::parse)?;
    let coming = Coming::read(&state, body)?;
    let meeting = Meeting {
        state: &state,
        organization: &organization,
        object: Imported::Endpoint(&id),
        how,
    };
    let Some(home) = home else {
        check_free(&state, meeting.object).await?;
        return Ok(created());
    };
    let application = &home.application.id;
    let found = find(&state, application, EndpointRef::Id(id.clone())).await?;
    match found {
        None => create(&meeting, &home, &id, coming).await,
        Some(row) => renew(&meeting, &home, &row, coming).await,
    }
}

/// What the source tells of an endpoint.
struct Coming {
    wanted: Wanted,
    /// The source tells the secret.
    has_secret: bool,
    keep_headers: Vec<String>,
    since: Option<posthorn_event_schema::Timestamp>,
}

impl Coming {
    /// Event types need not exist: at the source they may be archived, or forgotten, and be sent.
    fn read(state: &ApiState, body: ImportEndpointIn) -> Result<Self, ApiError> {
        let mut fields = Fields::default();
        let since = created_at(&mut fields, body.created_at.as_deref());
        let has_secret = body.endpoint.secret.is_some();
        let wanted = endpoint::read(state, &mut fields, body.endpoint);
        if let Some(wanted) = &wanted
            && !matches!(wanted.credentials, UrlCredentials::Absent)
        {
            fields.url("url", UrlProblem::UserInfo);
        }
        fields.finish()?;
        // When it could not be read there was a problem, which has been answered.
        let mut wanted = wanted.ok_or_else(no_entity)?;
        if !has_secret && body.asymmetric {
            wanted.secret = SigningSecret::generate_key_pair();
        }
        Ok(Self {
            wanted,
            has_secret,
            keep_headers: body.keep_headers,
            since,
        })
    }

    /// Whether a header of this name is ours: the source has it, and does not tell its value.
    fn is_kept(&self, name: &str) -> bool {
        let is_it = |other: &String| other.eq_ignore_ascii_case(name);
        self.keep_headers.iter().any(is_it) && !self.wanted.headers.keys().any(is_it)
    }

    fn parts(&self) -> Parts {
        let mut parts = parts(&self.wanted.settings, &self.wanted.headers);
        if self.has_secret {
            parts.insert("secret", secret_part(&self.wanted.secret));
        }
        parts
    }
}

async fn create(
    meeting: &Meeting<'_>,
    home: &ApplicationCaller,
    id: &EndpointId,
    coming: Coming,
) -> Result<Json<ImportOut>, ApiError> {
    let state = meeting.state;
    check_free(state, meeting.object).await?;
    check_uid(state, &home.application.id, &coming.wanted).await?;
    if !meeting.how.dry_run {
        let base = Base::of(&coming.parts());
        let named = Named {
            id: id.clone(),
            at: moment::now(),
        };
        let made = endpoint::insert_as(state, home, named, coming.wanted).await?;
        if made.id != *id {
            return Err(id_taken());
        }
        meeting.note(&base, coming.since).await?;
    }
    Ok(created())
}

async fn renew(
    meeting: &Meeting<'_>,
    home: &ApplicationCaller,
    row: &EndpointRow,
    coming: Coming,
) -> Result<Json<ImportOut>, ApiError> {
    let state = meeting.state;
    let mut headers = endpoint_headers::open(state, row)?;
    headers.retain(|name, _| !coming.is_kept(name));
    let mut current = parts(&row.settings, &headers);
    let secret = endpoint_secret::stored(state, row).await?;
    current.insert("secret", secret_part(&secret));
    let (merged, before) = meeting.merge(&current, &coming.parts()).await?;
    if merged.changes("uid") {
        check_uid(state, &row.application, &coming.wanted).await?;
    }
    let since = coming.since;
    if !meeting.how.dry_run {
        apply(state, home, row, coming, &merged).await?;
    }
    meeting.end(merged, &before, since).await
}

/// Takes the source's values over: headers, settings and secret one after the other, so that dying
/// in between leaves the rest to the next import.
async fn apply(
    state: &ApiState,
    home: &ApplicationCaller,
    row: &EndpointRow,
    coming: Coming,
    merged: &Merge,
) -> Result<(), ApiError> {
    let is_setting = |part: &&str| !["secret", "headers"].contains(part);
    if merged.changes("headers") {
        let edit = |mut headers: CustomHeaders| {
            headers.retain(|name, _| coming.is_kept(name));
            headers.extend(coming.wanted.headers.clone());
            headers
        };
        endpoint_headers::change(state, home, row.id.as_str(), edit).await?;
    }
    let secret = coming.wanted.secret.clone();
    if merged.changed.iter().any(is_setting) {
        let change = change(coming.wanted.into_change(state, row)?, merged);
        endpoint::update(state, home, row, &change).await?;
    }
    if merged.changes("secret") {
        let at = moment::now();
        endpoint_secret::rotate_to(state, home, row, secret, at, DEFAULT_GRACE).await?;
    }
    Ok(())
}

fn change(all: EndpointChange, merged: &Merge) -> EndpointChange {
    EndpointChange {
        uid: all.uid.filter(|_| merged.changes("uid")),
        url: all.url.filter(|_| merged.changes("url")),
        sealed_credentials: all.sealed_credentials.filter(|_| merged.changes("url")),
        description: all.description.filter(|_| merged.changes("description")),
        event_types: all.event_types.filter(|_| merged.changes("eventTypes")),
        channels: all.channels.filter(|_| merged.changes("channels")),
        disabled: all.disabled.filter(|_| merged.changes("disabled")),
        throttle_rate: all.throttle_rate.filter(|_| merged.changes("throttleRate")),
        fifo: None,
        metadata: all.metadata.filter(|_| merged.changes("metadata")),
    }
}

fn parts(settings: &EndpointSettings, headers: &CustomHeaders) -> Parts {
    let event_types = settings.event_types.as_ref();
    let event_types: Option<Vec<_>> =
        event_types.map(|list| list.iter().map(EventType::as_str).collect());
    let channels = settings.channels.as_ref();
    let channels: Option<Vec<_>> = channels.map(|list| list.iter().map(Channel::as_str).collect());
    [
        ("uid", json!(settings.uid.as_ref().map(Uid::as_str))),
        ("url", json!(settings.url)),
        ("description", json!(settings.description)),
        ("eventTypes", json!(event_types)),
        ("channels", json!(channels)),
        ("disabled", json!(settings.disabled)),
        ("throttleRate", json!(settings.throttle_rate)),
        ("metadata", json!(settings.metadata)),
        ("headers", json!(headers)),
    ]
    .into()
}

fn secret_part(secret: &SigningSecret) -> Value {
    Value::String(secret.to_text())
}

async fn find(
    state: &ApiState,
    application: &ApplicationId,
    reference: EndpointRef,
) -> Result<Option<EndpointRow>, ApiError> {
    let found = state.store.endpoint(application, &reference).await;
    found.map_err(|error| failure::store(&error))
}

async fn check_uid(
    state: &ApiState,
    application: &ApplicationId,
    wanted: &Wanted,
) -> Result<(), ApiError> {
    let Some(uid) = &wanted.settings.uid else {
        return Ok(());
    };
    match find(state, application, EndpointRef::Uid(uid.clone())).await? {
        Some(_) => Err(uid_taken()),
        None => Ok(()),
    }
}
