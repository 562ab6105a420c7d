//! Delivering many messages to an endpoint once more. What follows is a background task
//! ([`crate::tasks::replay`]).

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use posthorn_event_schema::{Channel, Timestamp};
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::history::DeliveryState;
use posthorn_store::task::TaskKind;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::fields::Fields;
use crate::public::attempt::Status;
use crate::public::replay::{BulkReplayIn, SpanIn};
use crate::public::task::TaskOut;
use crate::scope::ApplicationCaller;
use crate::state::ApiState;
use crate::tasks::replay::{Counts, Parameters};
use crate::{lookup, moment, tasks};

/// How far a replay may reach. *Source*: Svix's API: 14 days, and 5 minutes for clocks that differ.
const LONGEST: Duration = Duration::from_secs((14 * 24 * 60 + 5) * 60);
/// Longest tag, in bytes. *Source*: Svix's hosted API.
const MAX_TAG_LEN: usize = 128;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(recover))
        .routes(routes!(replay_missing))
        .routes(routes!(bulk_replay))
}

type Accepted = Result<(StatusCode, Json<TaskOut>), ApiError>;

/// Delivers once more what failed at the endpoint.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/recover",
    operation_id = "v1.endpoint.recover",
    tag = "Endpoint",
    request_body = SpanIn,
    responses((status = 202, description = "It was accepted", body = TaskOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn recover(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SpanIn>,
) -> Accepted {
    let asked = Asked::of(TaskKind::Recover, body);
    accept(&state, &caller, &endpoint, &headers, asked).await
}

/// Delivers what never went to the endpoint and would go there now.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/replay-missing",
    operation_id = "v1.endpoint.replay-missing",
    tag = "Endpoint",
    request_body = SpanIn,
    responses((status = 202, description = "It was accepted", body = TaskOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn replay_missing(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SpanIn>,
) -> Accepted {
    let asked = Asked::of(TaskKind::ReplayMissing, body);
    accept(&state, &caller, &endpoint, &headers, asked).await
}

/// Delivers once more what went to the endpoint, successes too unless a filter leaves them out.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/bulk-replay",
    operation_id = "v1.endpoint.bulk-replay",
    tag = "Endpoint",
    request_body = BulkReplayIn,
    responses((status = 202, description = "It was accepted", body = TaskOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn bulk_replay(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<BulkReplayIn>,
) -> Accepted {
    let span = SpanIn {
        since: body.since.clone(),
        until: body.until.clone(),
        preview: body.preview,
    };
    let mut asked = Asked::of(TaskKind::ReplayAll, span);
    asked.bulk = Some(body);
    accept(&state, &caller, &endpoint, &headers, asked).await
}

/// What a request asks for, not yet checked.
struct Asked {
    kind: TaskKind,
    span: SpanIn,
    bulk: Option<BulkReplayIn>,
}

impl Asked {
    fn of(kind: TaskKind, span: SpanIn) -> Self {
        Self {
            kind,
            span,
            bulk: None,
        }
    }
}

async fn accept(
    state: &ApiState,
    caller: &ApplicationCaller,
    endpoint: &str,
    headers: &HeaderMap,
    asked: Asked,
) -> Accepted {
    let application = &caller.application.id;
    let endpoint = lookup::endpoint(state, application, endpoint).await?.id;
    let mut fields = Fields::default();
    let (since, until) = span(&mut fields, &asked.span, moment::now());
    let mut parameters = Parameters {
        endpoint,
        since,
        until,
        event_types: Vec::new(),
        channels: Vec::new(),
        tag: None,
        states: Vec::new(),
        status_class: None,
        preview: asked.span.preview,
    };
    if let Some(bulk) = asked.bulk {
        filter(&mut fields, bulk, &mut parameters);
    }
    fields.finish()?;
    let wanted = tasks::Wanted {
        kind: asked.kind,
        organization: &caller.organization,
        application: Some(application),
        parameters: serde_json::json!(parameters),
        data: serde_json::json!(Counts::default()),
        subject: parameters.endpoint.as_str(),
    };
    let task = tasks::create(state, headers, wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(TaskOut::from(&task))))
}

/// The moments between which events were accepted; the end is never in the future, so that a replay
/// ends.
fn span(fields: &mut Fields, asked: &SpanIn, now: Timestamp) -> (Timestamp, Timestamp) {
    let since = fields.moment("since", &asked.since).unwrap_or(now);
    let until = asked.until.as_ref();
    let until = until.map_or(Some(now), |text| fields.moment("until", text));
    let until = until.unwrap_or(now);
    if since > until {
        fields.note("since", "must not be after `until`");
    } else if until.since(since) > LONGEST {
        fields.note("since", "must be at most 14 days before `until`");
    }
    (since, until.min(now).max(since))
}

fn filter(fields: &mut Fields, body: BulkReplayIn, parameters: &mut Parameters) {
    parameters.event_types = fields.event_types(body.event_types).unwrap_or_default();
    let channel = body.channel.filter(|name| !name.is_empty());
    let channel = channel.and_then(|name| fields.keep("channel", Channel::parse(&name)));
    parameters.channels = channel.into_iter().collect();
    parameters.tag = body.tag.filter(|tag| !tag.is_empty());
    if let Some(tag) = &parameters.tag
        && (tag.len() > MAX_TAG_LEN || tag.contains('\0'))
    {
        fields.note("tag", format!("must have at most {MAX_TAG_LEN} bytes"));
    }
    if let Some(code) = body.status {
        match Status::from_code(&code.to_string()) {
            Some(status) => parameters.states = words(&status.delivery_states(true)),
            None => fields.note("status", "must be a number from 0 to 4"),
        }
    }
    if let Some(class) = body.status_code_class {
        let digit = u8::try_from(class / 100).unwrap_or(u8::MAX);
        if class % 100 == 0 && digit <= 5 {
            parameters.status_class = Some(digit);
        } else {
            fields.note("statusCodeClass", "must be 0, 100, 200, 300, 400 or 500");
        }
    }
}

fn words(states: &[DeliveryState]) -> Vec<String> {
    states
        .iter()
        .map(|state| state.as_str().to_owned())
        .collect()
}
