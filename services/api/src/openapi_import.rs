//! Event types from an OpenAPI document: its `webhooks`, and `x-webhooks` as documents before 3.1
//! have them.
//!
//! A webhook's name is the event type's; its first operation says what it means and what its body
//! is like. Components that a body's schema refers to are copied into the schema.

use std::collections::BTreeSet;

use posthorn_event_schema::EventType;
use posthorn_public_http::{ApiError, Problem};
use posthorn_store::event_type::EventTypeSettings;
use serde_json::{Map, Value, json};

use crate::fields::Fields;

/// Most event types of one document.
const MAX_TYPES: usize = 1_000;
/// The version under which the schema of a document is kept. *Source*: Svix's importer.
const SCHEMA_VERSION: &str = "1";
const COMPONENTS: &str = "#/components/schemas/";
const METHODS: [&str; 5] = ["post", "put", "patch", "get", "delete"];

/// An event type as a document has it.
pub(crate) type Found = (EventType, EventTypeSettings);

/// Reads a document's text, JSON or YAML.
///
/// # Errors
/// 422 when it is neither.
pub(crate) fn read(text: &str) -> Result<Value, ApiError> {
    // JSON is YAML, too, but its own reader says better what is wrong, and is faster.
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| refused("specRaw", &error.to_string()));
    }
    serde_saphyr::from_str(text).map_err(|error| refused("specRaw", &error.to_string()))
}

/// The event types of a document.
///
/// # Errors
/// 422 with everything in it that cannot be an event type.
pub(crate) fn event_types(spec: &Value) -> Result<Vec<Found>, ApiError> {
    let maps = ["webhooks", "x-webhooks"].map(|name| spec.get(name).and_then(Value::as_object));
    let webhooks: Vec<_> = maps.into_iter().flatten().flatten().collect();
    if webhooks.is_empty() {
        return Err(refused("spec", "has neither `webhooks` nor `x-webhooks`"));
    }
    if webhooks.len() > MAX_TYPES {
        return Err(refused("spec", "has more than 1000 webhooks"));
    }
    let mut fields = Fields::default();
    let mut found = Vec::with_capacity(webhooks.len());
    for (name, item) in webhooks {
        match EventType::parse(name) {
            Ok(event_type) => found.push((event_type, settings(spec, item, &mut fields))),
            Err(error) => {
                fields.note_at("spec", name.clone(), error.to_string(), "value_error");
            }
        }
    }
    fields.finish()?;
    Ok(found)
}

fn settings(spec: &Value, item: &Value, fields: &mut Fields) -> EventTypeSettings {
    let item = followed(spec, item);
    let operation = METHODS.iter().find_map(|method| item.get(method));
    let operation = operation.unwrap_or(&Value::Null);
    let texts = [operation, item].into_iter();
    let mut texts = texts.flat_map(|part| [part.get("description"), part.get("summary")]);
    let description = texts.find_map(|text| text?.as_str()).unwrap_or_default();
    fields.description(description);
    let label = |name: &str| operation.get(name).and_then(Value::as_str);
    let group_name = label("x-svix-group-name").map(str::to_owned);
    if let Some(group) = &group_name {
        fields.label("groupName", group);
    }
    let flags = operation
        .get("x-svix-feature-flags")
        .and_then(Value::as_array);
    let flags = flags.map(|flags| flags.iter().filter_map(Value::as_str).map(str::to_owned));
    let flag = label("x-svix-feature-flag").map(str::to_owned);
    let schemas = body_schema(spec, operation).map(|schema| json!({SCHEMA_VERSION: schema}));
    if let Some(schemas) = &schemas {
        fields.schemas(schemas);
    }
    EventTypeSettings {
        description: description.to_owned(),
        archived: false,
        deprecated: operation.get("deprecated") == Some(&Value::Bool(true)),
        schemas,
        feature_flags: fields.flags(flags.map(Iterator::collect), flag),
        group_name,
    }
}

/// The schema of a webhook's body, with the components that it needs.
fn body_schema(spec: &Value, operation: &Value) -> Option<Value> {
    let body = followed(spec, operation.get("requestBody")?);
    let content = body.get("content")?.as_object()?;
    let json = content
        .get("application/json")
        .or_else(|| content.values().next())?;
    let mut schema = json.get("schema")?.clone();
    let mut wanted = Vec::new();
    localize(&mut schema, &mut wanted);
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut definitions = Map::new();
    while let Some(name) = wanted.pop() {
        let component = spec.pointer(&format!("/components/schemas/{name}"));
        if let (true, Some(component)) = (known.insert(name.clone()), component) {
            let mut component = component.clone();
            localize(&mut component, &mut wanted);
            definitions.insert(name.replace("~1", "/").replace("~0", "~"), component);
        }
    }
    if let (Value::Object(members), false) = (&mut schema, definitions.is_empty()) {
        let own = members.entry("definitions").or_insert_with(|| json!({}));
        if let Value::Object(own) = own {
            own.extend(definitions);
        }
    }
    Some(schema)
}

/// Points references to components into the schema itself, and notes their names.
fn localize(schema: &mut Value, wanted: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(target) if key == "$ref" => {
                        if let Some(name) = target.strip_prefix(COMPONENTS) {
                            wanted.push(name.split('/').next().unwrap_or(name).to_owned());
                            *target = format!("#/definitions/{name}");
                        }
                    }
                    member => localize(member, wanted),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| localize(item, wanted)),
        _ => {}
    }
}

/// Where a reference leads within the document, one step; anything else as it is.
fn followed<'a>(spec: &'a Value, value: &'a Value) -> &'a Value {
    let target = value.get("$ref").and_then(Value::as_str);
    let inside = target.and_then(|target| spec.pointer(target.strip_prefix('#')?));
    inside.unwrap_or(value)
}

fn refused(field: &str, rule: &str) -> ApiError {
    ApiError::invalid(vec![Problem::new(["body", field], rule, "value_error")])
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = r##"
openapi: 3.1.0
webhooks:
  file.created:
    post:
      description: A file was created
      x-svix-group-name: Files
      x-svix-feature-flags: [beta, gamma]
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/File"}
x-webhooks:
  file.deleted:
    post: {summary: A file is gone, deprecated: true}
components:
  schemas:
    File:
      type: object
      properties: {owner: {$ref: "#/components/schemas/User"}}
    User: {type: object, properties: {files: {items: {$ref: "#/components/schemas/File"}}}}
    Other: {type: string}
"##;

    #[test]
    fn webhooks_become_event_types_with_their_components() {
        let found = event_types(&read(YAML).unwrap()).unwrap();
        let [(created, settings), (deleted, second)] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(
            (created.as_str(), deleted.as_str()),
            ("file.created", "file.deleted")
        );
        assert_eq!(settings.description, "A file was created");
        assert_eq!(settings.group_name.as_deref(), Some("Files"));
        let flags = settings.feature_flags.as_deref().unwrap();
        assert_eq!(flags, ["beta", "gamma"]);
        let schema = &settings.schemas.as_ref().unwrap()["1"];
        assert_eq!(schema["$ref"], json!("#/definitions/File"));
        let definitions = schema["definitions"].as_object().unwrap();
        assert_eq!(definitions.keys().collect::<Vec<_>>(), ["File", "User"]);
        assert_eq!(
            (&*second.description, second.deprecated),
            ("A file is gone", true)
        );
        assert_eq!(second.schemas, None);
    }

    #[test]
    fn what_is_no_document_of_webhooks_is_refused() {
        assert_eq!(read("{").unwrap_err().status(), 422);
        assert_eq!(read("a: [").unwrap_err().status(), 422);
        for spec in [
            json!({}),
            json!({"webhooks": {}}),
            json!({"webhooks": {"a b": {}}}),
            json!({"webhooks": {"a": {"post": {"requestBody": {"content": {
                "application/json": {"schema": {"type": "text"}}}}}}}}),
        ] {
            assert_eq!(event_types(&spec).unwrap_err().status(), 422, "{spec}");
        }
    }

    #[test]
    fn a_document_that_would_grow_without_end_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let last = format!("*a{}, ", level - 1).repeat(9);
            bomb.push_str(&format!("a{level}: &a{level} [{last}]\n"));
        }
        assert!(read(&bomb).is_err());
    }
}
