//! Which senders live, and which partitions each of them holds.
//!
//! Each sender writes one entry at a steady rhythm; an entry older than
//! [`MEMBER_TTL`](crate::topology::MEMBER_TTL) expires by itself. The revisions of the bucket put
//! all claims of all members into one order, which every member sees alike.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::jetstream::kv::{Operation, Store};
use bytes::Bytes;
use futures::TryStreamExt;
use posthorn_event_schema::Partition;
use serde::{Deserialize, Serialize};

use crate::topology::Bucket;
use crate::{Bus, BusError};

/// What a sender says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The partitions that it works on, or is still finishing work on.
    pub holds: Vec<Partition>,
    /// It is about to let all of them go: who comes next for them should look often. `false` from a sender
    /// of before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// The waits between attempts, in milliseconds, where neither an endpoint nor an event type has its
    /// own: only senders are told them. `None` from a sender of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_waits_ms: Option<Vec<u64>>,
}

/// The bucket `senders`.
#[derive(Debug, Clone)]
pub struct Members(Arc<Store>);

impl Bus {
    /// Opens the bucket `senders`.
    ///
    /// # Errors
    /// [`BusError::Setup`] when it does not exist or cannot be reached.
    pub async fn members(&self) -> Result<Members, BusError> {
        let store = self.jetstream.get_key_value(Bucket::Senders.name()).await;
        store
            .map(|store| Members(Arc::new(store)))
            .map_err(|error| BusError::setup("bucket senders")(error.into()))
    }
}

impl Members {
    /// Says that this sender lives and what it holds; returns the entry's revision.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn heartbeat(&self, name: &str, member: &Member) -> Result<u64, BusError> {
        let value = serde_json::to_vec(member).map_err(|cause| BusError::Value {
            what: "member",
            cause,
        })?;
        let put = self.0.put(name, Bytes::from(value)).await;
        put.map_err(BusError::request("send a heartbeat"))
    }

    /// Leaves at once, so that the others need not wait for the entry to expire.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn leave(&self, name: &str) -> Result<(), BusError> {
        self.0
            .delete(name)
            .await
            .map_err(BusError::request("leave the senders"))
    }

    /// All living members with the revision of their entry.
    ///
    /// # Errors
    /// [`BusError::Request`] when JetStream does not answer.
    pub async fn list(&self) -> Result<HashMap<String, (Member, u64)>, BusError> {
        let keys = self
            .0
            .keys()
            .await
            .map_err(BusError::request("list the senders"))?;
        let names: Vec<String> = keys
            .try_collect()
            .await
            .map_err(BusError::request("list the senders"))?;
        let mut members = HashMap::with_capacity(names.len());
        for name in names {
            let entry = self
                .0
                .entry(&name)
                .await
                .map_err(BusError::request("list the senders"))?;
            let Some(entry) = entry.filter(|entry| entry.operation == Operation::Put) else {
                continue;
            };
            let member = serde_json::from_slice(&entry.value).map_err(|cause| BusError::Value {
                what: "member",
                cause,
            })?;
            members.insert(name, (member, entry.revision));
        }
        Ok(members)
    }
}
