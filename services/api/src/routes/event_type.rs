//! Event types: the kinds of events that customers choose from.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use posthorn_event_schema::{EventType, OrganizationId, Timestamp};
use posthorn_public_http::{ApiError, JsonBody, QueryParams};
use posthorn_store::application::Saved;
use posthorn_store::event_type::{
    EventTypeChange, EventTypeFilter, EventTypeRow, EventTypeSettings,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter;
use crate::fields::Fields;
use crate::minted::Minted;
use crate::public::event_type::{EventTypeIn, EventTypeOut, EventTypePatch, EventTypeUpdate};
use crate::public::list::ListOut;
use crate::public::query::{EventTypeQuery, ExpungeQuery, PageQuery};
use crate::scope::{AnyCaller, OrganizationCaller, no_entity, visible_flags};
use crate::state::ApiState;
use crate::{failure, moment, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, patch, remove))
}

/// Lists event types.
#[utoipa::path(
    get,
    path = "/api/v1/event-type",
    operation_id = "v1.event-type.list",
    tag = "Event Type",
    params(PageQuery, EventTypeQuery),
    responses((status = 200, description = "The answer", body = ListOut<EventTypeOut>)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn list(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    query: QueryParams,
) -> Result<Json<ListOut<EventTypeOut>>, ApiError> {
    let page = paging::page(&query, EventType::parse)?;
    let visible = EventTypeFilter {
        include_archived: filter::flag(&query, "include_archived", false)?,
        feature_flags: visible_flags(&caller),
    };
    let with_schemas = filter::flag(&query, "with_content", false)?;
    let slice = state
        .store
        .list_event_types(&caller.organization, &visible, &page)
        .await;
    let slice = slice.map_err(|error| failure::store(&error))?;
    let types = slice.items.into_iter();
    let types = types
        .map(|row| EventTypeOut::new(row, with_schemas))
        .collect();
    Ok(Json(ListOut::new(
        types,
        slice.done,
        |event_type: &EventTypeOut| &event_type.name,
    )))
}

/// Creates an event type, or un-archives one.
#[utoipa::path(
    post,
    path = "/api/v1/event-type",
    operation_id = "v1.event-type.create",
    tag = "Event Type",
    request_body = EventTypeIn,
    responses((status = 201, description = "It was created", body = EventTypeOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn create(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    minted: Minted,
    JsonBody(body): JsonBody<EventTypeIn>,
) -> Result<Response, ApiError> {
    let mut fields = Fields::default();
    let name = fields.keep("name", EventType::parse(&body.name));
    let settings = checked(fields, body.settings)?;
    // Without a name there was a problem, which has been answered.
    let name = name.ok_or_else(no_entity)?;
    let row = insert(&state, &organization, &name, &settings, minted.at()).await?;
    Ok((StatusCode::CREATED, Json(EventTypeOut::new(row, true))).into_response())
}

/// Reads an event type.
#[utoipa::path(
    get,
    path = "/api/v1/event-type/{event_type_name}",
    operation_id = "v1.event-type.get",
    tag = "Event Type",
    responses((status = 200, description = "The answer", body = EventTypeOut)),
    extensions(("x-posthorn-scope" = json!("any")))
)]
async fn one(
    State(state): State<ApiState>,
    AnyCaller(caller): AnyCaller,
    Path(name): Path<String>,
) -> Result<Json<EventTypeOut>, ApiError> {
    let name = named(&name)?;
    let found = state.store.event_type(&caller.organization, &name).await;
    let found = found.map_err(|error| failure::store(&error))?;
    let flags = visible_flags(&caller);
    let row = found
        .filter(|row| row.is_visible(flags.as_deref()))
        .ok_or_else(no_entity)?;
    Ok(Json(EventTypeOut::new(row, true)))
}

/// Replaces an event type, or creates it.
#[utoipa::path(
    put,
    path = "/api/v1/event-type/{event_type_name}",
    operation_id = "v1.event-type.update",
    tag = "Event Type",
    request_body = EventTypeUpdate,
    responses((status = 200, description = "The answer", body = EventTypeOut), (status = 201, description = "It was created", body = EventTypeOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn replace(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(name): Path<String>,
    minted: Minted,
    JsonBody(body): JsonBody<EventTypeUpdate>,
) -> Result<Response, ApiError> {
    let name = named(&name)?;
    let settings = checked(Fields::default(), body)?;
    let change = EventTypeChange::to(&settings);
    let (status, row) = match update(&state, &organization, &name, &change).await? {
        Some(row) => (StatusCode::OK, row),
        None => (
            StatusCode::CREATED,
            insert(&state, &organization, &name, &settings, minted.at()).await?,
        ),
    };
    Ok((status, Json(EventTypeOut::new(row, true))).into_response())
}

/// Changes an event type.
#[utoipa::path(
    patch,
    path = "/api/v1/event-type/{event_type_name}",
    operation_id = "v1.event-type.patch",
    tag = "Event Type",
    request_body = EventTypePatch,
    responses((status = 200, description = "The answer", body = EventTypeOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn patch(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<EventTypePatch>,
) -> Result<Json<EventTypeOut>, ApiError> {
    let mut fields = Fields::default();
    if let Some(description) = &body.description {
        fields.description(description);
    }
    if let Some(Some(schemas)) = &body.schemas {
        fields.schemas(schemas);
    }
    let feature_flags = match body.feature_flags {
        Some(flags) => Some(fields.flags(flags, None)),
        None => body.feature_flag.map(|flag| fields.flags(None, flag)),
    };
    if let Some(Some(group)) = &body.group_name {
        fields.label("groupName", group);
    }
    fields.finish()?;
    let change = EventTypeChange {
        description: body.description,
        archived: body.archived,
        deprecated: body.deprecated,
        schemas: body.schemas,
        feature_flags,
        group_name: body.group_name,
    };
    let row = update(&state, &organization, &named(&name)?, &change).await?;
    Ok(Json(EventTypeOut::new(row.ok_or_else(no_entity)?, true)))
}

/// Archives an event type, or with `expunge=true` forgets it.
#[utoipa::path(
    delete,
    path = "/api/v1/event-type/{event_type_name}",
    operation_id = "v1.event-type.delete",
    tag = "Event Type",
    params(ExpungeQuery),
    responses((status = 204, description = "It was done")),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn remove(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(name): Path<String>,
    query: QueryParams,
) -> Result<StatusCode, ApiError> {
    let name = named(&name)?;
    let found = if filter::flag(&query, "expunge", false)? {
        let expunged = state.store.expunge_event_type(&organization, &name).await;
        let expunged = expunged.map_err(|error| failure::store(&error))?;
        if let Some(schedule) = &expunged {
            state.snapshots.forget_schedule(schedule).await;
        }
        expunged.is_some()
    } else {
        let change = EventTypeChange {
            archived: Some(true),
            ..EventTypeChange::default()
        };
        update(&state, &organization, &name, &change)
            .await?
            .is_some()
    };
    if found {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_entity())
    }
}

pub(super) fn named(name: &str) -> Result<EventType, ApiError> {
    EventType::parse(name).map_err(|_no_name| no_entity())
}

pub(super) fn checked(
    mut fields: Fields,
    body: EventTypeUpdate,
) -> Result<EventTypeSettings, ApiError> {
    fields.description(&body.description);
    if let Some(schemas) = &body.schemas {
        fields.schemas(schemas);
    }
    let feature_flags = fields.flags(body.feature_flags, body.feature_flag);
    if let Some(group) = &body.group_name {
        fields.label("groupName", group);
    }
    fields.finish()?;
    Ok(EventTypeSettings {
        description: body.description,
        archived: body.archived.unwrap_or(false),
        deprecated: body.deprecated.unwrap_or(false),
        schemas: body.schemas,
        feature_flags,
        group_name: body.group_name,
    })
}

pub(super) async fn insert(
    state: &ApiState,
    organization: &OrganizationId,
    name: &EventType,
    settings: &EventTypeSettings,
    at: Timestamp,
) -> Result<EventTypeRow, ApiError> {
    let saved = state
        .store
        .create_event_type(organization, name, settings, at)
        .await;
    match saved.map_err(|error| failure::store(&error))? {
        Saved::Row(row) => Ok(row),
        Saved::Taken | Saved::Missing => {
            let detail = "An event type with that name already exists";
            Err(ApiError::conflict("event_type_exists", detail))
        }
    }
}

pub(super) async fn update(
    state: &ApiState,
    organization: &OrganizationId,
    name: &EventType,
    change: &EventTypeChange,
) -> Result<Option<EventTypeRow>, ApiError> {
    let saved = state
        .store
        .update_event_type(organization, name, change, moment::now())
        .await;
    match saved.map_err(|error| failure::store(&error))? {
        Saved::Row(row) => Ok(Some(row)),
        Saved::Taken | Saved::Missing => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_routes_contradict_each_other() {
        // Building a router panics when they do.
        drop(crate::routes::router());
    }
}
