//! The trace of a span, whether its spans are exported or not.

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Dispatch, Span, span::Id};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::trace_ids;

/// The trace that a span belongs to and its own id in it, to travel with what is sent from inside.
///
/// It is invalid ([`SpanContext::is_valid`]) for a span that is in no trace, such as one of another
/// crate.
#[must_use]
pub fn span_context(span: &Span) -> SpanContext {
    span.with_subscriber(|(id, dispatch)| context_of(id, dispatch))
        .flatten()
        .unwrap_or(SpanContext::NONE)
}

/// Makes a context that came from elsewhere the parent of a span, which was not entered yet and has no
/// children. An invalid one changes nothing.
pub fn adopt(span: &Span, parent: SpanContext) {
    if !parent.is_valid() {
        return;
    }
    let known = span.with_subscriber(|(id, dispatch)| trace_ids::adopt(id, dispatch, &parent));
    if matches!(known, Some(None)) {
        let remote = Context::new().with_remote_span_context(parent);
        if let Err(error) = span.set_parent(remote) {
            tracing::debug!(error = %error, "trace parent not adopted");
        }
    }
}

/// Writes a span's context as `traceparent` and `tracestate`. *Source*: W3C Trace Context.
pub fn inject(span: &Span, headers: &mut dyn Injector) {
    let context = Context::new().with_remote_span_context(span_context(span));
    TraceContextPropagator::new().inject_context(&context, headers);
}

/// Reads `traceparent` and `tracestate`; invalid ([`SpanContext::is_valid`]) when there are none that
/// make sense.
#[must_use]
pub fn extract(headers: &dyn Extractor) -> SpanContext {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), headers);
    context.span().span_context().clone()
}

pub(super) fn context_of(id: &Id, dispatch: &Dispatch) -> Option<SpanContext> {
    trace_ids::context_of(id, dispatch).or_else(|| {
        let context = tracing_opentelemetry::get_otel_context(id, dispatch)?;
        Some(context.span().span_context().clone())
    })
}
