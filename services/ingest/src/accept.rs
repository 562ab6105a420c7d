//! Accepting an event: claim its keys (`claims`), then have it stored and the keys marked (`storing`). All doors end here.
//!
//! *Guarantee*: `Ok` means that the event is stored in EVENTS. Of any number of requests with one
//! key, concurrent or repeated, in any processes, across crashes at any step, one event results. If a
//! process dies between ack and mark, or NATS does not take the mark, a repetition is recognised by the endpoint's
//! sender, for [`REPEATED_WITHIN`](posthorn_bus::events::REPEATED_WITHIN) and as long as it lives. Shown by
//! `a_key_used_by_many_makes_one_event` and
//! `a_producer_key_of_an_event_that_was_never_stored_can_be_used_again`.

use std::sync::Arc;

use posthorn_bus::idempotency::IdempotencyKeys;
use posthorn_bus::{Bus, BusError, PublishError, trace_context};
use posthorn_chassis::{Context, metric};
use posthorn_event_schema::{ApplicationSnapshot, Event, ProducerKey};

use crate::IngestConfig;
use crate::applications::{Applications, Behind};
use crate::candidate::{Candidate, Identity};
use crate::claims::Claims;
use crate::config::METADATA_ROOM;
use crate::storing::{Marks, Storing};

/// A key that must lead to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The request's own: `idempotency-key` over HTTP, `Posthorn-Idempotency-Key` or `Nats-Msg-Id`
    /// over NATS.
    Request(String),
    /// The id that the producer gave the event; using it twice for the same event is fine.
    EventId,
    /// The producer's `eventId`; using it twice is a conflict, as Svix's clients expect, once its
    /// event is stored.
    Producer(ProducerKey),
}

/// An event that is stored.
#[derive(Debug)]
pub struct Accepted {
    /// The event as stored.
    pub event: Event,
    /// It had been accepted before.
    pub duplicate: bool,
}

/// Why an event was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The key was used for another request.
    #[error("this idempotency key was used for a different request")]
    KeyConflict,
    /// The event's id or the producer's key was used for another event.
    #[error("an event with this id exists already")]
    EventExists,
    /// The event is larger than allowed.
    #[error("the event has {size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// JetStream did not answer in time while a key was claimed.
    #[error("the event could not be stored, try again later")]
    KeysUnavailable(#[source] BusError),
    /// JetStream did not acknowledge the event in time.
    #[error("the event could not be stored, try again later")]
    Unavailable(#[source] PublishError),
    /// Whether there is such an application is not known.
    #[error("{0}")]
    Behind(#[from] Behind),
}

/// Accepts events; shared by all doors.
#[derive(Clone)]
pub struct Acceptor {
    keys: IdempotencyKeys,
    storing: Storing,
    applications: Applications,
    /// Largest body that fits a message of this server, in bytes.
    max_body_bytes: usize,
}

impl Acceptor {
    /// Opens the buckets of keys. Bodies larger than NATS carries are refused from the start: the
    /// limit is lowered to what fits, with a warning.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn build(
        config: &IngestConfig,
        bus: &Bus,
        applications: &Applications,
        context: &Context,
    ) -> Result<Self, BusError> {
        let fits = bus.max_message_bytes().saturating_sub(METADATA_ROOM);
        if fits < config.max_body_bytes {
            tracing::warn!(
                wanted_bytes = config.max_body_bytes,
                limit_bytes = fits,
                "POSTHORN_MAX_BODY_BYTES is lowered to what NATS carries (max_payload)"
            );
        }
        let keys = bus.idempotency_keys().await?;
        Ok(Self {
            storing: Storing::new(bus.clone(), keys.clone(), context.shutdown.clone()),
            keys,
            applications: applications.clone(),
            max_body_bytes: config.max_body_bytes.min(fits),
        })
    }

    /// Accepts an event under its keys. `fresh` is its identity unless a key stands for one
    /// already.
    ///
    /// # Errors
    /// [`AcceptError`]; after `Unavailable` the event may be stored, and repeating the request with
    /// the same key is safe.
    pub async fn accept(
        &self,
        application: &Arc<ApplicationSnapshot>,
        candidate: Candidate,
        keys: &[Key],
        fresh: Identity,
    ) -> Result<Accepted, AcceptError> {
        let size = candidate.size();
        if size > self.max_body_bytes {
            return Err(AcceptError::TooLarge {
                size,
                limit: self.max_body_bytes,
            });
        }
        let claims = Claims::of(&self.keys, application, &candidate, keys, fresh).await?;
        let trace_id = trace_context::trace_id(&tracing::Span::current());
        let revision = self.applications.revision();
        let event = candidate.into_event(application, claims.identity, trace_id, revision);
        if claims.published {
            return Ok(Accepted {
                event,
                duplicate: true,
            });
        }
        let marks = Marks {
            claims: claims.marks,
            repeated: claims.taken || claims.again,
            before_answer: keys.iter().any(|key| matches!(key, Key::Producer(_))),
        };
        let stored = self.storing.store(event.clone(), marks).await;
        let stored_before = stored.map_err(|error| match error {
            PublishError::TooLarge(_) => AcceptError::TooLarge {
                size,
                limit: self.max_body_bytes,
            },
            error => AcceptError::Unavailable(error),
        })?;
        Ok(Accepted {
            event,
            duplicate: claims.taken || stored_before,
        })
    }
}

impl AcceptError {
    /// The error as one word: the public code, and the label of the metric.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyConflict => "idempotency_conflict",
            Self::EventExists => "conflict",
            Self::TooLarge { .. } => "payload_too_large",
            Self::KeysUnavailable(_) | Self::Unavailable(_) | Self::Behind(_) => "unavailable",
        }
    }

    /// Whether the same input may be accepted later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::KeysUnavailable(_) | Self::Unavailable(_) | Self::Behind(_) => true,
            Self::KeyConflict | Self::EventExists | Self::TooLarge { .. } => false,
        }
    }
}

/// Counts an event at its door.
pub(crate) fn count(source: &'static str, result: &'static str) {
    metric::Counter::EventsIngested.add(1, &[("source", source), ("result", result)]);
}
