//! How an event becomes a line: JSON for machines, plain text for people.
//!
//! Pure: the time and everything else comes in with the record.

use std::fmt::Write;

use serde_json::Value;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tracing::Level;

/// RFC 3339 in UTC with microseconds, always as long, so that lines sort by time as text.
const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The time of day, which is enough for a person who looks on.
const TIME_OF_DAY: &[BorrowedFormatItem<'_>] =
    format_description!("[hour]:[minute]:[second].[subsecond digits:3]");

/// Names that every JSON line has; a field of the same name is shown as `field.<name>`.
const RESERVED: [&str; 7] = [
    "ts", "level", "service", "msg", "trace_id", "span_id", "target",
];

/// A field of an event or a span.
pub(super) type Field = (&'static str, Value);

/// What a line says.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) at: OffsetDateTime,
    pub(super) level: Level,
    pub(super) service: &'a str,
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    /// The trace id and the span id, in hexadecimal.
    pub(super) trace: Option<(String, String)>,
    /// The event's fields, then those of its spans from the inside out; names do not repeat.
    pub(super) fields: &'a [Field],
}

/// Renders `{"ts":…,"level":…,"service":…,"msg":…,"trace_id":…,"span_id":…,…}` and a newline.
pub(super) fn json(record: &Record<'_>) -> String {
    let mut line = String::with_capacity(256);
    line.push_str("{\"ts\":\"");
    push_time(&mut line, record.at, TIMESTAMP);
    line.push_str("\",\"level\":\"");
    line.push_str(level_name(record.level));
    line.push('"');
    push_text(&mut line, "service", record.service);
    push_text(&mut line, "msg", record.message);
    if let Some((trace_id, span_id)) = &record.trace {
        push_text(&mut line, "trace_id", trace_id);
        push_text(&mut line, "span_id", span_id);
    }
    push_text(&mut line, "target", record.target);
    for (name, value) in record.fields {
        if RESERVED.contains(name) {
            push_member(&mut line, &format!("field.{name}"), value);
        } else {
            push_member(&mut line, name, value);
        }
    }
    line.push_str("}\n");
    line
}

/// Renders `12:31:05.123  INFO posthorn_sender: attempt finished status=200` and a newline.
pub(super) fn pretty(record: &Record<'_>, colours: bool) -> String {
    let paint = |colour: &'static str| if colours { colour } else { "" };
    let (plain, dim) = (paint("\x1b[0m"), paint("\x1b[2m"));
    let mut line = String::with_capacity(160);
    line.push_str(dim);
    push_time(&mut line, record.at, TIME_OF_DAY);
    let (level, colour) = (
        level_name(record.level).to_ascii_uppercase(),
        level_colour(record),
    );
    // Writing to a string does not fail.
    write!(
        line,
        "{plain} {}{level:>5}{plain} {dim}{}:{plain} {}",
        paint(colour),
        record.target,
        escaped(record.message),
    )
    .ok();
    for (name, value) in record.fields {
        let text = match value {
            Value::String(text) => quoted_if_needed(text),
            other => other.to_string(),
        };
        write!(line, " {dim}{name}={plain}{text}").ok();
    }
    line.push('\n');
    line
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn level_colour(record: &Record<'_>) -> &'static str {
    match record.level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[34m",
    }
}

fn push_time(line: &mut String, at: OffsetDateTime, form: &[BorrowedFormatItem<'_>]) {
    // A date that cannot be printed (year 10,000) is no reason to lose the line.
    line.push_str(&at.format(form).unwrap_or_default());
}

fn push_text(line: &mut String, name: &str, text: &str) {
    push_member(line, name, &Value::from(text));
}

/// Appends `,"name":value`.
fn push_member(line: &mut String, name: &str, value: &Value) {
    let name = Value::from(name);
    write!(line, ",{name}:{value}").ok();
}

/// Keeps a text on its line, so that nobody can forge the next one.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
    }
    safe
}

fn quoted_if_needed(text: &str) -> String {
    let is_plain = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '"';
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("{text:?}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn record<'a>(message: &'a str, fields: &'a [Field]) -> Record<'a> {
        Record {
            at: datetime!(2026-01-02 03:04:05.006007 UTC),
            level: Level::INFO,
            service: "posthorn-sender",
            target: "posthorn_sender::handle",
            message,
            trace: None,
            fields,
        }
    }

    #[test]
    fn a_json_line_has_the_fixed_members_first() {
        let fields = [
            ("posthorn.event.id", json!("event_1")),
            ("duration_ms", json!(12)),
        ];
        let traced = Record {
            trace: Some(("0af7".to_owned(), "b7ad".to_owned())),
            ..record("attempt finished", &fields)
        };

        let expected = concat!(
            r#"{"ts":"2026-01-02T03:04:05.006007Z","level":"info","service":"posthorn-sender","#,
            r#""msg":"attempt finished","trace_id":"0af7","span_id":"b7ad","#,
            r#""target":"posthorn_sender::handle","posthorn.event.id":"event_1","duration_ms":12}"#,
            "\n"
        );
        assert_eq!(json(&traced), expected);
    }

    #[test]
    fn a_json_line_stays_valid_whatever_is_in_it() {
        let fields = [("level", json!("\u{1b}[31m\n\"")), ("ratio", json!(0.5))];

        let line = json(&record("two\nlines", &fields));

        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["msg"], "two\nlines");
        assert_eq!(parsed["level"], "info");
        assert_eq!(parsed["field.level"], "\u{1b}[31m\n\"");
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn a_pretty_line_is_plain_without_colours() {
        let fields = [("status", json!(200)), ("reason", json!("gone for good"))];

        let line = pretty(&record("attempt finished", &fields), false);

        let expected = "03:04:05.006  INFO posthorn_sender::handle: attempt finished \
                        status=200 reason=\"gone for good\"\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_pretty_line_stays_one_line_without_foreign_colours() {
        let fields = [("reason", json!("x\n\u{1b}[31mERROR"))];

        let line = pretty(&record("two\nlines", &fields), false);

        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }

    #[test]
    fn colours_end_where_they_began() {
        let line = pretty(&record("attempt finished", &[]), true);

        assert!(
            line.starts_with("\x1b[2m03:04:05.006\x1b[0m \x1b[32m INFO\x1b[0m "),
            "{line:?}"
        );
    }
}
