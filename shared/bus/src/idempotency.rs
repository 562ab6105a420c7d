//! Which keys were used, for which event, and whether that event is stored.
//!
//! A key is *claimed* before the event is published and *marked* after its ack; the mark is repeated
//! until it is stored, mostly without anyone waiting for it, and shares its message with others
//! (`pages`). Whoever finds a key claimed but not marked publishes its own copy of the same event under
//! the claimed id, which is recognised by the stream if the first copy was alone in its message, and by
//! senders if it was not ([`REPEATED_WITHIN`](crate::events::REPEATED_WITHIN)); whoever finds it marked only
//! answers. A crash between the steps, a concurrent duplicate in another process and a late retry
//! therefore all end in one event. Only a key that is not marked although its event is stored, because its
//! process died between the two or NATS did not take the mark, has its event delivered once more, under
//! the same id, if it is used again later than senders remember.

mod homes;
mod pages;

use std::sync::Arc;

use async_nats::jetstream::kv::{CreateErrorKind, Operation, Store, UpdateErrorKind};
use bytes::Bytes;
use posthorn_chassis::clock;
use posthorn_event_schema::{EventId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use self::homes::Homes;
use self::pages::{Page, Pages};
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

/// A claim as the bucket has it.
#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    claim: Claim,
    /// The page that has the event once it is stored, unless the claim itself says so. Builds before
    /// this one named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<String>,
}

/// What claiming a key found.
#[derive(Debug)]
pub enum Claimed {
    /// The key is ours.
    Ours(Mark),
    /// It was ours already: this very claim was made before, and its event may be stored.
    Again(Mark),
    /// Somebody claimed it before: another request, here or elsewhere, or an earlier life.
    Taken(Claim, Mark),
}

/// The place of a claim, to mark it by.
#[derive(Debug, Clone)]
pub struct Mark {
    bucket: Arc<Store>,
    key: String,
    revision: u64,
    /// A page of ours that the claim names. Whoever did not make the claim has none, and changes the
    /// claim itself.
    page: Option<Arc<Page>>,
}

/// Which keys were used. Clones share what they know.
#[derive(Debug, Clone)]
pub struct IdempotencyKeys {
    homes: Homes,
    pages: Pages,
}

impl Bus {
    /// Opens the buckets with idempotency keys.
    ///
    /// # Errors
    /// [`BusError::Setup`] when one does not exist or cannot be reached.
    pub async fn idempotency_keys(&self) -> Result<IdempotencyKeys, BusError> {
        let homes = Homes::open(self).await?;
        let pages = Pages::start(Arc::clone(homes.first()), self.config.publish_timeout);
        Ok(IdempotencyKeys { homes, pages })
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
        if let Some((found, mark)) = self.look_where_it_was(key).await? {
            return Ok(Claimed::Taken(found, mark));
        }
        if let Some(mark) = self.create(key, claim).await? {
            return Ok(Claimed::Ours(mark));
        }
        if let Some((found, mark)) = self.look_in(self.homes.of(key), key).await? {
            return Ok(if found == *claim {
                Claimed::Again(mark)
            } else {
                Claimed::Taken(found, mark)
            });
        }
        // It expired between the two looks: the key is free again.
        let made = self.create(key, claim).await?;
        made.map(Claimed::Ours)
            .ok_or_else(|| BusError::request("claim an idempotency key")(Contended))
    }

    /// `None` when somebody has the key.
    async fn create(&self, key: &str, claim: &Claim) -> Result<Option<Mark>, BusError> {
        let page = self.pages.for_claim(Instant::now());
        let value = encode(claim, Some(&page))?;
        let bucket = self.homes.of(key);
        match bucket.create(key, value).await {
            Ok(revision) => Ok(Some(Mark {
                bucket: Arc::clone(bucket),
                key: key.to_owned(),
                revision,
                page: Some(page),
            })),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(BusError::request("claim an idempotency key")(error)),
        }
    }

    /// What is known of a key; `None` when nobody has it.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer, [`BusError::Value`] when what it has is no
    /// claim.
    pub async fn look(&self, key: &str) -> Result<Option<(Claim, Mark)>, BusError> {
        match self.look_where_it_was(key).await? {
            Some(found) => Ok(Some(found)),
            None => self.look_in(self.homes.of(key), key).await,
        }
    }

    /// What a build that had one bucket claimed.
    async fn look_where_it_was(&self, key: &str) -> Result<Option<(Claim, Mark)>, BusError> {
        let now = Timestamp::from_unix_micros(clock::unix_micros());
        match self.homes.earlier_of(key, now) {
            Some(bucket) => self.look_in(bucket, key).await,
            None => Ok(None),
        }
    }

    async fn look_in(
        &self,
        bucket: &Arc<Store>,
        key: &str,
    ) -> Result<Option<(Claim, Mark)>, BusError> {
        let entry = bucket.entry(key).await;
        let entry = entry.map_err(BusError::request("read an idempotency key"))?;
        let Some(entry) = entry.filter(|entry| entry.operation == Operation::Put) else {
            return Ok(None);
        };
        let Entry { mut claim, page } =
            serde_json::from_slice(&entry.value).map_err(|cause| BusError::Value {
                what: "idempotency key",
                cause,
            })?;
        if let Some(page) = page.filter(|_| !claim.published) {
            claim.published = pages::lists(self.homes.first(), &page, &claim.event).await?;
        }
        let mark = Mark {
            bucket: Arc::clone(bucket),
            key: key.to_owned(),
            revision: entry.revision,
            page: None,
        };
        Ok(Some((claim, mark)))
    }

    /// Has a claim say something else, unless somebody has changed it meanwhile.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer or somebody has changed it.
    pub async fn replace(&self, mark: &Mark, claim: &Claim) -> Result<Mark, BusError> {
        let value = encode(claim, mark.page.as_deref())?;
        let replaced = mark.bucket.update(&mark.key, value, mark.revision).await;
        let revision = replaced.map_err(BusError::request("change an idempotency key"))?;
        Ok(Mark {
            revision,
            ..mark.clone()
        })
    }

    /// Remembers that a claim's event is stored. Losing this costs a repeated caller one publish,
    /// which is recognised for a while and delivers the event once more after it.
    ///
    /// Marks of claims that were made here wait some hundredths of a second for others to share their
    /// message, unless `at_once`. A claim of somebody else's that was changed meanwhile is left alone: they
    /// mark it.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer; marking again is safe.
    pub async fn mark_published(
        &self,
        mark: &Mark,
        claim: &Claim,
        at_once: bool,
    ) -> Result<(), BusError> {
        if let Some(page) = mark.page.as_ref().filter(|page| !page.is_given_up()) {
            return self.pages.mark(page, &claim.event, at_once).await;
        }
        let published = Claim {
            published: true,
            ..claim.clone()
        };
        let value = encode(&published, None)?;
        match mark.bucket.update(&mark.key, value, mark.revision).await {
            Ok(_revision) => Ok(()),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(()),
            Err(error) => Err(BusError::request("mark an idempotency key")(error)),
        }
    }
}

/// Somebody claimed a key in the moment in which it was free again.
#[derive(Debug, thiserror::Error)]
#[error("somebody claims it at the same time")]
struct Contended;

fn encode(claim: &Claim, page: Option<&Page>) -> Result<Bytes, BusError> {
    let entry = Entry {
        claim: claim.clone(),
        page: page.map(|page| page.key().to_owned()),
    };
    let json = serde_json::to_vec(&entry);
    json.map(Bytes::from).map_err(|cause| BusError::Value {
        what: "idempotency key",
        cause,
    })
}
