//! What history, metrics and the log get to know of an attempt.

use std::time::Duration;

use posthorn_bus::trace_context;
use posthorn_chassis::{entropy, metric};
use posthorn_event_schema::{
    AttemptId, AttemptRecord, DeliveryJob, Progress, ReceiverWish, Response, SchemaVersion,
    Timestamp, Trigger,
};
use tracing::Span;

use crate::answer::{Answer, Timed};
use crate::receiver::Receiver;
use crate::{classify, wish};

/// The record of an attempt that was made.
pub(crate) fn of(
    job: &DeliveryJob,
    receiver: &Receiver,
    started_at: Timestamp,
    timed: Timed,
    progress: Progress,
) -> AttemptRecord {
    let meta = &job.meta;
    let failure = classify::failure(&timed.answer);
    let asked = wish::of(&timed.answer).zip(receiver.snapshot());
    let wish = asked.map(|(asks, snapshot)| ReceiverWish {
        asks,
        endpoint_version: snapshot.version,
    });
    let response = match timed.answer {
        Answer::Http { status, body, .. } => Response {
            status: Some(status),
            text: body.text,
            truncated: body.truncated,
        },
        Answer::Failed { words, .. } => Response {
            status: None,
            text: words,
            truncated: false,
        },
    };
    AttemptRecord {
        version: SchemaVersion,
        id: AttemptId::generate(started_at, entropy::bytes()),
        delivery: meta.delivery.clone(),
        event: meta.event.clone(),
        organization: meta.organization.clone(),
        application: meta.application.clone(),
        endpoint: meta.endpoint.clone(),
        event_type: meta.event_type.clone(),
        accepted_at: meta.accepted_at,
        attempt: meta.attempt,
        trigger: meta.trigger,
        url: receiver.url().to_owned(),
        started_at,
        duration_ms: u64::try_from(timed.took.as_millis()).unwrap_or(u64::MAX),
        response,
        headers: Some((&timed.headers).into()),
        failure,
        wish,
        progress,
        trace_id: trace_context::trace_id(&Span::current()),
    }
}

/// Writes an attempt's outcome onto its span, the metrics and the log.
/// `latency` is that of the whole delivery so far.
pub(crate) fn count(record: &AttemptRecord, latency: Duration) {
    let outcome = match record.progress {
        Progress::Delivered => "delivered",
        Progress::Waiting { .. } => "retry",
        Progress::Exhausted => "exhausted",
    };
    let failure = record.failure.map_or("none", |class| class.as_str());
    Span::current().record("posthorn.attempt.outcome", outcome);
    metric::Counter::Attempts.add(1, &[("outcome", outcome), ("error_type", failure)]);
    let seconds = Duration::from_millis(record.duration_ms).as_secs_f64();
    let class = status_class(record.response.status);
    metric::Histogram::HttpClientRequestDurationSeconds.record(seconds, &[("status_class", class)]);
    if record.progress == Progress::Delivered {
        let bucket = match record.attempt.get() {
            1 => "1",
            2..=3 => "2-3",
            _ => "4+",
        };
        if record.trigger == Trigger::Scheduled {
            metric::Histogram::DeliveryLatencySeconds
                .record(latency.as_secs_f64(), &[("attempt_bucket", bucket)]);
        }
        return;
    }
    tracing::info!(
        posthorn.delivery.id = %record.delivery,
        posthorn.attempt.number = record.attempt.get(),
        outcome,
        failure,
        status = record.response.status.unwrap_or_default(),
        duration_ms = record.duration_ms,
        "attempt failed"
    );
}

fn status_class(status: Option<u16>) -> &'static str {
    match status {
        Some(100..=199) => "1xx",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
        None => "none",
    }
}
