//! Checks of what callers set. All fields are looked at before the answer, so that nobody mends a
//! request one error at a time.

use std::fmt::Display;

use posthorn_event_schema::{Channel, EventType, Uid};
use posthorn_public_http::{ApiError, Problem};
use posthorn_store::application::Metadata;

/// Longest name of an application, in bytes.
const MAX_NAME_LEN: usize = 4_096;
/// Longest note, in bytes.
const MAX_DESCRIPTION_LEN: usize = 4_096;
/// Most bytes of metadata as JSON. *Source*: Svix's API.
const MAX_METADATA_LEN: usize = 4_096;
/// Most channels of an endpoint. *Source*: Svix's API.
const MAX_CHANNELS: usize = 10;
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
