//! The trace collector, fed through its own protocol.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span as Sent, Status, span},
};
use posthorn_harness::{Collector, SpanKind, SpanStatus};

use crate::SOON;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn export() -> ExportTraceServiceRequest {
    let root = Sent {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "publish".to_owned(),
        kind: span::SpanKind::Producer.into(),
        ..Sent::default()
    };
    let child = Sent {
        trace_id: vec![1; 16],
        span_id: vec![3; 8],
        parent_span_id: vec![2; 8],
        name: "deliver".to_owned(),
        kind: span::SpanKind::Client.into(),
        attributes: vec![attribute("posthorn.attempt.number", Value::IntValue(2))],
        links: vec![span::Link {
            trace_id: vec![9; 16],
            span_id: vec![8; 8],
            ..span::Link::default()
        }],
        status: Some(Status {
            message: "refused".to_owned(),
            code: 2,
        }),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 3_000,
        ..Sent::default()
    };
    let scope = InstrumentationScope {
        name: "sender".to_owned(),
        ..InstrumentationScope::default()
    };
    let resource = Resource {
        attributes: vec![attribute(
            "service.name",
            Value::StringValue("posthorn-sender".to_owned()),
        )],
        ..Resource::default()
    };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: vec![root, child],
        ..ScopeSpans::default()
    };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![resource_spans],
    }
}

#[tokio::test]
async fn exported_spans_are_flat_and_find_each_other() {
    let collector = Collector::start().await;
    let mut exporter = TraceServiceClient::connect(collector.endpoint().to_owned())
        .await
        .unwrap();
    exporter.export(export()).await.unwrap();

    let spans = collector
        .wait_for(SOON, "two spans", |spans| spans.len() == 2)
        .await;
    let [root, child] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(
        (root.service.as_str(), root.scope.as_str()),
        ("posthorn-sender", "sender")
    );
    assert_eq!(
        (root.parent_id.as_ref(), root.kind),
        (None, SpanKind::Producer)
    );
    assert_eq!(root.trace_id, "01".repeat(16));
    assert!(child.is_child_of(root) && !root.is_child_of(child));
    assert_eq!(child.attribute("posthorn.attempt.number"), Some("2"));
    assert_eq!(child.status, SpanStatus::Error("refused".to_owned()));
    assert_eq!(child.links[0].span_id, "08".repeat(8));
    assert_eq!(child.duration, Duration::from_micros(2));

    collector.clear();
    assert!(collector.spans().is_empty());
}

#[tokio::test]
#[should_panic(expected = "seen last: 2 spans: posthorn-sender publish, posthorn-sender deliver")]
async fn waiting_in_vain_names_the_spans_that_came() {
    let collector = Collector::start().await;
    let mut exporter = TraceServiceClient::connect(collector.endpoint().to_owned())
        .await
        .unwrap();
    exporter.export(export()).await.unwrap();
    collector
        .wait_for(Duration::from_millis(50), "three", |spans| spans.len() == 3)
        .await;
}
