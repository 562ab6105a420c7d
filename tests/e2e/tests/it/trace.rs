//! One trace per event, from the producer's `traceparent` to the HTTP attempt.

use std::time::Duration;

use posthorn_e2e::stack::database;
use posthorn_e2e::{Fleet, Producer, Settings};
use posthorn_harness::{Behaviour, Collector, Receiver, Span, TestNats};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PRODUCER_SPAN: &str = "b7ad6b7169203331";

fn find<'a>(spans: &'a [Span], service: &str, name: &str) -> &'a Span {
    let found = spans
        .iter()
        .find(|span| span.service == service && span.name == name);
    found.unwrap_or_else(|| {
        let names: Vec<_> = spans
            .iter()
            .map(|s| format!("{} {}", s.service, s.name))
            .collect();
        panic!("no span {service} {name} among {names:?}")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_producer_through_every_service_to_each_attempt() {
    let (nats, database, receiver, collector) = tokio::join!(
        TestNats::start(),
        database(),
        Receiver::start(),
        Collector::start()
    );
    receiver.set(
        "/hook",
        Behaviour::FailThenOk {
            failures: 1,
            status: 500,
        },
    );
    let settings = Settings::new(&nats.url(), database.url())
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .with("OTEL_BSP_SCHEDULE_DELAY", "200");
    let fleet = Fleet::start(settings).await;
    let client = fleet.client();
    let app = client.application("acme").await;
    client.endpoint(&app, &receiver.url("/hook")).await;
    let traceparent = format!("00-{TRACE}-{PRODUCER_SPAN}-01");
    let producer = Producer::connect(&nats.url()).await;
    let headers = [("traceparent", traceparent.as_str())];
    let body = r#"{"id":"event_1","data":1}"#;
    producer
        .publish_with("posthorn.events.acme.file.deleted", &headers, body)
        .await;
    receiver.wait_for("/hook", 2, Duration::from_secs(30)).await;

    let ours = |spans: &[Span]| -> Vec<Span> {
        spans
            .iter()
            .filter(|span| span.trace_id == TRACE)
            .cloned()
            .collect()
    };
    let posts = |spans: &[Span]| {
        ours(spans)
            .iter()
            .filter(|span| span.name == "POST")
            .count()
    };
    let all = collector
        .wait_for(Duration::from_secs(30), "both attempts", |spans| {
            posts(spans) >= 2
                && ours(spans).iter().any(|s| s.name == "process inbox")
                && ours(spans).iter().any(|s| s.name == "process events")
        })
        .await;
    let spans = ours(&all);
    let inbox = find(&spans, "posthorn-ingest", "process inbox");
    assert_eq!(inbox.parent_id.as_deref(), Some(PRODUCER_SPAN));
    let send_event = find(&spans, "posthorn-ingest", "send events");
    assert_eq!(
        send_event.parent_id.as_deref(),
        Some(inbox.span_id.as_str())
    );
    let fanout = find(&spans, "posthorn-fanout", "process events");
    assert_eq!(
        fanout.parent_id.as_deref(),
        Some(send_event.span_id.as_str())
    );
    let send_job = find(&spans, "posthorn-fanout", "send jobs");
    assert_eq!(send_job.parent_id.as_deref(), Some(fanout.span_id.as_str()));
    let first = find(&spans, "posthorn-sender", "process jobs");
    assert_eq!(first.parent_id.as_deref(), Some(send_job.span_id.as_str()));
    let second = find(&spans, "posthorn-sender", "process retries");
    let attempts: Vec<_> = spans.iter().filter(|span| span.name == "POST").collect();
    let parents: Vec<_> = attempts
        .iter()
        .map(|s| s.parent_id.as_deref().unwrap())
        .collect();
    assert_eq!(parents, [first.span_id.as_str(), second.span_id.as_str()]);
    let codes: Vec<_> = attempts
        .iter()
        .map(|s| s.attributes["http.response.status_code"].clone())
        .collect();
    assert_eq!(codes, ["500", "200"]);
    let history = client.attempts(&app, "event_1", 2).await;
    assert_eq!(history.len(), 2);
    fleet.stop().await;
}
