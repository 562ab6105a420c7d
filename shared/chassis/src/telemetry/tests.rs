//! Logs and traces together, with a subscriber of the test's own instead of the process's.

use std::sync::{Arc, Mutex};

use opentelemetry::{global, trace::TraceContextExt};
use serde_json::Value;
use tracing::{Dispatch, info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::*;

/// The lines that were logged, one JSON object each.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Value>>>);

impl Lines {
    fn layer(&self) -> LogLayer<impl Fn(&str) + 'static + use<>> {
        let lines = self.clone();
        LogLayer::new("posthorn-test", LogFormat::Json, move |line| {
            lines
                .0
                .lock()
                .unwrap()
                .push(serde_json::from_str(line).unwrap());
        })
    }

    fn only(&self) -> Value {
        let lines = self.0.lock().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].clone()
    }
}

/// What [`init`] installs, with these settings, for the thread of the test.
fn subscriber(settings: &Settings, lines: &Lines) -> Dispatch {
    let (traces, _trouble) = Traces::start(settings, "instance");
    let spans = tracing_opentelemetry::layer()
        .with_tracer(traces.provider().tracer(OUR_CRATES))
        .with_filter(filter_fn(is_our_telemetry));
    let logs = lines.layer().with_filter(log_filter(settings));
    Dispatch::new(tracing_subscriber::registry().with(spans).with(logs))
}

fn logged(log_filter: &str, log: impl FnOnce()) -> Value {
    let lines = Lines::default();
    let settings = Settings::new("test").with_log_filter(log_filter);
    tracing::dispatcher::with_default(&subscriber(&settings, &lines), log);
    lines.only()
}

#[test]
fn a_line_carries_the_fields_of_its_spans_from_the_inside_out() {
    let line = logged("info", || {
        let outer = info_span!("outer", posthorn.app.id = "app_1", step = "outer");
        let _outer = outer.enter();
        let inner = info_span!("inner", otel.kind = "client", step = "inner", late = "");
        let _inner = inner.enter();
        inner.record("late", 5);
        info!(status = 200_u16, duration_ms = 12_u128, "attempt finished");
    });

    assert_eq!(line["service"], "posthorn-test");
    assert_eq!(line["msg"], "attempt finished");
    assert_eq!(line["posthorn.app.id"], "app_1");
    assert_eq!(line["step"], "inner");
    assert_eq!(line["late"], 5);
    assert_eq!(line["status"], 200);
    assert_eq!(line["duration_ms"], 12);
    assert_eq!(line.get("otel.kind"), None);
}

#[test]
fn a_line_has_the_ids_of_its_trace() {
    let mut expected = None;
    let line = logged("info", || {
        let span = info_span!("work");
        let _inside = span.enter();
        info!("inside");
        expected = Some(span.context().span().span_context().clone());
    });

    let expected = expected.unwrap();
    assert!(expected.is_valid());
    assert_eq!(line["trace_id"], expected.trace_id().to_string());
    assert_eq!(line["span_id"], expected.span_id().to_string());
}

#[test]
fn a_line_outside_of_spans_has_no_trace() {
    let line = logged("info", || info!("outside"));

    assert_eq!(line.get("trace_id"), None);
}

#[test]
fn an_error_is_logged_with_its_causes() {
    let cause = std::io::Error::other("refused");
    let error = crate::RunError::Admin(cause);

    let line = logged("info", || {
        tracing::error!(error = &error as &dyn std::error::Error, "process failed");
    });

    assert_eq!(line["error"], "the admin server failed: refused");
    assert_eq!(line["level"], "error");
}

#[test]
fn few_lines_still_know_their_spans() {
    let line = logged("error", || {
        let _inside = info_span!("work", posthorn.event.id = "event_1").entered();
        info!("not wanted");
        tracing::error!("wanted");
    });

    assert_eq!(line["msg"], "wanted");
    assert_eq!(line["posthorn.event.id"], "event_1");
    assert!(line["trace_id"].is_string());
}

#[test]
fn spans_of_other_crates_are_not_traced() {
    let lines = Lines::default();
    let settings = Settings::new("test");
    tracing::dispatcher::with_default(&subscriber(&settings, &lines), || {
        let span = info_span!(target: "h2", "connection");
        assert!(!span.context().span().span_context().is_valid());
    });
}

#[test]
fn a_producers_trace_goes_on_although_nothing_is_exported() {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let settings = Settings::new("test");
    for flags in ["00", "01"] {
        let traceparent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        let incoming = std::collections::HashMap::from([("traceparent".to_owned(), traceparent)]);
        let parent = global::get_text_map_propagator(|known| known.extract(&incoming));

        let mut outgoing = std::collections::HashMap::new();
        tracing::dispatcher::with_default(&subscriber(&settings, &Lines::default()), || {
            let span = info_span!("process inbox");
            span.set_parent(parent).unwrap();
            let context = span.context();
            global::get_text_map_propagator(|known| known.inject_context(&context, &mut outgoing));
        });

        let sent: &str = &outgoing["traceparent"];
        assert!(
            sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{sent}"
        );
        assert!(sent.ends_with(flags), "{sent}");
        assert!(!sent.contains("b7ad6b7169203331"), "{sent}");
    }
}
