//! Checks of what callers set. All fields are looked at before the answer, so that nobody mends a
//! request one error at a time.

use std::fmt::Display;

use posthorn_event_schema::{Channel, EventType, Timestamp, Uid};
use posthorn_public_http::{ApiError, Problem};
use posthorn_store::application::Metadata;
use serde_json::Value;

use crate::endpoint_url::UrlProblem;
use crate::json_schema;

/// Longest name of an application, in bytes.
const MAX_NAME_LEN: usize = 4_096;
/// Longest note, in bytes.
const MAX_DESCRIPTION_LEN: usize = 4_096;
/// Most bytes of metadata as JSON. *Source*: Svix's API.
const MAX_METADATA_LEN: usize = 4_096;
/// Most channels of an endpoint. *Source*: Svix's API.
const MAX_CHANNELS: usize = 10;
/// Most feature flags of an event type.
const MAX_FLAGS: usize = 50;
/// Longest feature flag or name of a group, in bytes. *Source*: Svix's hosted API.
const MAX_LABEL_LEN: usize = 256;
/// Most bytes of an event type's JSON Schemas: a page of a list may hold 250 of them.
const MAX_SCHEMAS_LEN: usize = 128 * 1_024;
/// Most event types that an endpoint may name.
const MAX_EVENT_TYPES: usize = 1_000;

/// The problems found so far in a body.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<Problem>);

impl Fields {
    /// Notes that a field breaks a rule.
    pub(crate) fn note(&mut self, field: &str, rule: impl Into<String>) {
        self.note_as(field, rule, "value_error");
    }

    /// As [`Fields::note`], with the rule as one word.
    pub(crate) fn note_as(&mut self, field: &str, rule: impl Into<String>, kind: &str) {
        self.0.push(Problem::new(["body", field], rule, kind));
    }

    /// Notes that an item of a list, or a member of a map, breaks a rule.
    pub(crate) fn note_at(
        &mut self,
        field: &str,
        item: String,
        rule: impl Into<String>,
        kind: &str,
    ) {
        self.0.push(Problem::new(
            ["body".to_owned(), field.to_owned(), item],
            rule,
            kind,
        ));
    }

    /// Notes what is wrong with a URL.
    pub(crate) fn url(&mut self, field: &str, problem: UrlProblem) {
        self.note_as(field, problem.to_string(), problem.code());
    }

    /// The value, or a note why it is none.
    pub(crate) fn keep<T, E: Display>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.note(field, error.to_string()))
            .ok()
    }

    /// Ends the checks.
    ///
    /// # Errors
    /// 422 with everything that was noted.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.0))
        }
    }

    /// A moment.
    pub(crate) fn moment(&mut self, field: &str, text: &str) -> Option<Timestamp> {
        let moment = Timestamp::parse_rfc3339(text);
        self.keep(field, moment.ok_or("must be an RFC 3339 time"))
    }

    /// A uid, which must not look like an id.
    pub(crate) fn uid(&mut self, uid: Option<String>, prefix: &'static str) -> Option<Uid> {
        uid.and_then(|text| self.keep("uid", Uid::parse_beside(&text, prefix)))
    }

    /// A name of people's own.
    pub(crate) fn name(&mut self, name: &str) {
        if name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(|c| c <= '\u{8}') {
            let rule = format!("must have 1 to {MAX_NAME_LEN} bytes without control characters");
            self.note("name", rule);
        }
    }

    /// A note of people's own.
    pub(crate) fn description(&mut self, description: &str) {
        if description.len() > MAX_DESCRIPTION_LEN || description.contains('\0') {
            self.note(
                "description",
                format!("must have at most {MAX_DESCRIPTION_LEN} bytes"),
            );
        }
    }

    /// A feature flag or the name of a group.
    pub(crate) fn label(&mut self, field: &str, label: &str) {
        if label.is_empty() || label.len() > MAX_LABEL_LEN || label.contains(char::is_control) {
            let rule = format!("must have 1 to {MAX_LABEL_LEN} bytes without control characters");
            self.note(field, rule);
        }
    }

    /// Feature flags in either spelling; none and null mean that everybody sees it.
    pub(crate) fn flags(
        &mut self,
        list: Option<Vec<String>>,
        one: Option<String>,
    ) -> Option<Vec<String>> {
        let list = list.filter(|flags| !flags.is_empty());
        let mut flags = list.or_else(|| one.map(|flag| vec![flag]))?;
        if flags.len() > MAX_FLAGS {
            self.note(
                "featureFlags",
                format!("must have at most {MAX_FLAGS} items"),
            );
            return None;
        }
        for flag in &flags {
            self.label("featureFlags", flag);
        }
        let mut seen = std::collections::HashSet::new();
        flags.retain(|flag| seen.insert(flag.clone()));
        Some(flags)
    }

    /// JSON Schemas by version.
    pub(crate) fn schemas(&mut self, schemas: &Value) {
        let Value::Object(versions) = schemas else {
            return self.note("schemas", "must be an object of JSON Schemas by version");
        };
        for (version, schema) in versions {
            if let Err(problem) = json_schema::check(schema) {
                let place = format!("{version}{}", problem.place);
                self.note_at("schemas", place, problem.rule, "value_error");
            }
        }
        if schemas.to_string().len() > MAX_SCHEMAS_LEN || has_nul(schemas) {
            let rule = format!("must have at most {MAX_SCHEMAS_LEN} bytes and no NUL characters");
            self.note("schemas", rule);
        }
    }

    /// A rate in either spelling.
    pub(crate) fn rate(&mut self, rate: Option<u16>) -> Option<u16> {
        if rate == Some(0) {
            self.note("throttleRate", "must be at least 1");
        }
        rate
    }

    /// The customer's notes.
    pub(crate) fn metadata(&mut self, metadata: &Metadata) {
        let length = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
        let has_nul = metadata
            .iter()
            .any(|(k, v)| k.contains('\0') || v.contains('\0'));
        if length > MAX_METADATA_LEN || has_nul {
            self.note(
                "metadata",
                format!("must have at most {MAX_METADATA_LEN} bytes as JSON"),
            );
        }
    }

    /// Types to receive; none and null mean all.
    pub(crate) fn event_types(&mut self, names: Option<Vec<String>>) -> Option<Vec<EventType>> {
        self.list("eventTypes", names, MAX_EVENT_TYPES, EventType::parse)
    }

    /// Channels to receive; none and null mean all.
    pub(crate) fn channels(&mut self, names: Option<Vec<String>>) -> Option<Vec<Channel>> {
        self.list("channels", names, MAX_CHANNELS, Channel::parse)
    }

    fn list<T: Ord, E: Display>(
        &mut self,
        field: &str,
        names: Option<Vec<String>>,
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let names = names.filter(|names| !names.is_empty())?;
        if names.len() > most {
            self.note(field, format!("must have at most {most} items"));
            return None;
        }
        let mut values = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            match parse(name) {
                Ok(value) => values.push(value),
                Err(error) => {
                    self.note_at(
                        field,
                        format!("[{index}]"),
                        error.to_string(),
                        "value_error",
                    );
                }
            }
        }
        values.sort();
        values.dedup();
        Some(values)
    }
}

/// PostgreSQL stores no text with a NUL, not even within JSON.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, member)| name.contains('\0') || has_nul(member)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::ApplicationId;
    use serde_json::json;

    use super::*;

    /// The places of the problems that a check notes.
    fn places(check: impl FnOnce(&mut Fields)) -> Vec<String> {
        let mut fields = Fields::default();
        check(&mut fields);
        fields
            .0
            .iter()
            .map(|problem| problem.loc.join("."))
            .collect()
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let found = places(|fields| {
            fields.name("");
            fields.rate(Some(0));
            fields.uid(Some("app_mine".to_owned()), ApplicationId::PREFIX);
            fields.channels(Some(vec!["a".to_owned(), "b c".to_owned()]));
        });
        assert_eq!(
            found,
            [
                "body.name",
                "body.throttleRate",
                "body.uid",
                "body.channels.[1]"
            ]
        );
    }

    #[test]
    fn an_empty_list_means_all_and_a_list_is_a_set() {
        let mut fields = Fields::default();
        assert_eq!(fields.event_types(Some(Vec::new())), None);
        let twice = ["b", "a", "b"].map(str::to_owned).to_vec();
        let kept = fields.event_types(Some(twice)).unwrap();
        assert_eq!(
            kept.iter().map(EventType::as_str).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn schemas_are_objects_by_version_that_the_database_takes() {
        for good in [json!({}), json!({"1": {"type": "object"}, "2": true})] {
            assert!(places(|fields| fields.schemas(&good)).is_empty(), "{good}");
        }
        let long = "x".repeat(MAX_SCHEMAS_LEN);
        for bad in [
            json!("text"),
            json!([{}]),
            json!({"1": {"title": "a\0"}}),
            json!({"1": {"\0": 1}}),
            json!({"1": {"title": long}}),
        ] {
            assert_eq!(places(|fields| fields.schemas(&bad)), ["body.schemas"]);
        }
        let no_schemas = json!({"1": {"type": "text"}, "2": 7});
        assert_eq!(
            places(|fields| fields.schemas(&no_schemas)),
            ["body.schemas.1/type", "body.schemas.2"]
        );
    }

    #[test]
    fn feature_flags_come_in_either_spelling_and_in_their_order() {
        let mut fields = Fields::default();
        let texts =
            |flags: &[&str]| Some(flags.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>());
        let old = || Some("old".to_owned());
        let kept = fields.flags(texts(&["b", "a", "b"]), old());
        assert_eq!(kept, texts(&["b", "a"]));
        assert_eq!(fields.flags(Some(Vec::new()), old()), texts(&["old"]));
        assert_eq!(fields.flags(None, None), None);
        let bad = texts(&["a", ""]);
        assert_eq!(
            places(|fields| drop(fields.flags(bad, None))),
            ["body.featureFlags"]
        );
    }

    #[test]
    fn no_text_that_the_database_refuses_is_kept() {
        let found = places(|fields| {
            fields.name("a\0");
            fields.description("a\0");
            fields.metadata(&[("a".to_owned(), "\0".to_owned())].into());
            fields.label("featureFlag", "a\0");
            fields.label("groupName", "");
        });
        let fields = [
            "name",
            "description",
            "metadata",
            "featureFlag",
            "groupName",
        ];
        assert_eq!(found, fields.map(|field| format!("body.{field}")));
    }
}
