//! One trace per event, from the producer's `traceparent` to the HTTP attempt.

use std::time::Duration;

use posthorn_e2e::stack::database;
use posthorn_e2e::{Client, Fleet, Producer, Settings};
use posthorn_harness::{Behaviour, Collector, Receiver, Span, TestDatabase, TestNats};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PRODUCER_SPAN: &str = "b7ad6b7169203331";
const PATIENCE: Duration = Duration::from_secs(30);

/// A fleet whose spans are collected, with one endpoint that fails once.
struct Traced {
    fleet: Fleet,
    client: Client,
    app: String,
    receiver: Receiver,
    collector: Collector,
    nats: TestNats,
    _database: TestDatabase,
}

impl Traced {
    async fn start() -> Self {
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
        Self {
            fleet,
            client,
            app,
            receiver,
            collector,
            nats,
            _database: database,
        }
    }

    /// The spans of the trace, once both attempts and the span `door` are among them.
    async fn spans(&self, door: &str) -> Vec<Span> {
        self.receiver.wait_for("/hook", 2, PATIENCE).await;
        let ours = |spans: &[Span]| -> Vec<Span> {
            let ours = spans.iter().filter(|span| span.trace_id == TRACE);
            ours.cloned().collect()
        };
        let all = self
            .collector
            .wait_for(PATIENCE, "both attempts", |spans| {
                let spans = ours(spans);
                let count = |name: &str| spans.iter().filter(|span| span.name == name).count();
                count("POST") >= 2
                    && [door, "process events", "process jobs", "process retries"]
                        .iter()
                        .all(|name| count(name) >= 1)
            })
            .await;
        ours(&all)
    }
}

fn traceparent() -> String {
    format!("00-{TRACE}-{PRODUCER_SPAN}-01")
}

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

/// From the span of the door to both attempts each span is the child of what led to it.
fn assert_leads_to_both_attempts(spans: &[Span], door: &Span) {
    assert_eq!(door.parent_id.as_deref(), Some(PRODUCER_SPAN));
    let send_event = find(spans, &door.service, "send events");
    let fanout = find(spans, "posthorn-fanout", "process events");
    let send_job = find(spans, "posthorn-fanout", "send jobs");
    let first = find(spans, "posthorn-sender", "process jobs");
    let second = find(spans, "posthorn-sender", "process retries");
    for (child, parent) in [
        (send_event, door),
        (fanout, send_event),
        (send_job, fanout),
        (first, send_job),
        (second, first),
    ] {
        let (found, expected) = (child.parent_id.as_deref(), parent.span_id.as_str());
        assert_eq!(found, Some(expected), "{} of {}", child.name, parent.name);
    }
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
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_producer_through_every_service_to_each_attempt() {
    let traced = Traced::start().await;
    let producer = Producer::connect(&traced.nats.url()).await;
    let traceparent = traceparent();
    let headers = [("traceparent", traceparent.as_str())];
    let body = r#"{"id":"event_1","data":1}"#;
    producer
        .publish_with("posthorn.events.acme.file.deleted", &headers, body)
        .await;
    let spans = traced.spans("process inbox").await;
    let inbox = find(&spans, "posthorn-ingest", "process inbox");
    assert_leads_to_both_attempts(&spans, inbox);
    let history = traced.client.attempts(&traced.app, "event_1", 2).await;
    assert_eq!(history.len(), 2);
    traced.fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_begins_with_an_http_request_leads_to_each_attempt_too() {
    let traced = Traced::start().await;
    let path = format!("/app/{}/events", traced.app);
    let request = traced.client.request("POST", &path);
    let request = request.header("traceparent", traceparent());
    let sent = Client::send(request.body(r#"{"type":"a","id":"event_1","data":1}"#)).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let door = "POST /api/v1/app/{app_id}/events";
    let spans = traced.spans(door).await;
    let request = find(&spans, "posthorn-api", door);
    assert_leads_to_both_attempts(&spans, request);
    traced.fleet.stop().await;
}
