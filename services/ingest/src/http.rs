//! The HTTP doors: `POST …/msg` takes Svix's body, `POST …/events` a native event.
//!
//! Both answer 202 once the event is stored in EVENTS, and 503 with `Retry-After` when JetStream
//! does not answer in time. The same router is served by ingest on its own port and by api.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRef, FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use posthorn_bus::{Bus, BusError};
use posthorn_chassis::{Context, clock, entropy, metric};
use posthorn_event_schema::{
    ApplicationRef, ApplicationSnapshot, EventId, NativeEvent, NativeEventError, OrganizationId,
    Timestamp,
};
use posthorn_public_http::{
    ApiError, Authenticated, JsonBody, MakeApplication, Problem, QueryParams, RawBody, TokenKey,
};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::IngestConfig;
use crate::accept::{self, AcceptError, Accepted, Acceptor, Key};
use crate::applications::Applications;
use crate::candidate::{Candidate, Identity};
use crate::nats_event::{MAX_KEY_LEN, native_candidate};
use crate::svix_message::{self, MessageIn, MessageOut};

const IDEMPOTENCY_HEADER: &str = "idempotency-key";
const OVERLOADED: &str = "Too many events are being accepted at this moment, try again later.";

/// The HTTP doors, ready to be served. Every request clones it, several times.
#[derive(Clone)]
pub struct HttpDoor(Arc<Inside>);

struct Inside {
    tokens: TokenKey,
    acceptor: Acceptor,
    applications: Applications,
    places: Arc<Semaphore>,
}

impl FromRef<HttpDoor> for TokenKey {
    fn from_ref(door: &HttpDoor) -> Self {
        door.0.tokens.clone()
    }
}

/// A caller that speaks for a whole organisation, asked for before the body is read.
struct OrganizationCaller(OrganizationId);

impl FromRequestParts<HttpDoor> for OrganizationCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, door: &HttpDoor) -> Result<Self, ApiError> {
        let caller = Authenticated::from_request_parts(parts, door).await?;
        caller.organization().cloned().map(Self)
    }
}

/// A native event, as the document describes it; [`NativeEvent`] reads it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the description is used")]
struct EventIn {
    /// What kind of event it is: names separated by dots.
    r#type: String,
    /// What happened: any JSON.
    #[schema(value_type = Value)]
    data: serde_json::Value,
    /// The event's id; made by us when absent.
    id: Option<String>,
    /// When it happened; the time of acceptance when absent.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
    /// After it no attempt starts: what is not delivered by then ends as expired.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Events with the same one reach each endpoint in the order of their acceptance, one at a time.
    #[schema(min_length = 1, max_length = 256)]
    ordering_key: Option<String>,
}

/// The answer to a native event.
#[derive(Serialize, ToSchema)]
struct EventOut<'a> {
    #[schema(value_type = String)]
    id: &'a EventId,
    #[serde(rename = "type")]
    event_type: &'a str,
    timestamp: String,
    duplicate: bool,
}

impl HttpDoor {
    /// Reads the configuration snapshot and prepares the doors.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn build(
        config: &IngestConfig,
        tokens: TokenKey,
        bus: &Bus,
        context: &Context,
    ) -> Result<Self, BusError> {
        let applications = Applications::new(bus.snapshot(&context.shutdown).await?);
        let acceptor = Acceptor::build(config, bus, &applications, context).await?;
        Ok(Self::new(config, tokens, acceptor, applications))
    }

    pub(crate) fn new(
        config: &IngestConfig,
        tokens: TokenKey,
        acceptor: Acceptor,
        applications: Applications,
    ) -> Self {
        let places = Arc::new(Semaphore::new(config.in_flight));
        Self(Arc::new(Inside {
            tokens,
            acceptor,
            applications,
            places,
        }))
    }

    /// The routes, with their full paths.
    #[must_use]
    pub fn router(self) -> OpenApiRouter {
        routes_of_doors().with_state(self)
    }

    /// A place among the events being accepted: with none free, the caller comes again later.
    fn place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0.places)
            .try_acquire_owned()
            .map_err(|_none_free| {
                metric::Counter::LimitReached.add(1, &[("limit", "ingest_in_flight")]);
                accept::count("http", "unavailable");
                ApiError::unavailable(OVERLOADED)
            })
    }

    async fn application(
        &self,
        organization: &OrganizationId,
        name: &str,
    ) -> Result<Arc<ApplicationSnapshot>, ApiError> {
        let missing = || ApiError::not_found("Application not found");
        let name = ApplicationRef::parse(name).map_err(|_no_name| missing())?;
        let found = self.0.applications.find(organization, &name).await;
        found
            .map_err(|behind| refuse(&behind.into()))?
            .ok_or_else(missing)
    }

    async fn accept(
        &self,
        application: &Arc<ApplicationSnapshot>,
        candidate: Candidate,
        keys: &[Key],
        id: impl FnOnce(Timestamp) -> EventId,
    ) -> Result<Accepted, ApiError> {
        let _place = self.place()?;
        let accepted_at = now();
        let fresh = Identity {
            id: id(accepted_at),
            accepted_at,
        };
        match self
            .0
            .acceptor
            .accept(application, candidate, keys, fresh)
            .await
        {
            Ok(accepted) => {
                let id = accepted.event.meta.id.as_str();
                tracing::Span::current().record("posthorn.event.id", id);
                accept::count("http", "accepted");
                Ok(accepted)
            }
            Err(error) => Err(refuse(&error)),
        }
    }
}

/// The document of the doors' routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes_of_doors().into_openapi()
}

fn routes_of_doors() -> OpenApiRouter<HttpDoor> {
    OpenApiRouter::new()
        .routes(routes!(create_message))
        .routes(routes!(create_event))
}

/// Creates a message and sends it to the application's endpoints.
///
/// 202 means that it is stored: it will be delivered, whatever dies next.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/msg",
    operation_id = "v1.message.create",
    tag = "Message",
    params(
        ("with_content" = Option<bool>, Query, description = "Answer with the payload; true unless refused"),
        ("idempotency-key" = Option<String>, Header, description = "Requests with one key make one message, for 12 hours"),
    ),
    request_body = MessageIn,
    responses((status = 202, description = "It was accepted", body = MessageOut)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn create_message(
    State(door): State<HttpDoor>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(app): Path<String>,
    query: QueryParams,
    headers: HeaderMap,
    maker: Option<Extension<MakeApplication>>,
    JsonBody(mut message): JsonBody<MessageIn>,
) -> Result<Response, ApiError> {
    let inline = message.take_application();
    let found = door.application(&organization, &app).await;
    let mut keys = request_key(&headers)?;
    let checked = message.check(now());
    let check = || checked.map_err(|problems| problems_of(&problems));
    let (application, candidate) = match (found, inline, maker) {
        (Err(error), Some(inline), Some(Extension(maker)))
            if error.status() == StatusCode::NOT_FOUND =>
        {
            // Not for a message that is refused.
            let candidate = check()?;
            maker.make(&organization, &app, inline).await?;
            (door.application(&organization, &app).await?, candidate)
        }
        (found, _, _) => (found?, check()?),
    };
    keys.extend(candidate.producer_key.clone().map(Key::Producer));
    let id = |at| EventId::generate_message(at, entropy::bytes());
    let accepted = door.accept(&application, candidate, &keys, id).await?;
    let with_content = query.one("with_content") != Some("false");
    let out = MessageOut::new(&accepted.event, with_content);
    Ok((StatusCode::ACCEPTED, axum::Json(out)).into_response())
}

/// Accepts a native event and sends it to the application's endpoints.
///
/// It is delivered as an object with `data`, `id`, `timestamp` and `type`.
#[utoipa::path(
    post,
    path = "/api/v1/app/{app_id}/events",
    operation_id = "posthorn.event.create",
    tag = "Event",
    params(("idempotency-key" = Option<String>, Header, description = "Requests with one key make one event, for 12 hours")),
    request_body = EventIn,
    responses((status = 202, description = "It was accepted", body = EventOut<'static>)),
    extensions(("x-posthorn-scope" = json!("organization")))
)]
async fn create_event(
    State(door): State<HttpDoor>,
    OrganizationCaller(organization): OrganizationCaller,
    Path(app): Path<String>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, ApiError> {
    let application = door.application(&organization, &app).await?;
    let mut keys = request_key(&headers)?;
    let event = NativeEvent::parse(&body, None).map_err(|error| refuse_event(&error))?;
    let chosen = event.id.clone();
    keys.extend(chosen.is_some().then_some(Key::EventId));
    let id = |at| chosen.unwrap_or_else(|| EventId::generate_native(at, entropy::bytes()));
    let accepted = door
        .accept(&application, native_candidate(event), &keys, id)
        .await?;
    let meta = &accepted.event.meta;
    let out = EventOut {
        id: &meta.id,
        event_type: meta.event_type.as_str(),
        timestamp: meta.accepted_at.to_rfc3339_micros(),
        duplicate: accepted.duplicate,
    };
    Ok((StatusCode::ACCEPTED, axum::Json(out)).into_response())
}

fn now() -> Timestamp {
    Timestamp::from_unix_micros(clock::unix_micros())
}

fn request_key(headers: &HeaderMap) -> Result<Vec<Key>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_HEADER) else {
        return Ok(Vec::new());
    };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY_LEN).contains(&key.len()) => Ok(vec![Key::Request(key.to_owned())]),
        Ok(_) | Err(_) => {
            let rule = format!("must have 1 to {MAX_KEY_LEN} visible ASCII characters");
            let place = ["header", IDEMPOTENCY_HEADER];
            Err(ApiError::invalid(vec![Problem::new(
                place,
                rule,
                "value_error",
            )]))
        }
    }
}

fn problems_of(problems: &[svix_message::Problem]) -> ApiError {
    accept::count("http", "rejected");
    let problem = |problem: &svix_message::Problem| {
        let place = std::iter::once("body".to_owned()).chain(problem.field.iter().cloned());
        Problem::new(place, problem.message.clone(), "value_error")
    };
    ApiError::invalid(problems.iter().map(problem).collect())
}

fn refuse_event(error: &NativeEventError) -> ApiError {
    accept::count("http", "rejected");
    match error {
        NativeEventError::Json(_) => ApiError::bad_request("invalid_json", error.to_string()),
        other => {
            let place = std::iter::once("body").chain(other.field());
            ApiError::invalid(vec![Problem::new(place, other.to_string(), "value_error")])
        }
    }
}

fn refuse(error: &AcceptError) -> ApiError {
    let result = if error.is_transient() {
        "unavailable"
    } else {
        "rejected"
    };
    accept::count("http", result);
    let detail = error.to_string();
    match error {
        AcceptError::KeyConflict | AcceptError::EventExists => {
            ApiError::conflict(error.code(), detail)
        }
        AcceptError::TooLarge { .. } => ApiError::too_large(detail),
        AcceptError::KeysUnavailable(_) | AcceptError::Unavailable(_) | AcceptError::Behind(_) => {
            tracing::warn!(
                reason = posthorn_chassis::error_chain::chain(error),
                "event not stored, the caller was told to come again"
            );
            ApiError::unavailable(detail)
        }
    }
}
