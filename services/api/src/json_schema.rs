//! Whether a JSON value is a JSON Schema, by the rules of the meta-schemas.
//!
//! Without `$schema` a schema is one of draft 7. The drafts differ in few of these rules; of a draft
//! that we do not know only the form is judged. What a keyword means together with others, whether
//! a `$ref` leads anywhere, and whether a `pattern` is a good one is not looked at, as meta-schemas
//! do not either.
//! *Source*: <https://json-schema.org/draft-07/schema> and its siblings.

use serde_json::{Map, Value};

/// A rule that a schema breaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SchemaProblem {
    /// Where: `/properties/age/minimum`.
    pub(crate) place: String,
    /// What must be there.
    pub(crate) rule: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Draft {
    Four,
    Seven,
    /// 2019-09 and 2020-12.
    Modern,
}

/// What the value of a keyword must be.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Text,
    Flag,
    Count,
    Number,
    Positive,
    List,
    Schema,
    Schemas,
    SchemaOrSchemas,
    SchemaMap,
    Names,
    NamesMap,
    SchemaOrNamesMap,
    Types,
}

const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

/// The first rule that a schema breaks.
pub(crate) fn check(schema: &Value) -> Result<(), SchemaProblem> {
    let mut place = String::new();
    let named = schema.get("$schema").and_then(Value::as_str);
    match named.map(|uri| uri.trim_end_matches('#')) {
        None
        | Some(
            "http://json-schema.org/draft-07/schema"
            | "https://json-schema.org/draft-07/schema"
            | "http://json-schema.org/draft-06/schema"
            | "http://json-schema.org/schema",
        ) => walk(schema, Draft::Seven, &mut place),
        Some("http://json-schema.org/draft-04/schema") => walk(schema, Draft::Four, &mut place),
        Some(
            "https://json-schema.org/draft/2019-09/schema"
            | "https://json-schema.org/draft/2020-12/schema",
        ) => walk(schema, Draft::Modern, &mut place),
        Some(_unknown) => Ok(()),
    }
    .map_err(|rule| SchemaProblem { place, rule })
}

/// On failure, `place` leads to the problem.
fn walk(schema: &Value, draft: Draft, place: &mut String) -> Result<(), &'static str> {
    let members = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(members) => members,
        _ => return Err("must be a JSON Schema: an object or a boolean"),
    };
    for (keyword, value) in members {
        if let Some(rule) = rule_of(keyword, draft) {
            within(place, keyword, |place| apply(rule, value, draft, place))?;
        }
    }
    Ok(())
}

/// Looks at a part; `place` is as before only when it is in order.
fn within(
    place: &mut String,
    part: &str,
    look: impl FnOnce(&mut String) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let before = place.len();
    place.push('/');
    place.push_str(&part.replace('~', "~0").replace('/', "~1"));
    look(place)?;
    place.truncate(before);
    Ok(())
}

fn rule_of(keyword: &str, draft: Draft) -> Option<Rule> {
    Some(match keyword {
        "$id" | "$schema" | "$ref" | "$comment" | "title" | "description" | "pattern"
        | "format" | "contentMediaType" | "contentEncoding" => Rule::Text,
        "exclusiveMaximum" | "exclusiveMinimum" if draft == Draft::Four => Rule::Flag,
        "readOnly" | "writeOnly" | "uniqueItems" => Rule::Flag,
        "maximum" | "minimum" | "exclusiveMaximum" | "exclusiveMinimum" => Rule::Number,
        "multipleOf" => Rule::Positive,
        "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties" => {
            Rule::Count
        }
        "examples" | "enum" => Rule::List,
        "additionalItems"
        | "contains"
        | "additionalProperties"
        | "propertyNames"
        | "if"
        | "then"
        | "else"
        | "not" => Rule::Schema,
        "items" => Rule::SchemaOrSchemas,
        "allOf" | "anyOf" | "oneOf" => Rule::Schemas,
        "properties" | "patternProperties" | "definitions" => Rule::SchemaMap,
        "dependencies" => Rule::SchemaOrNamesMap,
        "required" => Rule::Names,
        "type" => Rule::Types,
        _ if draft != Draft::Modern => return None,
        "$anchor" => Rule::Text,
        "deprecated" => Rule::Flag,
        "maxContains" | "minContains" => Rule::Count,
        "unevaluatedItems" | "unevaluatedProperties" | "contentSchema" => Rule::Schema,
        "prefixItems" => Rule::Schemas,
        "$defs" | "dependentSchemas" => Rule::SchemaMap,
        "dependentRequired" => Rule::NamesMap,
        _ => return None,
    })
}

fn apply(rule: Rule, value: &Value, draft: Draft, place: &mut String) -> Result<(), &'static str> {
    let must = |holds: bool, rule| if holds { Ok(()) } else { Err(rule) };
    match rule {
        Rule::Text => must(value.is_string(), "must be a string"),
        Rule::Flag => must(value.is_boolean(), "must be a boolean"),
        Rule::Number => must(value.is_number(), "must be a number"),
        Rule::Count => must(is_count(value), "must be a whole number, not negative"),
        Rule::Positive => {
            let positive = value.as_f64().is_some_and(|number| number > 0.0);
            must(positive, "must be a number greater than 0")
        }
        Rule::List => must(value.is_array(), "must be an array"),
        Rule::Types => must(
            are_types(value),
            "must be a type, or an array of unique types",
        ),
        Rule::Names => must(are_names(value), "must be an array of unique strings"),
        Rule::Schema => walk(value, draft, place),
        Rule::Schemas => each(value, draft, place),
        Rule::SchemaOrSchemas if value.is_array() => each(value, draft, place),
        Rule::SchemaOrSchemas => walk(value, draft, place),
        Rule::SchemaMap => in_map(value, place, |member, place| walk(member, draft, place)),
        Rule::NamesMap => in_map(value, place, |member, _| {
            must(are_names(member), "must be an array of unique strings")
        }),
        Rule::SchemaOrNamesMap => in_map(value, place, |member, place| match member {
            Value::Array(_) => must(are_names(member), "must be an array of unique strings"),
            member => walk(member, draft, place),
        }),
    }
}

fn each(value: &Value, draft: Draft, place: &mut String) -> Result<(), &'static str> {
    let Some(schemas) = value.as_array().filter(|schemas| !schemas.is_empty()) else {
        return Err("must be an array of JSON Schemas that is not empty");
    };
    for (index, schema) in schemas.iter().enumerate() {
        within(place, &index.to_string(), |place| {
            walk(schema, draft, place)
        })?;
    }
    Ok(())
}

fn in_map(
    value: &Value,
    place: &mut String,
    look: impl Fn(&Value, &mut String) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let members: &Map<String, Value> = value.as_object().ok_or("must be an object")?;
    for (name, member) in members {
        within(place, name, |place| look(member, place))?;
    }
    Ok(())
}

fn is_count(value: &Value) -> bool {
    value.as_u64().is_some()
        || value
            .as_f64()
            .is_some_and(|number| number >= 0.0 && number.fract() == 0.0)
}

fn are_types(value: &Value) -> bool {
    let is_type = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
    match value {
        Value::Array(names) => !names.is_empty() && names.iter().all(is_type) && are_unique(names),
        name => is_type(name),
    }
}

fn are_names(value: &Value) -> bool {
    let names = value.as_array();
    names.is_some_and(|names| names.iter().all(Value::is_string) && are_unique(names))
}

fn are_unique(names: &[Value]) -> bool {
    let mut seen = std::collections::HashSet::new();
    names.iter().all(|name| seen.insert(name.as_str()))
}

#[cfg(test)]
mod tests;
