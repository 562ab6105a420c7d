//! OTLP's nested export (resource, scope, span) as a flat list of spans that reads well in a test.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1 as otlp,
};

/// One span, with what its resource says about the process.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// `service.name` of the process; empty when it said none.
    pub service: String,
    /// The other attributes of the process.
    pub resource: BTreeMap<String, String>,
    /// The instrumentation scope, for `tracing` its target's crate.
    pub scope: String,
    /// The span's name.
    pub name: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// 16 hexadecimal digits; `None` for the root of a trace.
    pub parent_id: Option<String>,
    /// What role the span plays.
    pub kind: SpanKind,
    /// Whether it went well.
    pub status: SpanStatus,
    /// Its attributes; numbers and booleans as text, lists in brackets.
    pub attributes: BTreeMap<String, String>,
    /// Spans of other traces that it belongs to.
    pub links: Vec<SpanLink>,
    /// The names of its events.
    pub events: Vec<String>,
    /// When it began.
    pub started_at: SystemTime,
    /// How long it took.
    pub duration: Duration,
}

impl Span {
    /// An attribute's value as text.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).map(String::as_str)
    }

    /// Whether this span was started directly below `parent`, in the same trace.
    #[must_use]
    pub fn is_child_of(&self, parent: &Span) -> bool {
        self.trace_id == parent.trace_id && self.parent_id.as_ref() == Some(&parent.span_id)
    }

    /// Whether this span has a link to `other`.
    #[must_use]
    pub fn links_to(&self, other: &Span) -> bool {
        let same =
            |link: &SpanLink| link.trace_id == other.trace_id && link.span_id == other.span_id;
        self.links.iter().any(same)
    }
}

/// A reference from one span to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanLink {
    /// The other span's trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// The other span, 16 hexadecimal digits.
    pub span_id: String,
    /// The link's attributes.
    pub attributes: BTreeMap<String, String>,
}

/// What role a span plays between processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Not said.
    Unspecified,
    /// Work inside a process.
    Internal,
    /// Answers a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

/// Whether a span's work went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanStatus {
    /// Not said, which counts as well.
    Unset,
    /// Said to be well.
    Ok,
    /// Failed, with the description.
    Error(String),
}

/// All spans of an export, in its order.
pub(super) fn spans(export: ExportTraceServiceRequest) -> Vec<Span> {
    let mut flat = Vec::new();
    for of_process in export.resource_spans {
        let mut resource = map(of_process.resource.unwrap_or_default().attributes);
        let service = resource.remove("service.name").unwrap_or_default();
        for of_scope in of_process.scope_spans {
            let scope = of_scope.scope.unwrap_or_default().name;
            for span in of_scope.spans {
                flat.push(flatten(span, &service, &resource, &scope));
            }
        }
    }
    flat
}

fn flatten(
    span: otlp::Span,
    service: &str,
    resource: &BTreeMap<String, String>,
    scope: &str,
) -> Span {
    let kind = kind(span.kind());
    let nanos = span
        .end_time_unix_nano
        .saturating_sub(span.start_time_unix_nano);
    Span {
        service: service.to_owned(),
        resource: resource.clone(),
        scope: scope.to_owned(),
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        kind,
        status: status(span.status.unwrap_or_default()),
        attributes: map(span.attributes),
        links: span.links.into_iter().map(link).collect(),
        events: span.events.into_iter().map(|event| event.name).collect(),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_nanos(span.start_time_unix_nano),
        duration: Duration::from_nanos(nanos),
    }
}

fn kind(kind: otlp::span::SpanKind) -> SpanKind {
    match kind {
        otlp::span::SpanKind::Unspecified => SpanKind::Unspecified,
        otlp::span::SpanKind::Internal => SpanKind::Internal,
        otlp::span::SpanKind::Server => SpanKind::Server,
        otlp::span::SpanKind::Client => SpanKind::Client,
        otlp::span::SpanKind::Producer => SpanKind::Producer,
        otlp::span::SpanKind::Consumer => SpanKind::Consumer,
    }
}

fn status(status: otlp::Status) -> SpanStatus {
    match status.code() {
        otlp::status::StatusCode::Unset => SpanStatus::Unset,
        otlp::status::StatusCode::Ok => SpanStatus::Ok,
        otlp::status::StatusCode::Error => SpanStatus::Error(status.message),
    }
}

fn link(link: otlp::span::Link) -> SpanLink {
    SpanLink {
        trace_id: hex(&link.trace_id),
        span_id: hex(&link.span_id),
        attributes: map(link.attributes),
    }
}

fn map(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes
        .into_iter()
        .map(|pair| (pair.key, text(pair.value.unwrap_or_default())))
        .collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(yes)) => yes.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BytesValue(bytes)) => hex(&bytes),
        Some(Value::ArrayValue(list)) => {
            let values: Vec<String> = list.values.into_iter().map(text).collect();
            format!("[{}]", values.join(", "))
        }
        Some(Value::KvlistValue(list)) => format!("{:?}", map(list.values)),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
