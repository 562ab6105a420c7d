//! Schemas that are none, and such that are.

use serde_json::json;

use super::*;

fn place(schema: &Value) -> String {
    check(schema).unwrap_err().place
}

#[test]
fn ordinary_schemas_are_schemas() {
    for schema in [
        json!(true),
        json!({}),
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string", "minLength": 1.0, "pattern": "^a"},
                "age": {"type": ["integer", "null"], "exclusiveMinimum": 0, "multipleOf": 0.5},
                "list": {"items": [{"const": null}, false], "additionalItems": {"enum": [1, "a"]}},
            },
            "dependencies": {"a": ["b"], "c": {"minProperties": 2}},
            "definitions": {"a/b": {"$ref": "#"}},
            "anyOf": [{"not": {}}],
            "x-of-ours": {"type": 7},
        }),
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "exclusiveMinimum": true}),
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema",
               "$defs": {"a": {"dependentRequired": {"b": ["c"]}}}}),
        // Whatever a draft that we do not know makes of it.
        json!({"$schema": "https://example.com/own", "type": 7}),
        // No keyword of draft 7.
        json!({"prefixItems": 7}),
    ] {
        assert_eq!(check(&schema), Ok(()), "{schema}");
    }
}

#[test]
fn the_place_of_a_mistake_is_told() {
    let cases = [
        (json!(7), ""),
        (json!({"type": "text"}), "/type"),
        (json!({"type": []}), "/type"),
        (json!({"type": ["null", "null"]}), "/type"),
        (json!({"required": "id"}), "/required"),
        (json!({"required": ["a", "a"]}), "/required"),
        (json!({"properties": []}), "/properties"),
        (
            json!({"properties": {"a/b~": {"minLength": -1}}}),
            "/properties/a~1b~0/minLength",
        ),
        (
            json!({"items": [{}, {"minItems": 1.5}]}),
            "/items/1/minItems",
        ),
        (json!({"allOf": []}), "/allOf"),
        (json!({"exclusiveMinimum": true}), "/exclusiveMinimum"),
        (json!({"multipleOf": 0}), "/multipleOf"),
        (json!({"enum": "a"}), "/enum"),
        (json!({"dependencies": {"a": [1]}}), "/dependencies/a"),
        (json!({"if": {"then": []}}), "/if/then"),
        (json!({"uniqueItems": "yes"}), "/uniqueItems"),
        (json!({"title": null}), "/title"),
    ];
    for (schema, expected) in cases {
        assert_eq!(place(&schema), expected, "{schema}");
    }
    let modern = json!({"$schema": "https://json-schema.org/draft/2020-12/schema",
                        "prefixItems": 7});
    assert_eq!(place(&modern), "/prefixItems");
}
