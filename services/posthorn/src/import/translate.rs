//! From a source's object to what the target is told of it, and what cannot be told: pure.

mod endpoint_url;

use posthorn_event_schema::{ApplicationId, EndpointId, EventType as EventTypeName};
use posthorn_signing::SigningSecret;
use serde_json::{Map, Value, json};

use super::source::{Application, Endpoint, EventType, Headers};

/// Something of an object that does not come along.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Lack {
    /// Which part of it.
    pub(super) part: String,
    /// Why, and what to do.
    pub(super) why: String,
}

/// What the target is told of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coming {
    pub(super) body: Value,
    pub(super) lacks: Vec<Lack>,
}

/// What cannot come at all, and why.
pub(super) type Refused = String;

/// Fields that objects have and that an import does not set.
const OURS: [&str; 1] = ["updatedAt"];
/// What an ed25519 key's public half begins with. *Source*: Svix's API, the second spelling too.
const PUBLIC_KEYS: [&str; 2] = ["whpk_", "whpk1_"];
/// Fields that an object can do without when the target refuses them.
const DISPENSABLE: [&str; 6] = [
    "createdAt",
    "description",
    "groupName",
    "headers",
    "metadata",
    "schemas",
];

impl Lack {
    pub(super) fn new(part: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            part: part.into(),
            why: why.into(),
        }
    }
}

/// An event type.
pub(super) fn event_type(source: &EventType) -> Result<Coming, Refused> {
    EventTypeName::parse(&source.name).map_err(|error| format!("its name {error}"))?;
    Ok(Coming {
        body: json!({
            "description": source.description.as_deref().unwrap_or_default(),
            "archived": source.archived.unwrap_or(false),
            "deprecated": source.deprecated.unwrap_or(false),
            "schemas": source.schemas,
            "featureFlag": source.feature_flag,
            "featureFlags": source.feature_flags,
            "groupName": source.group_name,
            "createdAt": source.created_at,
        }),
        lacks: unknown(&source.rest),
    })
}

/// An application.
pub(super) fn application(source: &Application) -> Result<Coming, Refused> {
    ApplicationId::parse(&source.id).map_err(|error| format!("its id {error}"))?;
    Ok(Coming {
        body: json!({
            "name": source.name,
            "uid": source.uid,
            "throttleRate": source.throttle_rate.as_ref().or(source.rate_limit.as_ref()),
            "metadata": source.metadata,
            "createdAt": source.created_at,
        }),
        lacks: unknown(&source.rest),
    })
}

/// An endpoint with its secret and its headers.
pub(super) fn endpoint(
    source: &Endpoint,
    secret: &str,
    headers: &Headers,
) -> Result<Coming, Refused> {
    EndpointId::parse(&source.id).map_err(|error| format!("its id {error}"))?;
    let mut lacks = unknown(&source.rest);
    let (url, credentials) = endpoint_url::split(&source.url);
    let mut told = headers.headers.clone();
    let has = |name: &str| {
        let mut names = headers.headers.keys().chain(&headers.sensitive);
        names.any(|other| other.eq_ignore_ascii_case(name))
    };
    if let Some(credentials) = credentials.filter(|_| !has("authorization")) {
        told.insert("Authorization".to_owned(), Value::String(credentials));
    }
    lacks.extend(headers.sensitive.iter().map(|name| hidden_header(name)));
    let event_types = source.event_types.as_ref().or(source.filter_types.as_ref());
    let mut body = json!({
        "url": url,
        "uid": source.uid,
        "description": source.description.as_deref().unwrap_or_default(),
        "disabled": source.disabled.unwrap_or(false),
        "eventTypes": event_types,
        "channels": source.channels,
        "throttleRate": source.throttle_rate.as_ref().or(source.rate_limit.as_ref()),
        "metadata": source.metadata,
        "headers": told,
        "keepHeaders": headers.sensitive,
        "createdAt": source.created_at,
    });
    match usable_secret(secret) {
        Ok(()) => body["secret"] = json!(secret),
        Err(lack) => {
            body["asymmetric"] = json!(is_public_key(secret));
            lacks.push(lack);
        }
    }
    Ok(Coming { body, lacks })
}

/// Whether a secret is only what a receiver needs.
pub(super) fn is_public_key(secret: &str) -> bool {
    PUBLIC_KEYS.iter().any(|prefix| secret.starts_with(prefix))
}

/// The part that a lack of a hidden header names.
pub(super) fn header_part(name: &str) -> String {
    format!("header {name}")
}

fn hidden_header(name: &str) -> Lack {
    let why = "the source does not show its value; set it in Posthorn";
    Lack::new(header_part(name), why)
}

fn usable_secret(secret: &str) -> Result<(), Lack> {
    if is_public_key(secret) {
        let why = "the source shows only the public half of the key pair; Posthorn makes a new pair \
                   with the endpoint: rotate it to the old one (whsk_…), or give the receiver the \
                   new public half";
        return Err(Lack::new("secret", why));
    }
    SigningSecret::parse(secret).map(drop).map_err(|error| {
        let why = format!(
            "it {error}; Posthorn makes a new one with the endpoint, which the receiver must be given"
        );
        Lack::new("secret", why)
    })
}

/// What the source says and we do not understand, unless it says nothing.
fn unknown(rest: &Map<String, Value>) -> Vec<Lack> {
    let says_nothing = |name: &str, value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        // Every endpoint has one; it means nothing.
        Value::Number(number) => name == "version" && number.as_u64() == Some(1),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) => false,
    };
    let lacks = rest
        .iter()
        .filter(|(name, value)| !OURS.contains(&name.as_str()) && !says_nothing(name, value));
    lacks
        .map(|(name, _)| Lack::new(name, "Posthorn has no such field"))
        .collect()
}

/// What to tell instead, after the target has refused some fields; `None` when the object cannot do
/// without one of them.
pub(super) fn without_refused(mut coming: Coming, refusal: &Value) -> Option<Coming> {
    let problems = refusal["detail"]
        .as_array()
        .filter(|list| !list.is_empty())?;
    for problem in problems {
        let place = problem["loc"].as_array()?;
        let place: Vec<&str> = place.iter().filter_map(Value::as_str).collect();
        let ["body", field, item @ ..] = place.as_slice() else {
            return None;
        };
        if !DISPENSABLE.contains(field) {
            return None;
        }
        let why = problem["msg"].as_str().unwrap_or("the target refuses it");
        let (object, part, name) = match item {
            [name, ..] if *field == "headers" && !name.is_empty() => {
                (&mut coming.body["headers"], header_part(name), *name)
            }
            _ => (&mut coming.body, (*field).to_owned(), *field),
        };
        object.as_object_mut()?.remove(name);
        if *field == "description" {
            coming.body["description"] = json!("");
        }
        let lack = Lack::new(part, why);
        if !coming.lacks.contains(&lack) {
            coming.lacks.push(lack);
        }
    }
    Some(coming)
}

#[cfg(test)]
mod tests;
