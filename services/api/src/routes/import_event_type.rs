//! Event types that come from elsewhere.

use axum::Json;
use axum::extract::{Path, State};
use posthorn_public_http::{ApiError, JsonBody, QueryParams};
use posthorn_store::event_type::{EventTypeChange, EventTypeSettings};
use posthorn_store::import::Imported;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::event_type;
use super::import::{How, Meeting, created, created_at};
use crate::fields::Fields;
use crate::import::{Base, Merge, Parts};
use crate::public::import::{ImportEventTypeIn, ImportOut};
use crate::public::query::ImportQuery;
use crate::scope::OrganizationCaller;
use crate::state::ApiState;
use crate::{failure, moment};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(import))
}

/// Brings an event type from elsewhere, or what changed there since.
#[utoipa::path(
    put,
    path = "/api/v1/import/event-type/{event_type_name}",
    operation_id = "v1.import.event-type",
    tag = "Import",
    params(ImportQuery),
    request_body = ImportEventTypeIn,
    responses((status = 200, description = "The answer", body = ImportOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn import(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(name): Path<String>,
    query: QueryParams,
    JsonBody(body): JsonBody<ImportEventTypeIn>,
) -> Result<Json<ImportOut>, ApiError> {
    let how = How::read(&query)?;
    let name = event_type::named(&name)?;
    let mut fields = Fields::default();
    let since = created_at(&mut fields, body.created_at.as_deref());
    let wanted = event_type::checked(fields, body.settings)?;
    let wanted_parts = parts(&wanted);
    let meeting = Meeting {
        state: &state,
        organization: &organization,
        object: Imported::EventType(&name),
        how,
    };
    let found = state.store.event_type(&organization, &name).await;
    let Some(row) = found.map_err(|error| failure::store(&error))? else {
        if !how.dry_run {
            event_type::insert(&state, &organization, &name, &wanted, moment::now()).await?;
            meeting.note(&Base::of(&wanted_parts), since).await?;
        }
        return Ok(created());
    };
    let (merged, before) = meeting.merge(&parts(&row.settings), &wanted_parts).await?;
    if !how.dry_run && !merged.changed.is_empty() {
        let change = change(wanted, &merged);
        event_type::update(&state, &organization, &name, &change).await?;
    }
    // One that was made here keeps its own beginning.
    meeting.end(merged, &before, None).await
}

fn parts(settings: &EventTypeSettings) -> Parts {
    [
        ("description", json!(settings.description)),
        ("archived", json!(settings.archived)),
        ("deprecated", json!(settings.deprecated)),
        ("schemas", json!(settings.schemas)),
        ("featureFlags", json!(settings.feature_flags)),
        ("groupName", json!(settings.group_name)),
    ]
    .into()
}

fn change(wanted: EventTypeSettings, merged: &Merge) -> EventTypeChange {
    EventTypeChange {
        description: merged.changes("description").then_some(wanted.description),
        archived: merged.changes("archived").then_some(wanted.archived),
        deprecated: merged.changes("deprecated").then_some(wanted.deprecated),
        schemas: merged.changes("schemas").then_some(wanted.schemas),
        feature_flags: merged
            .changes("featureFlags")
            .then_some(wanted.feature_flags),
        group_name: merged.changes("groupName").then_some(wanted.group_name),
    }
}
