//! Accepting an event: claim its keys, then have it stored and the keys marked
//! (`storing`). All doors end here.
//!
//! *Guarantee*: `Ok` means that the event is stored in EVENTS. Of any number of requests with one
//! key, concurrent or repeated, in any processes, across crashes at any step, one event results (a
//! process that dies between ack and mark keeps this only for the stream's duplicate window); shown
//! by `a_key_used_by_many_makes_one_event` and
//! `a_producer_key_of_an_event_that_was_never_stored_can_be_used_again`.

use std::sync::Arc;

use posthorn_bus::idempotency::{Claim, Claimed, IdempotencyKeys, Mark};
use posthorn_bus::{Bus, BusError, PublishError, trace_context};
use posthorn_chassis::{Context, metric};
use posthorn_event_schema::{ApplicationSnapshot, Event, ProducerKey};
use posthorn_signing::digest::Sha256Digest;

use crate::IngestConfig;
use crate::applications::{Applications, Behind};
use crate::candidate::{Candidate, Identity};
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
    /// Opens the bucket of keys. Bodies larger than NATS carries are refused from the start: the
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
        let claims = self.claim_all(application, &candidate, keys, fresh).await?;
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

    async fn claim_all(
        &self,
        application: &ApplicationSnapshot,
        candidate: &Candidate,
        keys: &[Key],
        fresh: Identity,
    ) -> Result<Claims, AcceptError> {
        let mut claims = Claims {
            identity: fresh,
            taken: false,
            published: false,
            marks: Vec::new(),
        };
        if keys.is_empty() {
            return Ok(claims);
        }
        let digest = candidate.digest();
        for key in keys {
            let claim = Claim {
                event: claims.identity.id.clone(),
                accepted_at: claims.identity.accepted_at,
                digest: digest.clone(),
                published: false,
            };
            let name = key_name(application, candidate, key);
            match self
                .keys
                .claim(&name, &claim)
                .await
                .map_err(AcceptError::KeysUnavailable)?
            {
                Claimed::Ours(mark) => claims.marks.push((mark, claim)),
                Claimed::Taken(found, mark) => claims.adopt(key, &digest, found, mark)?,
            }
        }
        self.agree(&mut claims).await?;
        Ok(claims)
    }

    /// Has all keys stand for the event that the last of them was claimed for, before that event is
    /// published: a repetition must find the same event by any of them.
    async fn agree(&self, claims: &mut Claims) -> Result<(), AcceptError> {
        let identity = &claims.identity;
        let astray = claims.marks.iter_mut();
        for (mark, claim) in astray.filter(|(_, claim)| claim.event != identity.id) {
            claim.event = identity.id.clone();
            claim.accepted_at = identity.accepted_at;
            let replaced = self.keys.replace(mark, claim).await;
            *mark = replaced.map_err(AcceptError::KeysUnavailable)?;
        }
        Ok(())
    }
}

/// What claiming an event's keys came to.
struct Claims {
    identity: Identity,
    taken: bool,
    published: bool,
    marks: Vec<(Mark, Claim)>,
}

impl Claims {
    /// Takes over what an earlier claim of a key says, unless that contradicts this request.
    fn adopt(
        &mut self,
        key: &Key,
        digest: &str,
        found: Claim,
        mark: Mark,
    ) -> Result<(), AcceptError> {
        let same_event = found.event == self.identity.id;
        let same_request = found.digest == digest;
        match key {
            Key::Request(_) if !same_request => return Err(AcceptError::KeyConflict),
            Key::EventId if !same_request => return Err(AcceptError::EventExists),
            // An event that is not known to be stored is none yet: its producer, who was told to
            // come again, comes again.
            Key::Producer(_) if !same_event && (found.published || !same_request) => {
                return Err(AcceptError::EventExists);
            }
            Key::Request(_) | Key::EventId | Key::Producer(_) => {}
        }
        self.identity = Identity {
            id: found.event.clone(),
            accepted_at: found.accepted_at,
        };
        self.taken = true;
        self.published |= found.published;
        if !found.published {
            self.marks.push((mark, found));
        }
        Ok(())
    }
}

/// A key as the bucket stores it: a digest, so that nothing of it shows and any text fits.
fn key_name(application: &ApplicationSnapshot, candidate: &Candidate, key: &Key) -> String {
    let (kind, text): (&[u8], &str) = match key {
        Key::Request(text) => (b"request", text),
        Key::EventId => (b"event", candidate.chosen_id().map_or("", |id| id.as_str())),
        Key::Producer(text) => (b"producer", text.as_str()),
    };
    let (organization, application) = (&application.organization, &application.id);
    Sha256Digest::of_parts(&[
        organization.as_str().as_bytes(),
        application.as_str().as_bytes(),
        kind,
        text.as_bytes(),
    ])
    .to_hex()
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
