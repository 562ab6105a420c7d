//! Accepted events on their way to EVENTS.
//!
//! Events that come at the same time share a message. What is published again, because nobody knows
//! whether it is stored, travels alone, under its own `Nats-Msg-Id`: the stream recognises it if the first
//! copy was alone as well, and if it was not, senders recognise its jobs for [`REPEATED_WITHIN`].

use std::time::Duration;

use posthorn_chassis::telemetry;
use posthorn_event_schema::batch::{self, Part};
use posthorn_event_schema::{Event, subject};
use tracing::{Instrument, Span};

use crate::together::{Alone, Kind};
use crate::{Bus, PublishError, Stored, trace_context};

/// How events travel that may share a message.
pub(crate) const EVENTS: Kind = Kind {
    stream: "events",
    limit: "events_late",
    subject: subject::EVENTS_TOGETHER,
    join: batch::join,
};
/// How long senders remember a delivery that ended.
///
/// An event that is stored a second time within it is delivered once. Longer than a publish that nobody
/// confirmed and the ack wait of a reader that died, after which an event comes again.
pub const REPEATED_WITHIN: Duration = Duration::from_secs(60);
/// A larger event gains nothing from sharing a message, and would wait for it.
const LARGE: usize = 16 * 1024;

impl Bus {
    /// Publishes an accepted event on EVENTS, in a message of its own.
    ///
    /// *Guarantee*: after `Ok` the event will be fanned out, whatever dies next.
    ///
    /// # Errors
    /// See [`PublishError`]; after an error the event may still be stored, and publishing it again
    /// is safe.
    pub async fn publish_event(&self, event: &Event) -> Result<Stored, PublishError> {
        let span = send_span(event);
        let subject = subject::event(&event.meta.application);
        let sent = async {
            self.send(subject, event.dedup_id(), event.encode())
                .await?
                .stored()
                .await
        };
        sent.instrument(span).await
    }

    /// Publishes an accepted event on EVENTS, with others that come at the same time.
    ///
    /// *Guarantee*: after `Ok` the event will be fanned out, whatever dies next.
    ///
    /// # Errors
    /// See [`PublishError`]. After an error the event may still be stored; published again it makes
    /// second jobs under the same names, which their sender recognises for [`REPEATED_WITHIN`].
    pub async fn publish_event_with_others(&self, event: &Event) -> Result<(), PublishError> {
        if event.body.len() > LARGE {
            return self.publish_event(event).await.map(drop);
        }
        let span = send_span(event);
        let part = Part {
            trace: trace_context::of_span(&span),
            frame: event.encode(),
        };
        let alone = Alone {
            subject: subject::event(&event.meta.application),
            dedup_id: event.dedup_id(),
        };
        self.events.publish(part, alone).instrument(span).await
    }
}

/// The span of sending an event, or, where nobody takes spans, what it follows from.
fn send_span(event: &Event) -> Span {
    if !telemetry::exports_spans() {
        return Span::current();
    }
    tracing::info_span!(
        "send",
        otel.name = "send events",
        otel.kind = "producer",
        messaging.system = "nats",
        messaging.destination.name = "events",
        posthorn.event.id = %event.meta.id,
    )
}
