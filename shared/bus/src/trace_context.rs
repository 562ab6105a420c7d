//! One trace per event: W3C trace context in message headers, in and out.
//!
//! Headers are the lower-case `traceparent` and `tracestate`, as nats-server's own tracing reads
//! them. Several events or jobs in one message bring each its own along
//! ([`batch`](posthorn_event_schema::batch)).

use async_nats::HeaderMap;
use opentelemetry::propagation::{Extractor, Injector};
use posthorn_chassis::telemetry;
use posthorn_event_schema::TraceHeaders;
use tracing::Span;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Writes the current span's context into headers.
pub fn inject(headers: &mut HeaderMap) {
    inject_from(&Span::current(), headers);
}

/// Writes a span's context into headers.
pub fn inject_from(span: &Span, headers: &mut HeaderMap) {
    telemetry::inject(span, &mut NatsHeaders(headers));
}

/// A `tracestate` that is longer does not travel in a message that carries several: its length is the
/// producer's choice, and the message is not theirs alone. *Source*: W3C Trace Context, which asks to propagate
/// at least so many characters.
const LONGEST_SHARED_TRACESTATE: usize = 512;

/// A span's context, for a message that carries several.
#[must_use]
pub fn of_span(span: &Span) -> TraceHeaders {
    let mut trace = TraceHeaders::default();
    telemetry::inject(span, &mut OwnHeaders(&mut trace));
    trace.tracestate = trace
        .tracestate
        .filter(|state| state.len() <= LONGEST_SHARED_TRACESTATE);
    trace
}

/// The context in message headers.
pub(crate) fn of_headers(headers: Option<&HeaderMap>) -> TraceHeaders {
    let value = |name| Some(headers?.get(name)?.as_str().to_owned());
    TraceHeaders {
        traceparent: value(TRACEPARENT),
        tracestate: value(TRACESTATE),
    }
}

/// The context of one part as message headers.
pub(crate) fn to_headers(trace: &TraceHeaders) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let names = [TRACEPARENT, TRACESTATE];
    let values = [&trace.traceparent, &trace.tracestate];
    for (name, value) in names.into_iter().zip(values) {
        if let Some(value) = value {
            headers.insert(name, value.as_str());
        }
    }
    headers
}

/// Makes the context of one part of a message, if it has one, the parent of a span not yet entered.
pub fn adopt_part(span: &Span, trace: &TraceHeaders) {
    adopt_context(span, &PartHeaders(trace));
}

/// Makes the context in message headers, if there is one, the parent of a span not yet entered.
pub fn adopt(span: &Span, headers: Option<&HeaderMap>) {
    if let Some(headers) = headers {
        adopt_context(span, &NatsHeadersRef(headers));
    }
}

/// Makes the context in HTTP request headers, if there is one, the parent of a span not yet
/// entered.
pub fn adopt_http(span: &Span, headers: &http::HeaderMap) {
    adopt_context(span, &HttpHeaders(headers));
}

/// The trace that a span belongs to, as 32 hexadecimal digits; `None` when it belongs to none.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    let span_context = telemetry::span_context(span);
    span_context
        .is_valid()
        .then(|| span_context.trace_id().to_string())
}

fn adopt_context(span: &Span, extractor: &dyn Extractor) {
    telemetry::adopt(span, telemetry::extract(extractor));
}

struct NatsHeaders<'a>(&'a mut HeaderMap);

impl Injector for NatsHeaders<'_> {
    fn set(&mut self, key: &str, value: String) {
        if !value.is_empty() {
            self.0.insert(key, value);
        }
    }
}

struct NatsHeadersRef<'a>(&'a HeaderMap);

impl Extractor for NatsHeadersRef<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(async_nats::HeaderValue::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_ref()).collect()
    }
}

/// Where the context of a new part is written.
struct OwnHeaders<'a>(&'a mut TraceHeaders);

impl Injector for OwnHeaders<'_> {
    fn set(&mut self, key: &str, value: String) {
        let value = Some(value).filter(|value| !value.is_empty());
        match key {
            TRACEPARENT => self.0.traceparent = value,
            TRACESTATE => self.0.tracestate = value,
            _ => {}
        }
    }
}

struct PartHeaders<'a>(&'a TraceHeaders);

impl Extractor for PartHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => self.0.traceparent.as_deref(),
            TRACESTATE => self.0.tracestate.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

struct HttpHeaders<'a>(&'a http::HeaderMap);

impl Extractor for HttpHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
