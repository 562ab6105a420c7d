//! Applications: one customer's space each.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use posthorn_event_schema::{ApplicationId, ApplicationRef, OrganizationId, Timestamp};
use posthorn_public_http::{ApiError, JsonBody, MakeApplication, Problem, QueryParams, body};
use posthorn_store::application::{
    ApplicationChange, ApplicationFilter, ApplicationRow, NewApplication, Saved,
};
use posthorn_store::listing::Order;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::fields::Fields;
use crate::minted::Minted;
use crate::public::application::{ApplicationIn, ApplicationOut, ApplicationPatch};
use crate::public::list::ListOut;
use crate::public::query::{ExcludeQuery, GetIfExistsQuery, OrderQuery, PageQuery};
use crate::scope::{ApplicationCaller, OrganizationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, moment, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, patch, remove))
}

/// Lists applications.
#[utoipa::path(
    get,
    path = "/api/v1/app",
    operation_id = "v1.application.list",
    tag = "Application",
    params(PageQuery, OrderQuery, ExcludeQuery),
    responses((status = 200, description = "The answer", body = ListOut<ApplicationOut>)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn list(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    query: QueryParams,
) -> Result<Json<ListOut<ApplicationOut>>, ApiError> {
    let page = paging::page(&query, ApplicationId::parse)?;
    let order = paging::order(&query, Order::Ascending)?;
    let wanted = ApplicationFilter {
        with_endpoints: filter::flag(&query, "exclude_apps_with_no_endpoints", false)?,
        none_disabled: filter::flag(&query, "exclude_apps_with_disabled_endpoints", false)?,
    };
    let slice = state
        .store
        .list_applications(&organization, wanted, order, &page)
        .await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let applications = slice.items.into_iter().map(ApplicationOut::from).collect();
    Ok(Json(ListOut::new(
        applications,
        slice.done,
        |application| &application.id,
    )))
}

/// Creates an application.
#[utoipa::path(
    post,
    path = "/api/v1/app",
    operation_id = "v1.application.create",
    tag = "Application",
    params(GetIfExistsQuery),
    request_body = ApplicationIn,
    responses((status = 201, description = "It was created", body = ApplicationOut), (status = 200, description = "The answer", body = ApplicationOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn create(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    minted: Minted,
    query: QueryParams,
    JsonBody(body): JsonBody<ApplicationIn>,
) -> Result<Response, ApiError> {
    let new = checked(organization, &minted, body)?;
    let get_if_exists = filter::flag(&query, "get_if_exists", false)?;
    let existing = match &new.uid {
        Some(uid) if get_if_exists => {
            Some((new.organization.clone(), ApplicationRef::Uid(uid.clone())))
        }
        Some(_) | None => None,
    };
    match insert(&state, new).await? {
        Some(row) => Ok(answer(StatusCode::CREATED, row)),
        None => {
            let (organization, reference) = existing.ok_or_else(taken)?;
            let found = state.store.application(&organization, &reference).await;
            let found = found.map_err(|error| failure::store(&error))?;
            found
                .map(|row| answer(StatusCode::OK, row))
                .ok_or_else(taken)
        }
    }
}

/// Reads an application.
#[utoipa::path(
    get,
    path = "/api/v1/app/{app_id}",
    operation_id = "v1.application.get",
    tag = "Application",
    responses((status = 200, description = "The answer", body = ApplicationOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn one(caller: ApplicationCaller) -> Json<ApplicationOut> {
    Json(caller.application.into())
}

/// Replaces an application, or makes a new one when the path names none.
#[utoipa::path(
    put,
    path = "/api/v1/app/{app_id}",
    operation_id = "v1.application.update",
    tag = "Application",
    request_body = ApplicationIn,
    responses((status = 200, description = "The answer", body = ApplicationOut), (status = 201, description = "It was created", body = ApplicationOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn replace(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    caller: Result<ApplicationCaller, ApiError>,
    minted: Minted,
    JsonBody(body): JsonBody<ApplicationIn>,
) -> Result<Response, ApiError> {
    let new = checked(organization, &minted, body)?;
    let existing = match caller {
        Ok(caller) => caller.application,
        Err(error) if error.status() == StatusCode::NOT_FOUND => {
            let made = insert(&state, new).await?.ok_or_else(taken)?;
            return Ok(answer(StatusCode::CREATED, made));
        }
        Err(error) => return Err(error),
    };
    let change = ApplicationChange {
        uid: Some(new.uid),
        name: Some(new.name),
        throttle_rate: Some(new.throttle_rate),
        metadata: Some(new.metadata),
    };
    change_row(&state, &existing, &change)
        .await
        .map(|row| answer(StatusCode::OK, row))
}

/// Changes an application.
#[utoipa::path(
    patch,
    path = "/api/v1/app/{app_id}",
    operation_id = "v1.application.patch",
    tag = "Application",
    request_body = ApplicationPatch,
    responses((status = 200, description = "The answer", body = ApplicationOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn patch(
    State(state): State<ApiState>,
    OrganizationCaller(_): OrganizationCaller,
    caller: ApplicationCaller,
    JsonBody(body): JsonBody<ApplicationPatch>,
) -> Result<Json<ApplicationOut>, ApiError> {
    let mut fields = Fields::default();
    if let Some(name) = &body.name {
        fields.name(name);
    }
    if let Some(metadata) = &body.metadata {
        fields.metadata(metadata);
    }
    let rate = body.throttle_rate.or(body.rate_limit);
    let change = ApplicationChange {
        uid: body.uid.map(|uid| fields.uid(uid, ApplicationId::PREFIX)),
        name: body.name,
        throttle_rate: rate.map(|rate| fields.rate(rate)),
        metadata: body.metadata,
    };
    fields.finish()?;
    change_row(&state, &caller.application, &change)
        .await
        .map(|row| Json(row.into()))
}

/// Deletes an application with its endpoints.
#[utoipa::path(
    delete,
    path = "/api/v1/app/{app_id}",
    operation_id = "v1.application.delete",
    tag = "Application",
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn remove(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
) -> Result<StatusCode, ApiError> {
    caller.require_organization()?;
    let (organization, id) = (&caller.organization, &caller.application.id);
    let deleted = state
        .store
        .delete_application(organization, id, moment::now())
        .await;
    let deleted = deleted
        .map_err(|error| failure::store(&error))?
        .ok_or_else(no_entity)?;
    state.snapshots.tell_application(&deleted.application).await;
    state.snapshots.tell_endpoints(id, &deleted.endpoints).await;
    Ok(StatusCode::NO_CONTENT)
}

/// What makes the applications that messages bring, for the doors that api serves.
pub(crate) fn maker(state: ApiState) -> MakeApplication {
    MakeApplication::new(move |organization, name, text| {
        let state = state.clone();
        async move {
            let body = body::parse_at(&["body", "application"], text.get().as_bytes())?;
            let minted = Minted::fresh();
            find_or_create(&state, &organization, &minted, &name, body)
                .await
                .map(drop)
        }
    })
}

/// The application that a path names; with a body for it, it is created if it does not exist, as
/// message create does.
///
/// # Errors
/// 404 when there is none; 422 for a body whose uid is not the path's.
pub(super) async fn find_or_create(
    state: &ApiState,
    organization: &OrganizationId,
    minted: &Minted,
    name: &str,
    inline: Option<ApplicationIn>,
) -> Result<ApplicationRow, ApiError> {
    let missing = || ApiError::not_found("Application not found");
    let reference = ApplicationRef::parse(name).map_err(|_no_name| missing())?;
    let find = async || {
        let found = state.store.application(organization, &reference).await;
        found.map_err(|error| failure::store(&error))
    };
    if let Some(row) = find().await? {
        return Ok(row);
    }
    let body = inline.ok_or_else(missing)?;
    let problem = match &body.uid {
        None => Some(("is needed to create it", "application_uid_missing")),
        Some(uid) if uid != name => Some(("must be the path's", "application_uid_mismatch")),
        Some(_) => None,
    };
    if let Some((rule, kind)) = problem {
        let place = ["body", "application", "uid"];
        return Err(ApiError::invalid(vec![Problem::new(place, rule, kind)]));
    }
    let new = checked(organization.clone(), minted, body)?;
    match insert(state, new).await? {
        Some(row) => Ok(row),
        // Somebody else was faster.
        None => find().await?.ok_or_else(missing),
    }
}

fn checked(
    organization: OrganizationId,
    minted: &Minted,
    body: ApplicationIn,
) -> Result<NewApplication, ApiError> {
    let mut fields = Fields::default();
    let at = minted.at();
    let id = ApplicationId::generate(at, minted.dice("application"));
    let new = read(&mut fields, organization, (id, at), body);
    fields.finish()?;
    Ok(new)
}

/// Reads a body; its problems are noted.
pub(super) fn read(
    fields: &mut Fields,
    organization: OrganizationId,
    (id, at): (ApplicationId, Timestamp),
    body: ApplicationIn,
) -> NewApplication {
    fields.name(&body.name);
    let metadata = body.metadata.unwrap_or_default();
    fields.metadata(&metadata);
    let uid = fields.uid(body.uid, ApplicationId::PREFIX);
    let throttle_rate = fields.rate(body.throttle_rate.or(body.rate_limit));
    NewApplication {
        id,
        organization,
        uid,
        name: body.name,
        throttle_rate,
        metadata,
        at,
    }
}

/// Stores an application and tells the fleet; `None` when its uid is taken.
pub(super) async fn insert(
    state: &ApiState,
    new: NewApplication,
) -> Result<Option<ApplicationRow>, ApiError> {
    let saved = state.store.create_application(&new).await;
    match saved.map_err(|error| failure::store(&error))? {
        Saved::Row(row) => {
            state.snapshots.tell_application(&row).await;
            Ok(Some(row))
        }
        Saved::Taken | Saved::Missing => Ok(None),
    }
}

pub(super) async fn change_row(
    state: &ApiState,
    row: &ApplicationRow,
    change: &ApplicationChange,
) -> Result<ApplicationRow, ApiError> {
    let at = moment::now();
    let saved = state
        .store
        .update_application(&row.organization, &row.id, change, at)
        .await;
    match saved.map_err(|error| failure::store(&error))? {
        Saved::Row(row) => {
            state.snapshots.tell_application(&row).await;
            Ok(row)
        }
        Saved::Taken => Err(taken()),
        Saved::Missing => Err(no_entity()),
    }
}

fn answer(status: StatusCode, row: ApplicationRow) -> Response {
    (status, Json(ApplicationOut::from(row))).into_response()
}

pub(super) fn taken() -> ApiError {
    ApiError::conflict(
        "conflict",
        "An application with that id or uid already exists",
    )
}
