//! The rules of a message's fields. Each notes the problems that it finds.

use bytes::Bytes;
use posthorn_event_schema::{Channel, ProducerKey, Timestamp, json_depth};
use serde_json::value::RawValue;

use super::{MAX_CHANNELS, MAX_DELIVER_AHEAD, MAX_RETENTION_DAYS, MAX_TAG_LEN, MAX_TAGS, Problem};

pub(super) fn keep<T, E: ToString>(
    result: Result<T, E>,
    field: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    result
        .map_err(|error| problems.push(Problem::new(field, error.to_string())))
        .ok()
}

pub(super) fn event_id(text: &str, problems: &mut Vec<Problem>) -> Option<ProducerKey> {
    if text.starts_with("msg_") {
        problems.push(Problem::new("eventId", "must not begin with `msg_`"));
        return None;
    }
    keep(ProducerKey::parse(text), "eventId", problems)
}

pub(super) fn channels(channels: Option<Vec<String>>, problems: &mut Vec<Problem>) -> Vec<Channel> {
    let channels = channels.unwrap_or_default();
    if channels.len() > MAX_CHANNELS {
        problems.push(Problem::new(
            "channels",
            format!("must have at most {MAX_CHANNELS} items"),
        ));
        return Vec::new();
    }
    let mut checked = Vec::with_capacity(channels.len());
    for (index, text) in channels.iter().enumerate() {
        match Channel::parse(text) {
            Ok(channel) => checked.push(channel),
            Err(error) => problems.push(Problem::item("channels", index, &error)),
        }
    }
    checked
}

pub(super) fn tags(tags: Option<Vec<String>>, problems: &mut Vec<Problem>) -> Vec<String> {
    let tags = tags.unwrap_or_default();
    if tags.len() > MAX_TAGS {
        problems.push(Problem::new(
            "tags",
            format!("must have at most {MAX_TAGS} items"),
        ));
        return Vec::new();
    }
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-_./\\#".contains(&c);
    for (index, tag) in tags.iter().enumerate() {
        if tag.is_empty() || tag.len() > MAX_TAG_LEN || !tag.bytes().all(allowed) {
            let rule = format!(
                "must have 1 to {MAX_TAG_LEN} letters, digits, `-`, `_`, `.`, `/`, `\\` or `#`"
            );
            problems.push(Problem::item("tags", index, &rule));
        }
    }
    tags
}

pub(super) fn deliver_at(
    text: &str,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Option<Timestamp> {
    let at = moment(text, "deliverAt", problems)?;
    if at.since(now) > MAX_DELIVER_AHEAD {
        problems.push(Problem::new("deliverAt", "must be at most 24 hours ahead"));
    }
    Some(at)
}

pub(super) fn expires_at(
    text: &str,
    begins: Timestamp,
    problems: &mut Vec<Problem>,
) -> Option<Timestamp> {
    let at = moment(text, "expiresAt", problems)?;
    if at <= begins {
        let rule = "must be later than now, and than `deliverAt`";
        problems.push(Problem::new("expiresAt", rule));
    }
    Some(at)
}

fn moment(text: &str, field: &str, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let at = Timestamp::parse_rfc3339(text);
    if at.is_none() {
        let rule = "must be a time such as 2026-01-31T12:00:00Z";
        problems.push(Problem::new(field, rule));
    }
    at
}

pub(super) fn retention(days: Option<u32>, hours: Option<u32>, problems: &mut Vec<Problem>) -> u32 {
    let max_hours = MAX_RETENTION_DAYS * 24;
    match (days, hours) {
        (Some(days), _) if !(1..=MAX_RETENTION_DAYS).contains(&days) => {
            let rule = format!("must be between 1 and {MAX_RETENTION_DAYS} days");
            problems.push(Problem::new("payloadRetentionPeriod", rule));
        }
        (_, Some(hours)) if !(1..=max_hours).contains(&hours) => {
            let rule = format!("must be between 1 and {max_hours} hours");
            problems.push(Problem::new("payloadRetentionHours", rule));
        }
        (_, Some(hours)) => return hours,
        (Some(days), None) => return days * 24,
        (None, None) => {}
    }
    max_hours
}

/// The bytes to deliver: the raw payload where an SDK sends one (the JVM's always do), else the
/// text of `payload` as it came.
pub(super) fn payload(
    payload: &RawValue,
    raw: Option<String>,
    problems: &mut Vec<Problem>,
) -> Bytes {
    let text = payload.get();
    if !text.starts_with('{') {
        problems.push(Problem::new("payload", "Payload must be an object."));
    }
    if json_depth::exceeds_limit(text) {
        let rule = format!(
            "is nested deeper than {} levels",
            json_depth::MAX_JSON_DEPTH
        );
        problems.push(Problem::new("payload", rule));
    }
    raw.map_or_else(|| Bytes::copy_from_slice(text.as_bytes()), Bytes::from)
}
