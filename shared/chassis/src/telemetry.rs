//! Logs and traces: set up once, at the start of a process.
//!
//! - **Logs** go to stdout, one line per event: JSON for machines, plain on a terminal.
//!   What stands on the spans around an event is part of its line.
//! - **Traces** go to an OTLP collector when one is configured, and nowhere otherwise.
//!   Trace ids exist and travel in either case, with the sampling decision they came with: a
//!   producer's trace goes on at the other end of the fleet although nobody collects in between.
//! - **Numbers** are in [`metric`](crate::metric) and need no set-up.
//!
//! Only spans of our own crates are traced. Those of h2, hyper, tonic and their like are debugging
//! aids, and the exporter's would be traced by the exporter, without end.

mod exporter;
mod log_layer;
mod log_line;
mod settings;
mod span_context;
mod span_fields;
mod trace_ids;
mod traces;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::{global, trace::TracerProvider};
use tracing::{Dispatch, Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, FilterFn, LevelFilter, Targets, filter_fn},
    layer::{Filter, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

pub use settings::{LogFormat, Settings};
pub use span_context::{adopt, extract, inject, span_context};

use log_layer::LogLayer;
use trace_ids::TraceIds;
use traces::Traces;

/// Where the names of all our crates begin; tracing calls the module path the target.
const OUR_CRATES: &str = "posthorn";

/// Directives that come before the operator's: what these crates say otherwise is about their own
/// works. Naming one of them in `POSTHORN_LOG` undoes this.
const QUIET: &str = "h2=info,hyper=info,hyper_util=info,tonic=info,tower=info,rustls=info,\
                     opentelemetry=warn,opentelemetry_sdk=warn";

/// Whether anybody takes our spans.
static EXPORTS: AtomicBool = AtomicBool::new(false);

/// Whether spans of this process go to a collector. Where they do not, a span that would tell nothing but its own
/// duration need not be made: what is sent from inside belongs to the span around it.
#[must_use]
pub fn exports_spans() -> bool {
    EXPORTS.load(Ordering::Relaxed)
}

/// Keeps telemetry going, and flushes it at the end.
///
/// Dropping it without [`Self::shutdown`] may lose the spans of the last seconds.
#[derive(Debug)]
#[must_use = "spans are exported only as long as the guard lives"]
pub struct TelemetryGuard {
    traces: Traces,
}

/// Installs the log layer and the tracer for the whole process.
///
/// Never fails: a collector that cannot be reached, or used at all, is a warning in the log, for
/// telemetry must not keep deliveries from flowing. When the process has a subscriber already (a
/// test that starts two services), that one stays.
pub fn init(settings: &Settings, instance: &str) -> TelemetryGuard {
    let (traces, trouble) = Traces::start(settings, instance);
    EXPORTS.store(traces.exports(), Ordering::Relaxed);
    let logs = LogLayer::to_stdout(settings);
    let installed = subscriber(&traces, settings, logs).try_init();
    if installed.is_ok() {
        global::set_tracer_provider(traces.provider().clone());
    }
    for warning in settings.warnings().iter().chain(&trouble) {
        tracing::warn!(reason = warning, "telemetry setting not followed");
    }
    TelemetryGuard { traces }
}

impl TelemetryGuard {
    /// Sends the spans that have ended to the collector; waits at most a few seconds.
    ///
    /// Blocks the thread: from async code, call it where blocking is allowed.
    pub fn flush(&self) {
        self.traces.flush();
    }

    /// Sends what is left to the collector, at most for `deadline`, and ends the export.
    ///
    /// Blocks the thread: it belongs behind the runtime's end.
    pub fn shutdown(self, deadline: Duration) {
        self.traces.shutdown(deadline);
    }
}

/// What gives our spans their traces, and what logs.
///
/// Where nothing is exported, both look at the same spans, and what is wanted can mostly be told from an event's
/// origin and level. Then one filter decides once for each line of code. Filters of a layer's own look at
/// each span whenever it is entered or left.
fn subscriber<W>(traces: &Traces, settings: &Settings, logs: LogLayer<W>) -> Dispatch
where
    W: Fn(&str) + Send + Sync + 'static,
{
    let wanted = format!("{QUIET},{}", settings.log_filter());
    let registry = tracing_subscriber::registry();
    match wanted.parse() {
        // A bracket begins what a directive asks of spans.
        Ok(targets) if !traces.exports() && !wanted.contains('[') => registry
            .with(once(targets))
            .with(TraceIds::new(settings.sampler()))
            .with(logs)
            .into(),
        _ => registry
            .with(span_layer(traces, settings))
            .with(logs.with_filter(log_filter(&wanted)))
            .into(),
    }
}

/// What the operator wants to see, and all our spans: their fields belong to the lines inside
/// them, however few lines are wanted.
fn once(wanted: Targets) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    let most = Filter::<Registry>::max_level_hint(&wanted)
        .map_or(LevelFilter::TRACE, |level| level.max(LevelFilter::INFO));
    filter_fn(move |metadata| {
        is_our_span(metadata) || wanted.would_enable(metadata.target(), metadata.level())
    })
    .with_max_level_hint(most)
}

/// What gives our spans their traces: OpenTelemetry's layer where they are exported, and else only ids.
///
/// *Source*: a fleet that exports nothing came to 4,355 and 4,321 deliveries/s with ids alone, and to
/// 4,042 and 4,054 with OpenTelemetry's layer, in turns.
fn span_layer<S>(traces: &Traces, settings: &Settings) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    if !traces.exports() {
        return TraceIds::new(settings.sampler())
            .with_filter(filter_fn(is_our_telemetry))
            .boxed();
    }
    tracing_opentelemetry::layer()
        .with_tracer(traces.provider().tracer(OUR_CRATES))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        // Nobody asks OpenTelemetry for its current context, and each poll of a task would set it.
        .with_context_activation(false)
        .with_filter(filter_fn(is_our_telemetry))
        .boxed()
}

/// Spans and events that go into traces.
fn is_our_telemetry(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(OUR_CRATES) && *metadata.level() <= Level::INFO
}

fn is_our_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && is_our_telemetry(metadata)
}

/// As [`once`], for directives that also look at what stands on spans.
fn log_filter<S>(wanted: &str) -> impl Filter<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let wanted = EnvFilter::builder()
        .parse(wanted)
        .unwrap_or_else(|_refused_by_settings| EnvFilter::new("info"));
    let our_spans: FilterFn = filter_fn(is_our_span);
    wanted.or(our_spans)
}

#[cfg(test)]
mod tests;
