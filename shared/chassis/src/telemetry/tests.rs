//! Logs and traces together, with a subscriber of the test's own instead of the process's.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{info, info_span};

use super::*;

/// The lines that were logged, one JSON object each.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Value>>>);

impl Lines {
    fn layer(&self) -> LogLayer<impl Fn(&str) + Send + Sync + 'static + use<>> {
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
fn installed(settings: &Settings, lines: &Lines) -> Dispatch {
    let (traces, _trouble) = Traces::start(settings, "instance");
    subscriber(&traces, settings, lines.layer())
}

/// A process that exports no spans, and one that would, to a collector that is not there.
fn both() -> [Settings; 2] {
    let settings = Settings::new("test");
    let exporting = settings.clone().with_traces_endpoint("http://127.0.0.1:1");
    [settings, exporting]
}

fn logged(log_filter: &str, log: impl FnOnce()) -> Value {
    let lines = Lines::default();
    let settings = Settings::new("test").with_log_filter(log_filter);
    tracing::dispatcher::with_default(&installed(&settings, &lines), log);
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
    for settings in both() {
        let lines = Lines::default();
        let expected = tracing::dispatcher::with_default(&installed(&settings, &lines), || {
            let span = info_span!("work");
            let _inside = span.enter();
            info!("inside");
            span_context(&span)
        });

        let line = lines.only();
        assert!(expected.is_valid());
        assert_eq!(line["trace_id"], expected.trace_id().to_string());
        assert_eq!(line["span_id"], expected.span_id().to_string());
    }
}

#[test]
fn an_inner_span_is_in_the_trace_of_the_outer_one_and_another_in_none_that_was() {
    for settings in both() {
        let lines = Lines::default();
        tracing::dispatcher::with_default(&installed(&settings, &lines), || {
            let outer = info_span!("outer");
            let inner = outer.in_scope(|| {
                let _of_another_crate = info_span!(target: "h2", "connection").entered();
                span_context(&info_span!("inner"))
            });
            let (outer, other) = (span_context(&outer), span_context(&info_span!("other")));

            assert_eq!(inner.trace_id(), outer.trace_id());
            assert_ne!(inner.span_id(), outer.span_id());
            assert_eq!(inner.trace_flags(), outer.trace_flags());
            assert_ne!(other.trace_id(), outer.trace_id());
        });
    }
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
fn what_is_wanted_may_depend_on_spans() {
    let line = logged("warn,[work]=info", || {
        info!("not wanted");
        info_span!("work", posthorn.event.id = "event_1").in_scope(|| info!("wanted"));
    });

    assert_eq!(line["msg"], "wanted");
    assert_eq!(line["posthorn.event.id"], "event_1");
    assert!(line["trace_id"].is_string());
}

#[test]
fn spans_of_other_crates_are_not_traced() {
    for settings in both() {
        let lines = Lines::default();
        tracing::dispatcher::with_default(&installed(&settings, &lines), || {
            let span = info_span!(target: "h2", "connection");
            assert!(!span_context(&span).is_valid());
        });
    }
}

#[test]
fn a_producers_trace_goes_on_whether_something_is_exported_or_not() {
    for (settings, flags) in both()
        .into_iter()
        .flat_map(|of| ["00", "01"].map(|f| (of.clone(), f)))
    {
        let traceparent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        let incoming = std::collections::HashMap::from([
            ("traceparent".to_owned(), traceparent),
            ("tracestate".to_owned(), "vendor=1".to_owned()),
        ]);
        let mut outgoing = std::collections::HashMap::new();
        tracing::dispatcher::with_default(&installed(&settings, &Lines::default()), || {
            let span = info_span!("process inbox");
            adopt(&span, extract(&incoming));
            let inside = span.in_scope(|| info_span!("send events"));
            inject(&inside, &mut outgoing);
        });

        let sent: &str = &outgoing["traceparent"];
        assert!(
            sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{sent}"
        );
        assert!(sent.ends_with(flags), "{sent}");
        assert!(!sent.contains("b7ad6b7169203331"), "{sent}");
        assert_eq!(outgoing["tracestate"], "vendor=1");
    }
}

#[test]
fn a_trace_that_begins_here_is_sampled_as_the_settings_say() {
    let mut env = crate::Env::from_pairs([("OTEL_TRACES_SAMPLER", "always_off")]);
    let never = Settings::from_env("test", &mut env);
    for (settings, sampled) in [(Settings::new("test"), true), (never, false)] {
        tracing::dispatcher::with_default(&installed(&settings, &Lines::default()), || {
            assert_eq!(span_context(&info_span!("work")).is_sampled(), sampled);
        });
    }
}
