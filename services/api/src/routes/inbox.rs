//! Inboxes: made, changed, looked into.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use posthorn_event_schema::{ApplicationId, EndpointId, InboxId};
use posthorn_public_http::{ApiError, JsonBody, QueryParams};
use posthorn_signing::verify::VerifyKey;
use posthorn_store::inbox::{InboxAnswer, InboxChange, InboxRow, NewInbox};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::fields::Fields;
use crate::inbox::{self, LIMITS};
use crate::minted::Minted;
use crate::public::inbox::{InboxAnswerIn, InboxIn, InboxOut, InboxPatch, InboxRequestOut};
use crate::public::list::ListOut;
use crate::public::query::PageQuery;
use crate::scope::{ApplicationCaller, no_entity};
use crate::sealing::{self, Owner};
use crate::state::ApiState;
use crate::{failure, lookup, moment, paging, portal_link};

/// How long an inbox lives, in seconds.
const DEFAULT_TTL: u64 = 24 * 3_600;
const TTL: std::ops::RangeInclusive<u64> = 60..=7 * 24 * 3_600;
const MAX_DELAY_MS: u16 = 30_000;
const MAX_FAIL_FIRST: u16 = 1_000;
/// Endpoints with an inbox's address whose secrets are tried.
const MAX_SIGNERS: u16 = 5;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(one, update, delete))
        .routes(routes!(requests, empty))
}

/// Makes an inbox: an address that keeps what is sent to it, and answers as it is told.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/inbox",
    operation_id = "posthorn.inbox.create",
    tag = "Inbox",
    request_body = InboxIn,
    responses((status = 201, description = "The inbox", body = InboxOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn create(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    minted: Minted,
    headers: HeaderMap,
    JsonBody(body): JsonBody<InboxIn>,
) -> Result<(StatusCode, Json<InboxOut>), ApiError> {
    let mut fields = Fields::default();
    let name = body.name.unwrap_or_else(|| "Inbox".to_owned());
    fields.name(&name);
    let lasts = body.ttl_seconds.unwrap_or(DEFAULT_TTL);
    if !TTL.contains(&lasts) {
        let rule = format!("must be a number from {} to {}", TTL.start(), TTL.end());
        fields.note("ttlSeconds", rule);
    }
    let answer = read_answer(&mut fields, &body.answer.unwrap_or_default());
    fields.finish()?;
    let application = &caller.application.id;
    let endpoint = named(&state, application, body.endpoint_id.as_deref()).await?;
    let id = InboxId::generate(minted.at(), minted.dice("inbox"));
    let token = inbox::draw();
    let organization = &caller.organization;
    let new = NewInbox {
        id: &id,
        organization,
        application,
        endpoint: endpoint.as_ref(),
        name: &name,
        token: &inbox::digest(&token),
        sealed_token: &inbox::seal(&state.config.keys, organization, &id, &token),
        answer,
        lasts: Duration::from_secs(lasts),
    };
    let made = state.store.create_inbox(&new, &LIMITS).await;
    let Some(row) = made.map_err(|error| failure::store(&error))? else {
        let most = LIMITS.of_application;
        let detail = format!(
            "There are too many inboxes already (at most {most} of an application): delete one first."
        );
        return Err(ApiError::conflict("too_many_inboxes", detail));
    };
    Ok((StatusCode::CREATED, Json(shown(&state, &headers, row)?)))
}

/// Lists an application's inboxes, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/inbox",
    operation_id = "posthorn.inbox.list",
    tag = "Inbox",
    params(PageQuery),
    responses((status = 200, description = "The answer", body = ListOut<InboxOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn list(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    headers: HeaderMap,
    query: QueryParams,
) -> Result<Json<ListOut<InboxOut>>, ApiError> {
    let page = paging::page(&query, InboxId::parse)?;
    let slice = state
        .store
        .list_inboxes(&caller.application.id, &page)
        .await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let rows = slice.items.into_iter();
    let inboxes: Vec<_> = rows
        .map(|row| shown(&state, &headers, row))
        .collect::<Result<_, _>>()?;
    Ok(Json(ListOut::new(inboxes, slice.done, |inbox| &inbox.id)))
}

/// Reads an inbox.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/inbox/{inbox_id}",
    operation_id = "posthorn.inbox.get",
    tag = "Inbox",
    responses((status = 200, description = "The inbox", body = InboxOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn one(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<InboxOut>, ApiError> {
    let row = find(&state, &caller, &id).await?;
    Ok(Json(shown(&state, &headers, row)?))
}

/// Changes an inbox's name, whose signatures it expects, or how it answers.
#[utoipa::path(
    patch,
    path = "/api/v1/app/{app_id}/inbox/{inbox_id}",
    operation_id = "posthorn.inbox.patch",
    tag = "Inbox",
    request_body = InboxPatch,
    responses((status = 200, description = "The inbox", body = InboxOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn update(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, id)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<InboxPatch>,
) -> Result<Json<InboxOut>, ApiError> {
    let mut fields = Fields::default();
    if let Some(name) = &body.name {
        fields.name(name);
    }
    let answer = body.answer.map(|wish| read_answer(&mut fields, &wish));
    fields.finish()?;
    let id = InboxId::parse(&id).map_err(|_no_id| no_entity())?;
    let application = &caller.application.id;
    let endpoint = match &body.endpoint_id {
        Some(name) => Some(named(&state, application, name.as_deref()).await?),
        None => None,
    };
    let change = InboxChange {
        name: body.name.as_deref(),
        endpoint: endpoint.as_ref().map(Option::as_ref),
        answer,
    };
    let row = state.store.update_inbox(application, &id, &change).await;
    let row = row.map_err(|error| failure::store(&error))?;
    Ok(Json(shown(&state, &headers, row.ok_or_else(no_entity)?)?))
}

/// Deletes an inbox with all that arrived.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}/inbox/{inbox_id}",
    operation_id = "posthorn.inbox.delete",
    tag = "Inbox",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn delete(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let id = InboxId::parse(&id).map_err(|_no_id| no_entity())?;
    let deleted = state.store.delete_inbox(&caller.application.id, &id).await;
    if deleted.map_err(|error| failure::store(&error))? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_entity())
    }
}

/// Lists what arrived at an inbox, newest first, each with whether its signature is right.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}/inbox/{inbox_id}/request",
    operation_id = "posthorn.inbox.list-requests",
    tag = "Inbox",
    params(PageQuery),
    responses((status = 200, description = "The answer", body = ListOut<InboxRequestOut>)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn requests(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, id)): Path<(String, String)>,
    headers: HeaderMap,
    query: QueryParams,
) -> Result<Json<ListOut<InboxRequestOut>>, ApiError> {
    let page = paging::page(&query, str::parse::<i64>)?;
    let row = find(&state, &caller, &id).await?;
    let slice = state.store.inbox_requests(&row.id, &page).await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let keys = signers(&state, &headers, &row).await?;
    let requests = slice.items.into_iter().map(|request| {
        let judgement = inbox::judge(&request, &keys);
        InboxRequestOut::new(request, judgement)
    });
    Ok(Json(ListOut::new(
        requests.collect(),
        slice.done,
        |request: &InboxRequestOut| &request.id,
    )))
}

/// Lets go of all that arrived at an inbox.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}/inbox/{inbox_id}/request",
    operation_id = "posthorn.inbox.empty",
    tag = "Inbox",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn empty(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let row = find(&state, &caller, &id).await?;
    let emptied = state.store.empty_inbox(&row.id).await;
    emptied.map_err(|error| failure::store(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(
    state: &ApiState,
    caller: &ApplicationCaller,
    id: &str,
) -> Result<InboxRow, ApiError> {
    let id = InboxId::parse(id).map_err(|_no_id| no_entity())?;
    let found = state.store.inbox(&caller.application.id, &id).await;
    found
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)
}

async fn named(
    state: &ApiState,
    application: &ApplicationId,
    name: Option<&str>,
) -> Result<Option<EndpointId>, ApiError> {
    match name {
        Some(name) => Ok(Some(lookup::endpoint(state, application, name).await?.id)),
        None => Ok(None),
    }
}

fn read_answer(fields: &mut Fields, wish: &InboxAnswerIn) -> InboxAnswer {
    let answer = InboxAnswer {
        status: wish.status.unwrap_or(200),
        delay_ms: wish.delay_ms.unwrap_or(0),
        fail_first: wish.fail_first.unwrap_or(0),
    };
    if !(200..=599).contains(&answer.status) {
        fields.note("answer", "`status` must be a number from 200 to 599");
    }
    if answer.delay_ms > MAX_DELAY_MS {
        let rule = format!("`delayMs` must be at most {MAX_DELAY_MS}");
        fields.note("answer", rule);
    }
    if answer.fail_first > MAX_FAIL_FIRST {
        let rule = format!("`failFirst` must be at most {MAX_FAIL_FIRST}");
        fields.note("answer", rule);
    }
    answer
}

fn shown(state: &ApiState, headers: &HeaderMap, row: InboxRow) -> Result<InboxOut, ApiError> {
    let url = address(state, headers, &row)?;
    Ok(InboxOut::new(row, url))
}

fn address(state: &ApiState, headers: &HeaderMap, row: &InboxRow) -> Result<String, ApiError> {
    let keys = &state.config.keys;
    let token = inbox::open(keys, &row.organization, &row.id, &row.sealed_token);
    let token = token.map_err(|error| ApiError::internal(&error))?;
    let base = portal_link::base(state.config.inbox_url.as_ref(), headers);
    Ok(inbox::url(&base, &token))
}

/// The keys of those who may have sent what arrived.
async fn signers(
    state: &ApiState,
    headers: &HeaderMap,
    row: &InboxRow,
) -> Result<Vec<(EndpointId, VerifyKey)>, ApiError> {
    let application = &row.application;
    let read = async {
        let endpoints = match &row.endpoint {
            Some(endpoint) => vec![endpoint.clone()],
            None => {
                let url = address(state, headers, row)?;
                let found = state
                    .store
                    .endpoints_with_url(application, &url, MAX_SIGNERS);
                found.await.map_err(|error| failure::store(&error))?
            }
        };
        let mut keys = Vec::new();
        for endpoint in endpoints {
            let stored = state
                .store
                .endpoint_state(application, &endpoint, moment::now());
            let stored = stored.await.map_err(|error| failure::store(&error))?;
            let owner = Owner {
                organization: &row.organization,
                endpoint: &endpoint,
            };
            for secret in stored.into_iter().flat_map(|stored| stored.secrets) {
                let opened = sealing::open_secret(&state.config.keys, owner, &secret.sealed);
                let opened = opened.map_err(|error| ApiError::internal(&error))?;
                keys.push((endpoint.clone(), VerifyKey::from(&opened)));
            }
        }
        Ok(keys)
    };
    read.await
}
