//! Endpoints: URLs that receive events.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use posthorn_event_schema::{EndpointId, EventType, Timestamp};
use posthorn_public_http::{ApiError, JsonBody, QueryParams};
use posthorn_signing::SigningSecret;
use posthorn_store::application::Saved;
use posthorn_store::endpoint::{EndpointChange, EndpointRow, EndpointSettings, NewEndpoint};
use posthorn_store::listing::Order;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{endpoint_headers, filter};
use crate::custom_headers::CustomHeaders;
use crate::endpoint_url::UrlProblem;
use crate::fields::Fields;
use crate::minted::Minted;
use crate::operational::{self, Change, Happened};
use crate::public::endpoint::{EndpointIn, EndpointOut, EndpointPatch};
use crate::public::list::ListOut;
use crate::public::query::{EndpointListQuery, OrderQuery, PageQuery};
use crate::scope::{ApplicationCaller, no_entity};
use crate::sealing::{self, Owner};
use crate::state::ApiState;
use crate::url_credentials::{Stored, UrlCredentials};
use crate::{failure, lookup, moment, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, patch, remove))
}

/// What a caller sets at creation, checked.
pub(super) struct Wanted {
    pub(super) settings: EndpointSettings,
    /// Whether it keeps an order, if that was said: callers made for Svix do not know of it.
    pub(super) fifo: Option<bool>,
    pub(super) secret: SigningSecret,
    /// The user name and password of its URL.
    pub(super) credentials: UrlCredentials,
    pub(super) headers: CustomHeaders,
}

/// What names a new endpoint.
pub(super) struct Named {
    pub(super) id: EndpointId,
    pub(super) at: Timestamp,
}

impl Wanted {
    /// The change of another endpoint to these settings; its secret and headers stay.
    pub(super) fn into_change(
        self,
        state: &ApiState,
        row: &EndpointRow,
    ) -> Result<EndpointChange, ApiError> {
        let settings = self.settings;
        let credentials = seal(state, row, &settings.url, &self.credentials)?;
        Ok(EndpointChange {
            uid: Some(settings.uid),
            url: Some(settings.url),
            sealed_credentials: Some(credentials),
            description: Some(settings.description),
            event_types: Some(settings.event_types),
            channels: Some(settings.channels),
            disabled: Some(settings.disabled),
            throttle_rate: Some(settings.throttle_rate),
            fifo: self.fifo,
            metadata: Some(settings.metadata),
        })
    }
}

/// Lists an application's endpoints.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint",
    operation_id = "v1.endpoint.list",
    tag = "Endpoint",
    params(PageQuery, OrderQuery, EndpointListQuery),
    responses((status = 200, description = "The answer", body = ListOut<EndpointOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn list(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    query: QueryParams,
) -> Result<Json<ListOut<EndpointOut>>, ApiError> {
    let page = paging::page(&query, EndpointId::parse)?;
    let order = paging::order(&query, Order::Descending)?;
    let filter = filter::endpoints(&query)?;
    let slice = state
        .store
        .list_endpoints(&caller.application.id, &filter, order, &page)
        .await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let endpoints = slice.items.into_iter().map(EndpointOut::from).collect();
    Ok(Json(ListOut::new(
        endpoints,
        slice.done,
        |endpoint: &EndpointOut| &endpoint.id,
    )))
}

/// Creates an endpoint.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/endpoint",
    operation_id = "v1.endpoint.create",
    tag = "Endpoint",
    request_body = EndpointIn,
    responses((status = 201, description = "It was created", body = EndpointOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn create(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    minted: Minted,
    JsonBody(body): JsonBody<EndpointIn>,
) -> Result<Response, ApiError> {
    let wanted = checked(&state, &caller, body).await?;
    let row = insert(&state, &caller, &minted, wanted).await?;
    Ok((StatusCode::CREATED, Json(EndpointOut::from(row))).into_response())
}

/// Reads an endpoint.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
    operation_id = "v1.endpoint.get",
    tag = "Endpoint",
    responses((status = 200, description = "The answer", body = EndpointOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn one(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<Json<EndpointOut>, ApiError> {
    let row = lookup::endpoint(&state, &caller.application.id, &name).await?;
    Ok(Json(row.into()))
}

/// Replaces an endpoint's settings, or makes a new endpoint when the path names none.
#[utoipa::path(
    put,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
    operation_id = "v1.endpoint.update",
    tag = "Endpoint",
    request_body = EndpointIn,
    responses((status = 200, description = "The answer", body = EndpointOut), (status = 201, description = "It was created", body = EndpointOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn replace(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    minted: Minted,
    JsonBody(body): JsonBody<EndpointIn>,
) -> Result<Response, ApiError> {
    let wanted = checked(&state, &caller, body).await?;
    let existing = match lookup::endpoint(&state, &caller.application.id, &name).await {
        Ok(row) => row,
        Err(error) if error.status() == StatusCode::NOT_FOUND => {
            let row = insert(&state, &caller, &minted, wanted).await?;
            return Ok((StatusCode::CREATED, Json(EndpointOut::from(row))).into_response());
        }
        Err(error) => return Err(error),
    };
    let change = wanted.into_change(&state, &existing)?;
    let row = update(&state, &caller, &existing, &change).await?;
    Ok(Json(EndpointOut::from(row)).into_response())
}

/// Changes an endpoint.
#[utoipa::path(
    patch,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
    operation_id = "v1.endpoint.patch",
    tag = "Endpoint",
    request_body = EndpointPatch,
    responses((status = 200, description = "The answer", body = EndpointOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn patch(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<EndpointPatch>,
) -> Result<Json<EndpointOut>, ApiError> {
    let existing = lookup::endpoint(&state, &caller.application.id, &name).await?;
    let mut fields = Fields::default();
    if let Some(description) = &body.description {
        fields.description(description);
    }
    if let Some(metadata) = &body.metadata {
        fields.metadata(metadata);
    }
    let event_types = body.event_types.or(body.filter_types);
    let rate = body.throttle_rate.or(body.rate_limit);
    let url = body
        .url
        .and_then(|url| check_url(&state, &mut fields, &url));
    let mut change = EndpointChange {
        uid: body.uid.map(|uid| fields.uid(uid, EndpointId::PREFIX)),
        description: body.description,
        event_types: event_types.map(|names| fields.event_types(names)),
        channels: body.channels.map(|names| fields.channels(names)),
        disabled: body.disabled,
        throttle_rate: rate.map(|rate| fields.rate(rate)),
        fifo: body.fifo,
        metadata: body.metadata,
        ..EndpointChange::default()
    };
    let types = change.event_types.as_ref().and_then(Option::as_ref);
    check_known(&state, &caller, &mut fields, types).await?;
    fields.finish()?;
    if let Some((url, credentials)) = url {
        change.sealed_credentials = Some(seal(&state, &existing, &url, &credentials)?);
        change.url = Some(url);
    }
    update(&state, &caller, &existing, &change)
        .await
        .map(|row| Json(row.into()))
}

/// Deletes an endpoint; what waits for it is cancelled.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}",
    operation_id = "v1.endpoint.delete",
    tag = "Endpoint",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn remove(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, name)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    delete(&state, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn delete(
    state: &ApiState,
    caller: &ApplicationCaller,
    name: &str,
) -> Result<(), ApiError> {
    let application = &caller.application.id;
    let row = lookup::endpoint(state, application, name).await?;
    let gone = state
        .store
        .delete_endpoint(application, &row.id, moment::now())
        .await;
    let gone = gone.map_err(|error| failure::store(&error))?;
    let gone = gone.ok_or_else(no_entity)?;
    state.snapshots.tell_endpoint(application, &row.id).await;
    let mut change = Change::new(Happened::Deleted, &caller.application, &gone);
    // Deleting sets it free.
    change.endpoint_uid = row.settings.uid;
    caller.tell(state, change);
    Ok(())
}

pub(super) async fn checked(
    state: &ApiState,
    caller: &ApplicationCaller,
    body: EndpointIn,
) -> Result<Wanted, ApiError> {
    let mut fields = Fields::default();
    let wanted = read(state, &mut fields, body);
    let types = wanted.as_ref();
    let types = types.and_then(|wanted| wanted.settings.event_types.as_ref());
    check_known(state, caller, &mut fields, types).await?;
    fields.finish()?;
    // When it could not be read there was a problem, which has been answered.
    wanted.ok_or_else(no_entity)
}

/// Reads and checks a body, except whether its event types exist; `None` when its secret is none,
/// which is noted.
pub(super) fn read(state: &ApiState, fields: &mut Fields, body: EndpointIn) -> Option<Wanted> {
    let description = body.description.unwrap_or_default();
    let metadata = body.metadata.unwrap_or_default();
    let headers = body.headers.unwrap_or_default();
    fields.description(&description);
    fields.metadata(&metadata);
    endpoint_headers::check(fields, &headers);
    let url = check_url(state, fields, &body.url);
    let (url, credentials) = url.unwrap_or((String::new(), UrlCredentials::Absent));
    let secret = match body.secret {
        Some(text) => fields.keep("secret", SigningSecret::parse(&text)),
        None => Some(SigningSecret::generate()),
    };
    let settings = EndpointSettings {
        uid: fields.uid(body.uid, EndpointId::PREFIX),
        url,
        description,
        event_types: fields.event_types(body.event_types.or(body.filter_types)),
        channels: fields.channels(body.channels),
        disabled: body.disabled.unwrap_or(false),
        throttle_rate: fields.rate(body.throttle_rate.or(body.rate_limit)),
        fifo: body.fifo.unwrap_or(false),
        metadata,
    };
    Some(Wanted {
        settings,
        fifo: body.fifo,
        secret: secret?,
        credentials,
        headers,
    })
}

fn check_url(state: &ApiState, fields: &mut Fields, url: &str) -> Option<(String, UrlCredentials)> {
    let checked = state.config.url_rules.check_with_credentials(url);
    checked.map_err(|problem| fields.url("url", problem)).ok()
}

/// The credentials of a URL that an endpoint is to have, sealed.
fn seal(
    state: &ApiState,
    row: &EndpointRow,
    url: &str,
    credentials: &UrlCredentials,
) -> Result<Option<Vec<u8>>, ApiError> {
    let owner = Owner {
        organization: &row.organization,
        endpoint: &row.id,
    };
    let stored = Stored {
        url: &row.settings.url,
        sealed: row.sealed_credentials.as_deref(),
    };
    let sealed = credentials.seal(&state.config.keys, owner, url, Some(stored));
    sealed.map_err(refused)
}

fn refused(problem: UrlProblem) -> ApiError {
    let mut fields = Fields::default();
    fields.url("url", problem);
    fields.finish().err().unwrap_or_else(no_entity)
}

/// Every event type that an endpoint names must exist, and be visible: a typo would otherwise
/// receive nothing, in silence.
async fn check_known(
    state: &ApiState,
    caller: &ApplicationCaller,
    fields: &mut Fields,
    types: Option<&Vec<EventType>>,
) -> Result<(), ApiError> {
    let Some(types) = types else {
        return Ok(());
    };
    if caller.is_management() {
        let known = |name: &EventType| operational::EVENT_TYPES.contains(&name.as_str());
        if !types.iter().all(known) {
            let all = operational::EVENT_TYPES.join(", ");
            fields.note("eventTypes", format!("must be among {all}"));
        }
        return Ok(());
    }
    let (organization, flags) = (&caller.organization, caller.visible_flags());
    let unknown = state
        .store
        .unknown_event_types(organization, types, flags.as_deref())
        .await;
    let unknown = unknown.map_err(|error| failure::store(&error))?;
    if !unknown.is_empty() {
        let names: Vec<_> = unknown.iter().map(EventType::as_str).collect();
        let rule = format!(
            "The following event types don't exist: {}",
            names.join(", ")
        );
        fields.note("eventTypes", rule);
    }
    Ok(())
}

pub(super) async fn insert(
    state: &ApiState,
    caller: &ApplicationCaller,
    minted: &Minted,
    wanted: Wanted,
) -> Result<EndpointRow, ApiError> {
    let at = minted.at();
    let id = EndpointId::generate(at, minted.dice("endpoint"));
    insert_as(state, caller, Named { id, at }, wanted).await
}

pub(super) async fn insert_as(
    state: &ApiState,
    caller: &ApplicationCaller,
    Named { id, at }: Named,
    wanted: Wanted,
) -> Result<EndpointRow, ApiError> {
    let application = &caller.application.id;
    let most = state.config.max_endpoints_per_application;
    let count = state.store.count_endpoints(application, most).await;
    if count.map_err(|error| failure::store(&error))? >= most {
        posthorn_chassis::metric::Counter::LimitReached.add(1, &[("limit", "endpoints")]);
        let detail = format!("An application may have {most} endpoints.");
        return Err(ApiError::bad_request("limit_reached", detail));
    }
    let owner = Owner {
        organization: &caller.organization,
        endpoint: &id,
    };
    let keys = &state.config.keys;
    let credentials = &wanted.credentials;
    let credentials = credentials.seal(keys, owner, &wanted.settings.url, None);
    let new = NewEndpoint {
        sealed_credentials: credentials.map_err(refused)?,
        sealed_secret: sealing::seal_secret(keys, owner, &wanted.secret),
        sealed_headers: sealing::seal_headers(keys, owner, &wanted.headers),
        id: id.clone(),
        application: application.clone(),
        organization: caller.organization.clone(),
        settings: wanted.settings,
        at,
    };
    let saved = state.store.create_endpoint(&new).await;
    let saved = saved.map_err(|error| failure::store(&error))?;
    settle(state, caller, Happened::Created, saved).await
}

pub(super) async fn update(
    state: &ApiState,
    caller: &ApplicationCaller,
    row: &EndpointRow,
    change: &EndpointChange,
) -> Result<EndpointRow, ApiError> {
    let at = moment::now();
    let saved = state
        .store
        .update_endpoint(&row.application, &row.id, change, at)
        .await;
    let saved = saved.map_err(|error| failure::store(&error))?;
    settle(state, caller, Happened::Updated, saved).await
}

/// Tells the fleet of a stored endpoint, and its organisation of what happened.
async fn settle(
    state: &ApiState,
    caller: &ApplicationCaller,
    happened: Happened,
    saved: Saved<EndpointRow>,
) -> Result<EndpointRow, ApiError> {
    match saved {
        Saved::Row(row) => {
            state
                .snapshots
                .tell_endpoint(&row.application, &row.id)
                .await;
            caller.tell(state, Change::new(happened, &caller.application, &row));
            Ok(row)
        }
        Saved::Taken => {
            let detail = "An endpoint with that id or uid already exists";
            Err(ApiError::conflict("conflict", detail))
        }
        Saved::Missing => Err(no_entity()),
    }
}
