//! Which keys were used, for which event, and whether that event is stored.
//!
//! A key is *claimed* before the event is published and *marked* after its ack; the mark is repeated
//! until it is stored, mostly without anyone waiting for it. Whoever finds a key claimed but not marked publishes its own copy of the
//! same event under the claimed id (the stream drops it if it is there already); whoever finds it
//! marked only answers. A crash between the steps, a concurrent duplicate in another process and a
//! late retry therefore all end in one event; only a crash after the ack and before the mark leaves a
//! key whose repetition makes a second one, once the stream's duplicate window has passed.

use std::sync::Arc;

use async_nats::jetstream::kv::{CreateErrorKind, Operation, Store, UpdateErrorKind};
use bytes::Bytes;
use posthorn_event_schema::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::topology::Bucket;
use crate::{Bus, BusError};

/// What is remembered of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The event that the key stands for.
    pub event: EventId,
    /// When it was accepted: a copy made later must not differ.
    pub accepted_at: Timestamp,
    /// The digest of the request, in hexadecimal: the same key with another request is a conflict.
    pub digest: String,
    /// The event is known to be stored.
    pub published: bool,
}

/// What claiming a key found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The key is ours.
    Ours(Mark),
    /// Somebody claimed it before: the caller itself, another process, or an earlier life.
    Taken(Claim, Mark),
}

/// The place of a claim, to mark it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    key: String,
    revision: u64,
}

/// The bucket `idempotency`.
#[derive(Debug, Clone)]
pub struct IdempotencyKeys(Arc<Store>);

impl Bus {
    /// Opens the bucket `idempotency`.
    ///
    /// # Errors
    /// [`BusError::Setup`] when it does not exist or cannot be reached.
    pub async fn idempotency_keys(&self) -> Result<IdempotencyKeys, BusError> {
        let store = self
            .jetstream
            .get_key_value(Bucket::Idempotency.name())
            .await;
        store
            .map(|store| IdempotencyKeys(Arc::new(store)))
            .map_err(|error| BusError::setup("bucket idempotency")(error.into()))
    }
}

impl IdempotencyKeys {
    /// Claims a key for an event, or tells who has it. `key` is a digest in hexadecimal, so that
    /// nothing of a producer's key shows in a subject.
    ///
    /// *Guarantee*: of any number of concurrent claims of one key, in any processes, one is told
    /// `Ours`, and every other one is told that claim, until the window has passed.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer: the key may or may not be claimed,
    /// and claiming it again is safe.
    pub async fn claim(&self, key: &str, claim: &Claim) -> Result<Claimed, BusError> {
        let value = encode(claim)?;
        match self.0.create(key, value).await {
            Ok(revision) => Ok(Claimed::Ours(Mark {
                key: key.to_owned(),
                revision,
            })),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {
                self.taken(key, claim).await
            }
            Err(error) => Err(BusError::request("claim an idempotency key")(error)),
        }
    }

    async fn taken(&self, key: &str, ours: &Claim) -> Result<Claimed, BusError> {
        let entry = self.0.entry(key).await;
        let entry = entry.map_err(BusError::request("read an idempotency key"))?;
        match entry.filter(|entry| entry.operation == Operation::Put) {
            Some(entry) => {
                let claim: Claim =
                    serde_json::from_slice(&entry.value).map_err(|cause| BusError::Value {
                        what: "idempotency key",
                        cause,
                    })?;
                let mark = Mark {
                    key: key.to_owned(),
                    revision: entry.revision,
                };
                if claim == *ours {
                    Ok(Claimed::Ours(mark))
                } else {
                    Ok(Claimed::Taken(claim, mark))
                }
            }
            // It expired between the two looks: the key is free again.
            None => {
                let made = self.0.create(key, encode(ours)?).await;
                let revision = made.map_err(BusError::request("claim an idempotency key"))?;
                Ok(Claimed::Ours(Mark {
                    key: key.to_owned(),
                    revision,
                }))
            }
        }
    }

    /// Has a claim say something else, unless somebody has changed it meanwhile.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer or somebody has changed it.
    pub async fn replace(&self, mark: &Mark, claim: &Claim) -> Result<Mark, BusError> {
        let replaced = self
            .0
            .update(&mark.key, encode(claim)?, mark.revision)
            .await;
        let revision = replaced.map_err(BusError::request("change an idempotency key"))?;
        Ok(Mark {
            key: mark.key.clone(),
            revision,
        })
    }

    /// Remembers that a claim's event is stored. Losing this costs a repeated caller one publish,
    /// which the stream drops within its duplicate window and stores as a second event after it.
    ///
    /// A claim that somebody has changed meanwhile is left alone: they mark it.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer; marking again is safe.
    pub async fn mark_published(&self, mark: &Mark, claim: &Claim) -> Result<(), BusError> {
        let value = encode(&Claim {
            published: true,
            ..claim.clone()
        })?;
        match self.0.update(&mark.key, value, mark.revision).await {
            Ok(_revision) => Ok(()),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(()),
            Err(error) => Err(BusError::request("mark an idempotency key")(error)),
        }
    }
}

fn encode(claim: &Claim) -> Result<Bytes, BusError> {
    let json = serde_json::to_vec(claim);
    json.map(Bytes::from).map_err(|cause| BusError::Value {
        what: "idempotency key",
        cause,
    })
}
