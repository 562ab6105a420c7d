//! The filters that lists of messages, of attempts and of endpoints have in common.

use posthorn_event_schema::{Channel, EventType, Timestamp};
use posthorn_public_http::{ApiError, QueryParams};
use posthorn_store::endpoint::EndpointFilter;
use posthorn_store::history::{AttemptFilter, Content, EventFilter};

use crate::paging::invalid_query;
use crate::public::attempt::Status;

/// Classes of HTTP statuses that attempts can be filtered by; 0 = no HTTP answer came.
const STATUS_CLASSES: [&str; 6] = ["0", "100", "200", "300", "400", "500"];

/// Whether payloads or responses are to be part of the answer: yes, unless refused.
pub(crate) fn content(query: &QueryParams) -> Result<Content, ApiError> {
    if flag(query, "with_content", true)? {
        Ok(Content::Read)
    } else {
        Ok(Content::Skip)
    }
}

/// Whether a message's trace is to be part of the answer: no, unless asked for.
pub(crate) fn with_trace(query: &QueryParams) -> Result<bool, ApiError> {
    flag(query, "with_trace", false)
}

/// Whether the caller knows the status `canceled`.
pub(crate) fn expanded(query: &QueryParams) -> Result<bool, ApiError> {
    flag(query, "expanded_statuses", false)
}

/// Reads a parameter that is `true` or `false`.
pub(crate) fn flag(query: &QueryParams, name: &str, default: bool) -> Result<bool, ApiError> {
    match query.one(name) {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(wrong_type(name, "`true` or `false`")),
    }
}

/// Longest text that endpoints are searched for, in characters.
const MAX_SEARCH: usize = 256;

/// Reads which endpoints to list.
pub(crate) fn endpoints(query: &QueryParams) -> Result<EndpointFilter, ApiError> {
    let text = query.one("search").map(str::trim);
    let text = text.filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.chars().count() > MAX_SEARCH || text.contains('\0')) {
        let rule = format!("must have at most {MAX_SEARCH} characters, none of them NUL");
        return Err(invalid_query("search", rule));
    }
    let disabled = match query.one("disabled") {
        None => None,
        Some(_) => Some(flag(query, "disabled", false)?),
    };
    Ok(EndpointFilter {
        text: text.map(str::to_owned),
        disabled,
    })
}

/// Reads which messages to list.
pub(crate) fn events(query: &QueryParams) -> Result<EventFilter, ApiError> {
    Ok(EventFilter {
        event_types: event_types(query)?,
        channels: channels(query)?,
        tag: query.one("tag").map(str::to_owned),
        before: moment(query, "before")?,
        after: moment(query, "after")?,
    })
}

/// Reads which attempts to list.
pub(crate) fn attempts(query: &QueryParams) -> Result<AttemptFilter, ApiError> {
    let status = status(query)?;
    Ok(AttemptFilter {
        states: status.map(Status::attempt_states).unwrap_or_default(),
        status_class: status_class(query)?,
        event_types: event_types(query)?,
        channels: channels(query)?,
        tag: query.one("tag").map(str::to_owned),
        before: moment(query, "before")?,
        after: moment(query, "after")?,
        endpoint: None,
    })
}

/// Reads the status to filter by.
pub(crate) fn status(query: &QueryParams) -> Result<Option<Status>, ApiError> {
    let Some(text) = query.one("status") else {
        return Ok(None);
    };
    let status = Status::from_code(text);
    status
        .map(Some)
        .ok_or_else(|| invalid_query("status", "must be a number from 0 to 4"))
}

fn status_class(query: &QueryParams) -> Result<Option<u8>, ApiError> {
    let Some(text) = query.one("status_code_class") else {
        return Ok(None);
    };
    let class = STATUS_CLASSES.iter().position(|class| *class == text);
    match class.and_then(|class| u8::try_from(class).ok()) {
        Some(class) => Ok(Some(class)),
        None => Err(invalid_query(
            "status_code_class",
            "must be 0, 100, 200, 300, 400 or 500",
        )),
    }
}

/// Reads types of events.
pub(crate) fn event_types(query: &QueryParams) -> Result<Vec<EventType>, ApiError> {
    let names = query.list("event_types");
    let parsed = names.iter().map(|name| EventType::parse(name));
    parsed
        .collect::<Result<_, _>>()
        .map_err(|rule| invalid_query("event_types", rule.to_string()))
}

fn channels(query: &QueryParams) -> Result<Vec<Channel>, ApiError> {
    let parsed = query.one("channel").map(Channel::parse).transpose();
    let channel = parsed.map_err(|rule| invalid_query("channel", rule.to_string()))?;
    Ok(channel.into_iter().collect())
}

/// Reads a moment.
pub(crate) fn moment(query: &QueryParams, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = query.one(name) else {
        return Ok(None);
    };
    match Timestamp::parse_rfc3339(text) {
        Some(moment) => Ok(Some(moment)),
        None => Err(wrong_type(name, "an RFC 3339 time")),
    }
}

fn wrong_type(name: &str, expected: &str) -> ApiError {
    let detail = format!("Failed to deserialize query string: {name}: expected {expected}");
    ApiError::bad_request("generic_error", detail)
}

#[cfg(test)]
mod tests {
    use posthorn_store::history::DeliveryState;

    use super::*;

    #[test]
    fn attempts_are_filtered_in_svixs_words() {
        let query = "status=2&status_code_class=500&channel=a&tag=t&event_types=a.b,c\
                     &after=2026-01-01T00:00:00Z";
        let filter = attempts(&QueryParams::parse(query)).unwrap();
        assert_eq!(
            filter.states,
            [DeliveryState::Waiting, DeliveryState::Exhausted]
        );
        assert_eq!(filter.status_class, Some(5));
        assert_eq!(filter.event_types.len(), 2);
        assert_eq!(filter.channels.len(), 1);
        assert_eq!(filter.tag.as_deref(), Some("t"));
        assert!(filter.after.is_some() && filter.before.is_none());
    }

    #[test]
    fn wrong_filters_are_refused() {
        let cases = [
            ("status=5", 422),
            ("status_code_class=404", 422),
            ("event_types=a%20b", 422),
            ("channel=a%20b", 422),
            ("before=yesterday", 400),
        ];
        for (query, status) in cases {
            let refused = attempts(&QueryParams::parse(query)).unwrap_err();
            assert_eq!(refused.status(), status, "{query}");
        }
        assert_eq!(
            content(&QueryParams::parse("with_content=2"))
                .unwrap_err()
                .status(),
            400
        );
    }
}
