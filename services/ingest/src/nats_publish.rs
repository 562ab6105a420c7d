//! The door for producers that publish: reads INBOX, accepts or rejects, then acks.
//!
//! A message is acked only once its event is stored in EVENTS, or its rejection in REJECTED; until
//! then it stays in INBOX and comes again. Its event's id is derived from its place in INBOX, so a
//! repetition after a crash makes the same event.

use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::{Bus, LastAck, Message, Messages, trace_context};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_event_schema::{Door, EventId, OrganizationId, Timestamp};
use posthorn_signing::digest;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::accept::{self, Acceptor};
use crate::applications::Applications;
use crate::candidate::Identity;
use crate::nats_event::{
    self, APPLICATION_HEADER, Input, KEY_HEADER, NATS_KEY_HEADER, ORGANIZATION_HEADER, Refusal,
};
use crate::rejection;

/// Pause before a message that could not be stored is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The door's parts.
pub(crate) struct PublishDoor {
    pub(crate) bus: Bus,
    pub(crate) last_ack: LastAck,
    pub(crate) acceptor: Acceptor,
    pub(crate) applications: Applications,
    pub(crate) organization: OrganizationId,
    pub(crate) in_flight: usize,
}

impl PublishDoor {
    /// Serves the door until shutdown; messages in flight are finished under the drain.
    pub(crate) async fn serve(self, mut messages: Messages, shutdown: Shutdown) {
        let permits = Arc::new(Semaphore::new(self.in_flight));
        let door = Arc::new(self);
        loop {
            // The permit first: nothing is taken that cannot be worked on at once.
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return;
            };
            let message = tokio::select! {
                message = messages.next() => message,
                () = shutdown.requested() => return,
            };
            let door = Arc::clone(&door);
            shutdown.spawn("inbox message", async move {
                door.handle(message).await;
                drop(permit);
            });
        }
    }

    async fn handle(&self, message: Message) {
        let span = tracing::info_span!(
            "process",
            otel.name = "process inbox",
            otel.kind = "consumer",
            messaging.system = "nats",
            messaging.destination.name = "inbox",
            posthorn.event.id = tracing::field::Empty,
        );
        trace_context::adopt(&span, message.headers());
        self.settle(&message).instrument(span).await;
    }

    async fn settle(&self, message: &Message) {
        let input = Input {
            subject: message.subject(),
            payload: message.payload(),
            application: message.header(APPLICATION_HEADER),
            organization: message.header(ORGANIZATION_HEADER),
            key: message
                .header(KEY_HEADER)
                .or_else(|| message.header(NATS_KEY_HEADER)),
        };
        let refusal = match self.accept(input, Place::of(message)).await {
            Ok(()) => {
                accept::count("nats", "accepted");
                return self.last_ack.ack(message.receipt()).await;
            }
            Err(refusal) => refusal,
        };
        if refusal.is_transient() {
            tracing::warn!(error = %refusal, "event not stored, it stays in the inbox");
            return message.give_back(RETRY_PAUSE).await;
        }
        match rejection::reject(&self.bus, Door::NatsPublish, input, &refusal).await {
            Ok(()) => {
                accept::count("nats", "rejected");
                message.ack().await;
            }
            Err(error) => {
                tracing::warn!(error = %error, "rejection not stored, input stays in the inbox");
                message.give_back(RETRY_PAUSE).await;
            }
        }
    }

    async fn accept(&self, input: Input<'_>, place: Place) -> Result<(), Refusal> {
        let parsed = nats_event::parse_publish(input, &self.organization)?;
        let found = self
            .applications
            .find(&parsed.organization, &parsed.application)
            .await;
        let application = found
            .map_err(|behind| Refusal::Accept(behind.into()))?
            .ok_or(Refusal::UnknownApplication(parsed.application))?;
        let id = match parsed.candidate.chosen_id() {
            Some(id) => id.clone(),
            None => derived_id(place, input),
        };
        tracing::Span::current().record("posthorn.event.id", id.as_str());
        let fresh = Identity {
            id,
            accepted_at: place.stored_at,
        };
        let accepted = self
            .acceptor
            .accept(&application, parsed.candidate, &parsed.keys, fresh)
            .await;
        accepted.map(drop).map_err(Refusal::Accept)
    }
}

/// Where and since when a message lies in INBOX: together they tell it from all others, also from
/// those of an INBOX that was made anew.
#[derive(Debug, Clone, Copy)]
struct Place {
    sequence: u64,
    stored_at: Timestamp,
}

impl Place {
    fn of(message: &Message) -> Self {
        Self {
            sequence: message.stream_sequence(),
            stored_at: message.stored_at(),
        }
    }
}

/// The id of a published event without one: always the same for one message of INBOX.
fn derived_id(place: Place, input: Input<'_>) -> EventId {
    let digest = digest::digest_parts(&[
        &place.sequence.to_be_bytes(),
        &place.stored_at.as_unix_micros().to_be_bytes(),
        input.subject.as_bytes(),
        input.payload,
    ]);
    let mut random = [0; posthorn_event_schema::ksuid::RANDOM_LEN];
    let length = random.len();
    random.copy_from_slice(&digest[..length]);
    EventId::generate_native(place.stored_at, random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_read_twice_has_one_id_and_another_message_has_another() {
        let input = |payload| Input {
            subject: "posthorn.events.acme.a",
            payload,
            application: None,
            organization: None,
            key: None,
        };
        let stored_at = Timestamp::from_unix_micros(1_700_000_000_000_001);
        let place = Place {
            sequence: 7,
            stored_at,
        };
        let id = derived_id(place, input(b"1"));
        assert_eq!(id, derived_id(place, input(b"1")));
        assert_ne!(id, derived_id(place, input(b"2")));
        assert_ne!(
            id,
            derived_id(
                Place {
                    sequence: 8,
                    ..place
                },
                input(b"1")
            )
        );
        let later = stored_at.plus(Duration::from_micros(1));
        assert_ne!(
            id,
            derived_id(
                Place {
                    stored_at: later,
                    ..place
                },
                input(b"1")
            )
        );
    }
}
