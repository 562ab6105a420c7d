//! Sending an example of an event type to one endpoint.

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use posthorn_bus::trace_context;
use posthorn_event_schema::{Event, EventId, EventMeta, EventType, SchemaVersion};
use posthorn_public_http::{ApiError, JsonBody};
use posthorn_store::history::{Body, StoredEvent};
use serde_json::Value;
use tracing::Span;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::resend::not_queued;
use crate::fields::Fields;
use crate::minted::Minted;
use crate::public::message::{ExampleIn, MessageOut};
use crate::scope::{ApplicationCaller, no_entity};
use crate::state::ApiState;
use crate::{failure, lookup, manual_delivery, moment};

/// A type that every endpoint can be tried with, and its example. *Source*: Svix's server.
const PING: (&str, &str) = ("svix.ping", r#"{"success":true}"#);
/// How long the example is kept, in hours: the longest that callers can ask for.
const RETENTION_HOURS: u32 = 90 * 24;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(send_example))
}

/// Sends an event type's example to this endpoint alone, whatever it is subscribed to.
///
/// It is a message like any other: history shows it, and it can be resent.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example",
    operation_id = "v1.endpoint.send-example",
    tag = "Endpoint",
    request_body = ExampleIn,
    responses((status = 202, description = "It was accepted", body = MessageOut)),
    extensions(("x-posthorn-scope" = json!("application")))
)]
async fn send_example(
    State(state): State<ApiState>,
    caller: ApplicationCaller,
    Path((_app, endpoint)): Path<(String, String)>,
    minted: Minted,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ExampleIn>,
) -> Result<(StatusCode, Json<MessageOut>), ApiError> {
    let endpoint = lookup::endpoint(&state, &caller.application.id, &endpoint).await?;
    let mut fields = Fields::default();
    let event_type = fields.keep("eventType", EventType::parse(&body.event_type));
    fields.finish()?;
    // Without a type there was a problem, which has been answered.
    let event_type = event_type.ok_or_else(no_entity)?;
    let index = body.example_index.unwrap_or(0);
    let example = example(&state, &caller, &event_type, index).await?;
    let event = event(&caller, &minted, event_type, example);
    // History has it first: whoever receives it can look it up, and a crash sends nothing unknown.
    let written = state.store.write_events(std::slice::from_ref(&event)).await;
    written.map_err(|error| failure::store(&error))?;
    let shown = stored(&event);
    let now = moment::now();
    let run = manual_delivery::run(&headers, now);
    let job = manual_delivery::job(&shown, event.body, &endpoint.id, &run, now);
    let queued = state.bus.publish_job(&job).await;
    queued.map_err(|error| not_queued(&error))?;
    Ok((StatusCode::ACCEPTED, Json(shown.into())))
}

async fn example(
    state: &ApiState,
    caller: &ApplicationCaller,
    event_type: &EventType,
    index: usize,
) -> Result<Bytes, ApiError> {
    if event_type.as_str() == PING.0 {
        return Ok(Bytes::from_static(PING.1.as_bytes()));
    }
    let found = state.store.event_type(&caller.organization, event_type);
    let found = found.await.map_err(|error| failure::store(&error))?;
    let flags = caller.visible_flags();
    let visible = found.filter(|row| row.is_visible(flags.as_deref()));
    let schemas = visible.ok_or_else(no_entity)?.settings.schemas;
    let example = schemas.as_ref().and_then(|all| chosen(all, index));
    let missing = || {
        let detail = "The event type's schema has no such example.";
        ApiError::bad_request("invalid_scheme", detail)
    };
    let example = example.filter(|example| example.is_object());
    example
        .map(|example| Bytes::from(example.to_string()))
        .ok_or_else(missing)
}

/// The example of the newest version: of `examples` the one at `index`, or the only `example`.
fn chosen(schemas: &Value, index: usize) -> Option<&Value> {
    let versions = schemas.as_object()?.iter();
    let newest = versions.max_by_key(|(version, _)| (version.parse::<u64>().ok(), *version));
    let (_, schema) = newest?;
    match schema.get("examples") {
        Some(examples) => examples.get(index),
        None if index == 0 => schema.get("example"),
        None => None,
    }
}

fn event(caller: &ApplicationCaller, minted: &Minted, event_type: EventType, body: Bytes) -> Event {
    let accepted_at = minted.at();
    let meta = EventMeta {
        version: SchemaVersion,
        id: EventId::generate_message(accepted_at, minted.dice("event")),
        organization: caller.organization.clone(),
        application: caller.application.id.clone(),
        event_type,
        accepted_at,
        channels: Vec::new(),
        tags: Vec::new(),
        producer_key: None,
        retention_hours: RETENTION_HOURS,
        deliver_at: None,
        expires_at: None,
        ordering_key: None,
        config_revision: None,
        trace_id: trace_context::trace_id(&Span::current()),
    };
    Event { meta, body }
}

/// The event as history has it now.
fn stored(event: &Event) -> StoredEvent {
    let meta = event.meta.clone();
    StoredEvent {
        id: meta.id,
        organization: meta.organization,
        application: meta.application,
        event_type: meta.event_type,
        accepted_at: meta.accepted_at,
        channels: meta.channels,
        tags: meta.tags,
        producer_key: meta.producer_key,
        trace_id: meta.trace_id,
        deliver_at: meta.deliver_at,
        expires_at: meta.expires_at,
        body: Body::Bytes(event.body.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_version_gives_the_example() {
        let schemas = json!({
            "2": {"examples": [{"n": 1}, {"n": 2}]},
            "10": {"examples": [{"n": 3}]},
        });
        assert_eq!(chosen(&schemas, 0), Some(&json!({"n": 3})));
        assert_eq!(chosen(&schemas, 1), None);
        let one = json!({"1": {"example": {"n": 4}}});
        assert_eq!(chosen(&one, 0), Some(&json!({"n": 4})));
        assert_eq!(chosen(&one, 1), None);
        assert_eq!(chosen(&json!({"1": {"type": "object"}}), 0), None);
        assert_eq!(chosen(&json!({}), 0), None);
    }
}
