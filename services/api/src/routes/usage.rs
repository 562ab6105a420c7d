//! What an organisation's applications sent, counted by background tasks ([`crate::tasks`]).

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use posthorn_event_schema::{ApplicationId, ApplicationRef, OrganizationId, Timestamp};
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::task::TaskKind;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::fields::Fields;
use crate::public::stats::{UsageIn, UsageOut};
use crate::public::task::TaskOut;
use crate::scope::OrganizationCaller;
use crate::state::ApiState;
use crate::tasks::usage::{Deliveries, EventTypes, Parameters};
use crate::{failure, moment, tasks};

/// The longest span that is counted: the longest that history is usually kept.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);
/// How far back events are counted by type: as far as lists reach. *Source*: Svix's API.
const TYPES_OF: Duration = Duration::from_secs(90 * 24 * 3_600);
/// Applications that one request may name.
const MAX_APPLICATIONS: usize = 1_000;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(applications))
        .routes(routes!(event_types))
}

/// Counts the deliveries of applications.
#[utoipa::path(
    post,
    path = "/api/v1/stats/usage/app",
    operation_id = "v1.statistics.aggregate-app-stats",
    tag = "Statistics",
    request_body = UsageIn,
    responses((status = 202, description = "It was accepted", body = UsageOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn applications(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<UsageIn>,
) -> Result<(StatusCode, Json<UsageOut>), ApiError> {
    let mut fields = Fields::default();
    let span = span(&mut fields, &body, moment::now());
    let names = body.app_ids;
    if names
        .as_ref()
        .is_some_and(|names| names.len() > MAX_APPLICATIONS)
    {
        fields.note(
            "appIds",
            format!("must have at most {MAX_APPLICATIONS} items"),
        );
    }
    fields.finish()?;
    let (chosen, unresolved) = match names {
        Some(names) => {
            let (found, unresolved) = resolve(&state, &organization, names).await?;
            (Some(found), unresolved)
        }
        None => (None, Vec::new()),
    };
    let parameters = Parameters {
        since: span.0,
        until: span.1,
        applications: chosen,
    };
    let wanted = tasks::Wanted {
        kind: TaskKind::CountDeliveries,
        organization: &organization,
        application: None,
        parameters: json!(parameters),
        data: json!(Deliveries::default()),
        subject: "",
    };
    let task = tasks::create(&state, &headers, wanted).await?;
    let answer = UsageOut {
        task: TaskOut::from(&task),
        unresolved_app_ids: unresolved,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// Counts messages by type of event.
#[utoipa::path(
    put,
    path = "/api/v1/stats/usage/event-types",
    operation_id = "v1.statistics.aggregate-event-types",
    tag = "Statistics",
    responses((status = 202, description = "It was accepted", body = TaskOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn event_types(
    State(state): State<ApiState>,
    OrganizationCaller(organization): OrganizationCaller,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<TaskOut>), ApiError> {
    let until = moment::now();
    let parameters = Parameters {
        since: until.minus(TYPES_OF),
        until,
        applications: None,
    };
    let wanted = tasks::Wanted {
        kind: TaskKind::CountEventTypes,
        organization: &organization,
        application: None,
        parameters: json!(parameters),
        data: json!(EventTypes::default()),
        subject: "",
    };
    let task = tasks::create(&state, &headers, wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(TaskOut::from(&task))))
}

/// The end is never in the future: what is counted is over.
fn span(fields: &mut Fields, body: &UsageIn, now: Timestamp) -> (Timestamp, Timestamp) {
    let since = fields.moment("since", &body.since).unwrap_or(now);
    let until = fields.moment("until", &body.until).unwrap_or(now);
    if since > until {
        fields.note("since", "must not be after `until`");
    } else if until.since(since) > LONGEST {
        fields.note("since", "must be at most 366 days before `until`");
    }
    (since, until.min(now).max(since))
}

/// The applications that are named, by id, and the names that belong to none.
async fn resolve(
    state: &ApiState,
    organization: &OrganizationId,
    names: Vec<String>,
) -> Result<(Vec<ApplicationId>, Vec<String>), ApiError> {
    let (mut found, mut unresolved) = (Vec::new(), Vec::new());
    for name in names {
        let application = match ApplicationRef::parse(&name) {
            Ok(reference) => {
                let row = state.store.application(organization, &reference).await;
                row.map_err(|error| failure::store(&error))?
            }
            Err(_no_name) => None,
        };
        match application {
            Some(row) => found.push(row.id),
            None => unresolved.push(name),
        }
    }
    found.sort();
    found.dedup();
    unresolved.sort();
    unresolved.dedup();
    Ok((found, unresolved))
}
