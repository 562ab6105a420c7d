//! The bucket `config` as its writer sees it: an older version never replaces a newer one.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::jetstream::kv::{Operation, Store, UpdateErrorKind};
use bytes::Bytes;
use futures::TryStreamExt;
use posthorn_event_schema::{
    ApplicationSnapshot, EndpointSnapshot, EventType, EventTypeSnapshot, OrganizationId,
    SnapshotKey,
};
use serde::{Deserialize, Serialize};

use crate::topology::Bucket;
use crate::{Bus, BusError};

/// Writers that meet at one entry try again this often before they leave it to the reconciler.
const MAX_TRIES: usize = 16;

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The entry is in force now.
    Stored,
    /// The bucket had this version or a newer one already.
    Superseded,
}

/// The bucket `config`.
#[derive(Debug, Clone)]
pub struct ConfigBucket(Arc<Store>);

#[derive(Deserialize)]
struct Versioned {
    version: i64,
}

impl Bus {
    /// Opens the bucket `config`.
    ///
    /// # Errors
    /// [`BusError::Setup`] when it does not exist or cannot be reached.
    pub async fn config_bucket(&self) -> Result<ConfigBucket, BusError> {
        let store = self.jetstream.get_key_value(Bucket::Config.name()).await;
        store
            .map(|store| ConfigBucket(Arc::new(store)))
            .map_err(|error| BusError::setup("bucket config")(error.into()))
    }
}

impl ConfigBucket {
    /// Writes an application's entry if it is newer than the stored one.
    ///
    /// *Guarantee*: after `Ok` every watching process has this version or a newer one within
    /// milliseconds, and so has each process that starts later.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer; writing again is safe.
    pub async fn put_application(&self, entry: &ApplicationSnapshot) -> Result<Written, BusError> {
        let key = SnapshotKey::Application(entry.id.clone());
        self.put_if_newer(&key, entry.version, entry).await
    }

    /// Writes an endpoint's entry if it is newer than the stored one.
    ///
    /// # Errors
    /// As [`ConfigBucket::put_application`].
    pub async fn put_endpoint(&self, entry: &EndpointSnapshot) -> Result<Written, BusError> {
        let key = SnapshotKey::Endpoint(entry.application.clone(), entry.id.clone());
        self.put_if_newer(&key, entry.version, entry).await
    }

    /// Writes an event type's entry if it is newer than the stored one.
    ///
    /// # Errors
    /// As [`ConfigBucket::put_application`].
    pub async fn put_event_type(&self, entry: &EventTypeSnapshot) -> Result<Written, BusError> {
        let key = SnapshotKey::EventType(entry.organization.clone(), entry.name.clone());
        self.put_if_newer(&key, entry.version, entry).await
    }

    /// Removes the entry of an event type that was forgotten. Should a writer that was slower bring
    /// it back, the reconciler removes it again.
    ///
    /// # Errors
    /// As [`ConfigBucket::put_application`].
    pub async fn remove_event_type(
        &self,
        organization: &OrganizationId,
        name: &EventType,
    ) -> Result<(), BusError> {
        let key = SnapshotKey::EventType(organization.clone(), name.clone());
        let removed = self.0.delete(key.to_string()).await;
        removed.map_err(BusError::request("write the bucket config"))
    }

    /// The version of each entry, deleted objects included.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn versions(&self) -> Result<HashMap<SnapshotKey, i64>, BusError> {
        let keys = self
            .0
            .keys()
            .await
            .map_err(BusError::request("list the bucket config"))?;
        let keys: Vec<String> = keys
            .try_collect()
            .await
            .map_err(BusError::request("list the bucket config"))?;
        let mut versions = HashMap::with_capacity(keys.len());
        for text in keys {
            let Some(key) = SnapshotKey::parse(&text) else {
                continue;
            };
            if let Some((version, _)) = self.stored(&text).await? {
                versions.insert(key, version);
            }
        }
        Ok(versions)
    }

    async fn put_if_newer(
        &self,
        key: &SnapshotKey,
        version: i64,
        entry: &impl Serialize,
    ) -> Result<Written, BusError> {
        let what = "configuration entry";
        let value = serde_json::to_vec(entry).map_err(|cause| BusError::Value { what, cause })?;
        let (key, value) = (key.to_string(), Bytes::from(value));
        let mut tries = 0;
        loop {
            let revision = match self.stored(&key).await? {
                Some((stored, _)) if stored >= version => return Ok(Written::Superseded),
                Some((_, revision)) => revision,
                None => 0,
            };
            tries += 1;
            match self.0.update(&key, value.clone(), revision).await {
                Ok(_) => return Ok(Written::Stored),
                Err(error)
                    if error.kind() == UpdateErrorKind::WrongLastRevision && tries < MAX_TRIES => {}
                Err(error) => return Err(BusError::request("write the bucket config")(error)),
            }
        }
    }

    /// The version and revision of a stored entry. An unreadable one counts as version −1: the
    /// next write repairs it.
    async fn stored(&self, key: &str) -> Result<Option<(i64, u64)>, BusError> {
        let entry = self
            .0
            .entry(key)
            .await
            .map_err(BusError::request("read the bucket config"))?;
        let Some(entry) = entry else { return Ok(None) };
        if entry.operation != Operation::Put {
            return Ok(Some((-1, entry.revision)));
        }
        let version = serde_json::from_slice::<Versioned>(&entry.value).map_or(-1, |v| v.version);
        Ok(Some((version, entry.revision)))
    }
}
