//! One event, from EVENTS to its ack.

use std::time::Duration;

use posthorn_bus::snapshot::Snapshot;
use posthorn_bus::{Bus, Message, PublishError, Refused, trace_context};
use posthorn_chassis::{clock, error_chain, metric};
use posthorn_event_schema::{
    ApplicationId, Door, EndpointVerdict, Event, FrameError, Outcome, Timestamp,
};
use tracing::{Instrument, Span};

use crate::{enqueue, matching};

/// Pause before an event whose jobs could not be stored is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long an event of an application that looks unknown waits for the snapshot to catch up.
const PATIENCE: Duration = Duration::from_secs(2);

/// What handling an event needs.
#[derive(Clone)]
pub struct Handler {
    /// Where jobs and verdicts go.
    pub bus: Bus,
    /// Who the endpoints are.
    pub snapshot: Snapshot,
    /// How long after acceptance a delivery may still be attempted.
    pub window: Duration,
}

impl Handler {
    /// Handles one message of EVENTS and settles it.
    pub async fn handle(&self, message: Message) {
        let span = tracing::info_span!(
            "process",
            otel.name = "process events",
            otel.kind = "consumer",
            messaging.system = "nats",
            messaging.destination.name = "events",
            posthorn.app.id = tracing::field::Empty,
            posthorn.event.id = tracing::field::Empty,
            posthorn.event.type = tracing::field::Empty,
            posthorn.fanout.matched = tracing::field::Empty,
        );
        trace_context::adopt(&span, message.headers());
        let stored = self.fan_out(&message).instrument(span).await;
        match stored {
            Ok(()) => message.ack().await,
            Err(error) => {
                tracing::warn!(error = %error, "jobs not stored, the event stays in the stream");
                message.give_back(RETRY_PAUSE).await;
            }
        }
    }

    async fn fan_out(&self, message: &Message) -> Result<(), PublishError> {
        let event = match Event::decode(message.payload()) {
            Ok(event) => event,
            Err(error) => return self.reject(message, &error).await,
        };
        let verdicts = self.decide(&event).await;
        let jobs = enqueue::jobs(&event, &verdicts, self.window);
        describe(&event, jobs.len());
        self.bus.publish_jobs(&jobs).await?;
        for record in enqueue::records(&event, verdicts, now()) {
            self.record(&record).await?;
        }
        let matched = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        metric::Counter::FanoutDeliveries.add(matched, &[]);
        Ok(())
    }

    async fn decide(&self, event: &Event) -> Vec<EndpointVerdict> {
        let verdicts = self.verdicts(event);
        if !verdicts.is_empty() {
            return verdicts;
        }
        // Nobody at all: the application may have got its first endpoint a moment ago.
        if let Err(error) = self.snapshot.catch_up(PATIENCE).await {
            tracing::debug!(error = %error, "snapshot did not catch up");
        }
        self.verdicts(event)
    }

    fn verdicts(&self, event: &Event) -> Vec<EndpointVerdict> {
        let application: &ApplicationId = &event.meta.application;
        let mut verdicts = Vec::new();
        self.snapshot.for_each_endpoint(application, |endpoint| {
            verdicts.push(EndpointVerdict {
                endpoint: endpoint.id.clone(),
                verdict: matching::verdict(&event.meta, endpoint),
            });
        });
        // An order that is always the same, so that a repetition records the same parts.
        verdicts.sort_unstable_by(|a, b| a.endpoint.cmp(&b.endpoint));
        verdicts
    }

    async fn record(&self, record: &Outcome) -> Result<(), PublishError> {
        self.bus.publish_outcome(record).await.map(drop)
    }

    /// A message that this build cannot read is kept aside with the reason.
    async fn reject(&self, message: &Message, error: &FrameError) -> Result<(), PublishError> {
        let refused = Refused {
            door: Door::Fanout,
            subject: message.subject(),
            code: "unreadable_event",
            detail: error_chain::chain(error),
            trace_id: None,
            input: message.payload().clone(),
        };
        self.bus.reject(refused).await.map(drop)
    }
}

fn describe(event: &Event, matched: usize) {
    let span = Span::current();
    span.record("posthorn.app.id", event.meta.application.as_str());
    span.record("posthorn.event.id", event.meta.id.as_str());
    span.record("posthorn.event.type", event.meta.event_type.as_str());
    span.record("posthorn.fanout.matched", matched);
}

fn now() -> Timestamp {
    Timestamp::from_unix_micros(clock::unix_micros())
}
