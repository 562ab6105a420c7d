//! Applications that come from elsewhere with their ids.

use axum::Json;
use axum::extract::{Path, State};
use posthorn_event_schema::{ApplicationId, ApplicationRef, OrganizationId, Uid};
use posthorn_public_http::{ApiError, JsonBody, QueryParams};
use posthorn_store::application::{ApplicationChange, ApplicationRow, Metadata, NewApplication};
use posthorn_store::import::Imported;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::application;
use super::import::{How, Meeting, check_free, created, created_at, own_id, uid_taken};
use crate::fields::Fields;
use crate::import::{Base, Parts};
use crate::public::import::{ImportApplicationIn, ImportOut};
use crate::public::query::ImportQuery;
use crate::scope::OrganizationCaller;
use crate::state::ApiState;
use crate::{failure, moment};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(import))
}

/// Brings an application with the id that it has elsewhere, or what changed there since.
#[utoipa::path(
    put,
    path = "/api/v1/import/app/{app_id}",
    operation_id = "v1.import.application",
    tag = "Import",
    params(ImportQuery),
    request_body = ImportApplicationIn,
    responses((status = 200, description = "The answer", body = ImportOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn import(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(id): Path<String>,
    query: QueryParams,
    JsonBody(body): JsonBody<ImportApplicationIn>,
) -> Result<Json<ImportOut>, ApiError> {
    let how = How::read(&query)?;
    let place = ("app_id", ApplicationId::PREFIX);
    let id = own_id(&id, place, ApplicationId::parse)?;
    let mut fields = Fields::default();
    let since = created_at(&mut fields, body.created_at.as_deref());
    let names = (id.clone(), moment::now());
    let wanted = application::read(&mut fields, organization.clone(), names, body.application);
    fields.finish()?;
    let parts = Row::from(&wanted).parts();
    let meeting = Meeting {
        state: &state,
        organization: &organization,
        object: Imported::Application(&id),
        how,
    };
    let found = find(&state, &organization, ApplicationRef::Id(id.clone())).await?;
    let Some(row) = found else {
        check_free(&state, meeting.object).await?;
        check_uid(&state, &wanted).await?;
        if !how.dry_run {
            let made = application::insert(&state, wanted).await?;
            made.ok_or_else(application::taken)?;
            meeting.note(&Base::of(&parts), since).await?;
        }
        return Ok(created());
    };
    let (merged, before) = meeting.merge(&Row::from(&row).parts(), &parts).await?;
    if merged.changes("uid") {
        check_uid(&state, &wanted).await?;
    }
    if !how.dry_run && !merged.changed.is_empty() {
        let change = ApplicationChange {
            uid: merged.changes("uid").then_some(wanted.uid),
            name: merged.changes("name").then_some(wanted.name),
            throttle_rate: merged
                .changes("throttleRate")
                .then_some(wanted.throttle_rate),
            metadata: merged.changes("metadata").then_some(wanted.metadata),
        };
        application::change_row(&state, &row, &change).await?;
    }
    meeting.end(merged, &before, since).await
}

/// What there is to compare of an application.
struct Row<'a> {
    uid: Option<&'a Uid>,
    name: &'a str,
    throttle_rate: Option<u16>,
    metadata: &'a Metadata,
}

impl Row<'_> {
    fn parts(&self) -> Parts {
        [
            ("uid", json!(self.uid.map(Uid::as_str))),
            ("name", json!(self.name)),
            ("throttleRate", json!(self.throttle_rate)),
            ("metadata", json!(self.metadata)),
        ]
        .into()
    }
}

impl<'a> From<&'a NewApplication> for Row<'a> {
    fn from(new: &'a NewApplication) -> Self {
        Self {
            uid: new.uid.as_ref(),
            name: &new.name,
            throttle_rate: new.throttle_rate,
            metadata: &new.metadata,
        }
    }
}

impl<'a> From<&'a ApplicationRow> for Row<'a> {
    fn from(row: &'a ApplicationRow) -> Self {
        Self {
            uid: row.uid.as_ref(),
            name: &row.name,
            throttle_rate: row.throttle_rate,
            metadata: &row.metadata,
        }
    }
}

async fn find(
    state: &ApiState,
    organization: &OrganizationId,
    reference: ApplicationRef,
) -> Result<Option<ApplicationRow>, ApiError> {
    let found = state.store.application(organization, &reference).await;
    found.map_err(|error| failure::store(&error))
}

async fn check_uid(state: &ApiState, wanted: &NewApplication) -> Result<(), ApiError> {
    let Some(uid) = &wanted.uid else {
        return Ok(());
    };
    let reference = ApplicationRef::Uid(uid.clone());
    match find(state, &wanted.organization, reference).await? {
        Some(_) => Err(uid_taken()),
        None => Ok(()),
    }
}
