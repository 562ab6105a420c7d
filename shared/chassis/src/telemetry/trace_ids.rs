//! The ids of each span's trace, and nothing else, for a process that exports no spans.
//!
//! A trace that came with a message must go on at the other end of the fleet although nobody collects
//! in between, so ids are needed in any case. OpenTelemetry's layer also keeps names, attributes and
//! times of each span, for an exporter that is not there.

use opentelemetry::{
    Context as TraceContext,
    trace::{SpanContext, SpanKind, TraceContextExt, TraceFlags},
};
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample,
};
use tracing::{
    Dispatch, Subscriber,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use super::is_our_telemetry;

/// Gives each of our spans a context of its own: the trace of the span around it, or else a new one.
#[derive(Debug)]
pub(super) struct TraceIds {
    sampler: Sampler,
    random: RandomIdGenerator,
}

/// What a span has of it.
#[derive(Debug)]
struct Ids(SpanContext);

impl TraceIds {
    pub(super) fn new(sampler: Sampler) -> Self {
        Self {
            sampler,
            random: RandomIdGenerator::default(),
        }
    }

    /// The context of a new span; an invalid `parent` is none.
    fn child_of(&self, parent: &SpanContext) -> SpanContext {
        let (known, trace) = if parent.is_valid() {
            let known = TraceContext::new().with_remote_span_context(parent.clone());
            (Some(known), parent.trace_id())
        } else {
            (None, self.random.new_trace_id())
        };
        let kind = SpanKind::Internal;
        let sampled = self
            .sampler
            .should_sample(known.as_ref(), trace, "", &kind, &[], &[]);
        let flags = match sampled.decision {
            SamplingDecision::RecordAndSample => TraceFlags::SAMPLED,
            SamplingDecision::Drop | SamplingDecision::RecordOnly => TraceFlags::default(),
        };
        let own = self.random.new_span_id();
        SpanContext::new(trace, own, flags, false, sampled.trace_state)
    }
}

impl<S> Layer<S> for TraceIds
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if !is_our_telemetry(attributes.metadata()) {
            return;
        }
        let around = span.scope().skip(1).find_map(|outer| ids_of(&outer));
        let own = self.child_of(&around.unwrap_or(SpanContext::NONE));
        span.extensions_mut().insert(Ids(own));
    }
}

fn ids_of<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> Option<SpanContext> {
    span.extensions().get::<Ids>().map(|ids| ids.0.clone())
}

/// The context of a span; `None` when the subscriber has no [`TraceIds`], or not for this span.
pub(super) fn context_of(id: &Id, dispatch: &Dispatch) -> Option<SpanContext> {
    ids_of(&dispatch.downcast_ref::<Registry>()?.span(id)?)
}

/// Makes a context the parent of a span without children; `None` when the subscriber has no
/// [`TraceIds`], or not for this span.
pub(super) fn adopt(id: &Id, dispatch: &Dispatch, parent: &SpanContext) -> Option<()> {
    let layer = dispatch.downcast_ref::<TraceIds>()?;
    let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
    let own = layer.child_of(parent);
    span.extensions_mut().get_mut::<Ids>()?.0 = own;
    Some(())
}
