//! Event types made from an OpenAPI document.

use axum::Json;
use axum::extract::State;
use posthorn_event_schema::{EventType, OrganizationId};
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::Page;
use posthorn_store::event_type::{
    EventTypeChange, EventTypeFilter, EventTypeRow, EventTypeSettings,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::event_type::{insert, update};
use crate::fields::Fields;
use crate::minted::Minted;
use crate::openapi_import::{self, Found};
use crate::public::event_type::{
    EventTypeFromOpenApi, EventTypeImportOpenApiIn, EventTypeImportOpenApiOut,
    EventTypeImportOpenApiOutData,
};
use crate::scope::OrganizationCaller;
use crate::state::ApiState;
use crate::{failure, paging};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(import))
}

/// Creates and updates event types from the webhooks of an OpenAPI document.
///
/// *Guarantee*: after an error some may be changed; importing again changes the rest.
#[utoipa::path(
    post,
    path = "/api/v1/event-type/import/openapi",
    operation_id = "v1.event-type.import-openapi",
    tag = "Event Type",
    request_body = EventTypeImportOpenApiIn,
    responses((status = 200, description = "The answer", body = EventTypeImportOpenApiOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn import(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    minted: Minted,
    JsonBody(body): JsonBody<EventTypeImportOpenApiIn>,
) -> Result<Json<EventTypeImportOpenApiOut>, ApiError> {
    let spec = match (body.spec, body.spec_raw) {
        (Some(spec), _) => spec,
        (None, Some(text)) => openapi_import::read(&text)?,
        (None, None) => {
            let mut fields = Fields::default();
            fields.note("spec", "`spec` or `specRaw` is needed");
            return Err(fields.finish().err().unwrap_or_else(ApiError::server_error));
        }
    };
    let existing = all(&state, &organization).await?;
    let mut wanted = openapi_import::event_types(&spec)?;
    if body.replace_all.unwrap_or(false) {
        wanted.extend(left_out(&existing, &wanted));
    }
    wanted.retain(|(name, settings)| {
        let same = existing.iter().find(|row| row.name == *name);
        same.is_none_or(|row| row.settings != *settings)
    });
    let names = wanted.iter().map(|(name, _)| name.to_string()).collect();
    let mut data = EventTypeImportOpenApiOutData {
        modified: names,
        to_modify: None,
    };
    if body.dry_run.unwrap_or(false) {
        data.modified.clear();
        data.to_modify = Some(wanted.into_iter().map(shown).collect());
        return Ok(Json(EventTypeImportOpenApiOut { data }));
    }
    for (name, settings) in &wanted {
        let change = EventTypeChange::to(settings);
        if update(&state, &organization, name, &change)
            .await?
            .is_none()
        {
            insert(&state, &organization, name, settings, minted.at()).await?;
        }
    }
    Ok(Json(EventTypeImportOpenApiOut { data }))
}

/// What the document does not have is to be archived.
fn left_out(existing: &[EventTypeRow], wanted: &[Found]) -> Vec<Found> {
    let is_wanted = |row: &&EventTypeRow| wanted.iter().any(|(name, _)| *name == row.name);
    let rows = existing.iter().filter(|row| !is_wanted(row));
    rows.map(|row| {
        let archived = EventTypeSettings {
            archived: true,
            ..row.settings.clone()
        };
        (row.name.clone(), archived)
    })
    .collect()
}

async fn all(
    state: &ApiState,
    organization: &OrganizationId,
) -> Result<Vec<EventTypeRow>, ApiError> {
    let everything = EventTypeFilter {
        include_archived: true,
        feature_flags: None,
    };
    let mut rows: Vec<EventTypeRow> = Vec::new();
    let mut page: Page<EventType> = Page::first(paging::MAX_LIMIT);
    loop {
        let slice = state
            .store
            .list_event_types(organization, &everything, &page);
        let slice = slice.await.map_err(|error| failure::store(&error))?;
        rows.extend(slice.items);
        match rows.last() {
            Some(last) if !slice.done => page = page.following(last.name.clone()),
            _ => return Ok(rows),
        }
    }
}

fn shown((name, settings): Found) -> EventTypeFromOpenApi {
    EventTypeFromOpenApi {
        name: name.to_string(),
        description: settings.description,
        schemas: settings.schemas,
        deprecated: settings.deprecated,
        group_name: settings.group_name,
        feature_flags: settings.feature_flags,
    }
}
