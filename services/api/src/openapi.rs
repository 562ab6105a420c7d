//! The OpenAPI document, collected from the routes themselves.
//!
//! A route's own attribute says what only it knows: its name, parameters, body and answer, and
//! whom it serves ([`SCOPE`]). What is the same everywhere is added here: the token, the errors, the
//! objects that paths name.

use http::{Method, StatusCode};
use posthorn_chassis::build_info;
use serde_json::json;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder,
};

/// The extension that says whom an operation serves; the authorisation tests are made from it.
pub const SCOPE: &str = "x-posthorn-scope";
/// The name of the one way to authenticate. *Source*: Svix's document.
const BEARER: &str = "HTTPBearer";

/// Errors that any operation may answer, with what they mean.
const FAILURES: [(StatusCode, &str); 9] = [
    (StatusCode::BAD_REQUEST, "The request is not well formed"),
    (StatusCode::UNAUTHORIZED, "No valid token"),
    (StatusCode::FORBIDDEN, "The token does not reach so far"),
    (StatusCode::NOT_FOUND, "No such object"),
    (StatusCode::CONFLICT, "It contradicts what is there"),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
    (StatusCode::UNPROCESSABLE_ENTITY, "Fields break rules"),
    (StatusCode::TOO_MANY_REQUESTS, "Come again later"),
    (StatusCode::SERVICE_UNAVAILABLE, "Come again in a second"),
];

/// What the parts of paths name.
const PATH_PARAMETERS: [(&str, &str); 9] = [
    ("app_id", "The application's id or uid"),
    ("endpoint_id", "The endpoint's id or uid"),
    ("msg_id", "The message's id, or its `eventId`"),
    ("attempt_id", "The attempt's id"),
    ("event_type_name", "The event type's name"),
    ("inbox_id", "The inbox's id"),
    ("key_id", "The API key's id"),
    ("position", "The place that a list shows"),
    ("task_id", "The background task's id"),
];

/// Completes what was collected from the routes.
#[must_use]
pub fn document(collected: OpenApi) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Posthorn API")
        .version(build_info::VERSION)
        .description(Some(
            "Delivers webhooks: applications, their endpoints, and every message and attempt. \
             Compatible with the Svix API.",
        ))
        .build();
    let mut document = OpenApiBuilder::from(collected).info(info).build();
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            complete(path, operation);
        }
    }
    let mut components = ComponentsBuilder::from(document.components.take().unwrap_or_default())
        .security_scheme(
            BEARER,
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        );
    for (name, schema) in error_schemas() {
        components = components.schema(name, schema);
    }
    for (status, meaning) in FAILURES {
        components = components.response(failure_name(status), failure(status, meaning));
    }
    document.components = Some(components.build());
    document
}

/// All operations of a document, with their methods and paths.
pub fn each(document: &OpenApi) -> impl Iterator<Item = (Method, &str, &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        let by_method = [
            (Method::GET, &item.get),
            (Method::POST, &item.post),
            (Method::PUT, &item.put),
            (Method::PATCH, &item.patch),
            (Method::DELETE, &item.delete),
        ];
        by_method
            .into_iter()
            .filter_map(move |(method, operation)| {
                Some((method, path.as_str(), operation.as_ref()?))
            })
    })
}

/// Whom an operation serves, as its route says.
#[must_use]
pub fn scope(operation: &Operation) -> Option<&str> {
    operation.extensions.as_ref()?.get(SCOPE)?.as_str()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

fn complete(path: &str, operation: &mut Operation) {
    let named = operation.parameters.take().unwrap_or_default();
    let in_path = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(RefOr::T(path_parameter(name)))
    });
    operation.parameters = Some(in_path.chain(named).collect());
    if scope(operation) == Some("anyone") {
        return;
    }
    let bearer = SecurityRequirement::new(BEARER, Vec::<String>::new());
    operation.security = Some(vec![bearer]);
    for (status, _) in FAILURES {
        let response = Ref::from_response_name(failure_name(status));
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.as_str().to_owned())
            .or_insert(RefOr::Ref(response));
    }
}

fn path_parameter(name: &str) -> Parameter {
    let known = PATH_PARAMETERS.iter().find(|(known, _)| *known == name);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(known.map(|(_, meaning)| *meaning))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

fn failure_name(status: StatusCode) -> String {
    format!("Error{}", status.as_u16())
}

fn failure(status: StatusCode, meaning: &str) -> utoipa::openapi::Response {
    let schema = if status == StatusCode::UNPROCESSABLE_ENTITY {
        "HTTPValidationError"
    } else {
        "HttpErrorOut"
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build();
    ResponseBuilder::new()
        .description(meaning)
        .content("application/json", content)
        .build()
}

/// The two shapes of an error. *Source*: Svix's document.
fn error_schemas() -> [(&'static str, utoipa::openapi::schema::Schema); 2] {
    let read = |json| serde_json::from_value(json).expect("a schema in the form that serde reads");
    let text = || json!({"type": "string"});
    [
        (
            "HttpErrorOut",
            read(json!({
                "type": "object",
                "required": ["code", "detail"],
                "properties": {"code": text(), "detail": text()},
            })),
        ),
        (
            "HTTPValidationError",
            read(json!({
                "type": "object",
                "required": ["detail"],
                "properties": {"detail": {"type": "array", "items": {
                    "type": "object",
                    "required": ["loc", "msg", "type"],
                    "properties": {
                        "loc": {"type": "array", "items": text()},
                        "msg": text(),
                        "type": text(),
                    },
                }}},
            })),
        ),
    ]
}
