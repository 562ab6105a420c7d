//! Tells the fleet what changed: an entry in the bucket `config` after each commit.
//!
//! PostgreSQL is committed first and is the truth; the entry follows within the same request.
//! When it cannot be written (NATS is away, or we die in between), the request still succeeds:
//! the change is durable, and the reconciler writes the entry ([`crate::reconcile`]).
//! Answering an error instead would make callers repeat a change that has happened.
//!
//! An endpoint's entry is built from a read after the commit, so its content is never older than
//! its version, whatever other processes write at the same time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt, stream};
use posthorn_bus::BusError;
use posthorn_bus::config_bucket::{ConfigBucket, Written};
use posthorn_chassis::metric::Counter;
use posthorn_event_schema::{
    ApplicationId, ApplicationSnapshot, ClientCertificate, EndpointId, EndpointSnapshot, EventType,
    EventTypeSnapshot, OAuthClient, OrganizationId, SchemaVersion, SealedSecret,
};
use posthorn_store::application::ApplicationRow;
use posthorn_store::endpoint_access::{Access, AccessKind};
use posthorn_store::endpoint_secret::EndpointState;
use posthorn_store::event_type_schedule::ScheduleRow;
use posthorn_store::{Store, StoreError};

use crate::moment;

/// Entries written at one time when a whole application is deleted.
const CONCURRENT_WRITES: usize = 32;

/// Why an entry was not written. The reconciler will.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The committed state could not be read back.
    #[error("the endpoint could not be read for its snapshot")]
    Read(#[from] StoreError),
    /// What is stored of an OAuth client is none.
    #[error("the stored OAuth client cannot be read")]
    OAuth(#[source] serde_json::Error),
    /// The bucket did not take the entry.
    #[error("the snapshot could not be written")]
    Write(#[from] BusError),
}

/// Writes entries of the bucket `config`.
#[derive(Clone)]
pub struct SnapshotWriter {
    store: Store,
    bucket: ConfigBucket,
}

impl SnapshotWriter {
    /// Makes a writer.
    #[must_use]
    pub fn new(store: Store, bucket: ConfigBucket) -> Self {
        Self { store, bucket }
    }

    /// Tells the fleet of a committed change of an application; a failure is logged and counted.
    pub async fn tell_application(&self, row: &ApplicationRow) {
        let result = self.write_application(row).await;
        note(row.id.as_str(), result);
    }

    /// Tells the fleet of a committed change of an endpoint; a failure is logged and counted.
    pub async fn tell_endpoint(&self, application: &ApplicationId, id: &EndpointId) {
        let result = self.write_endpoint(application, id).await;
        note(id.as_str(), result);
    }

    /// Tells the fleet of many endpoints of one application.
    pub async fn tell_endpoints(&self, application: &ApplicationId, ids: &[EndpointId]) {
        stream::iter(ids)
            .for_each_concurrent(CONCURRENT_WRITES, |id| self.tell_endpoint(application, id))
            .await;
    }

    /// Writes an application's entry, unless a newer one is there.
    pub(crate) async fn write_application(
        &self,
        row: &ApplicationRow,
    ) -> Result<Written, SnapshotError> {
        Ok(self.bucket.put_application(&application_entry(row)).await?)
    }

    /// Writes an endpoint's entry from its committed state, unless a newer one is there.
    pub(crate) async fn write_endpoint(
        &self,
        application: &ApplicationId,
        id: &EndpointId,
    ) -> Result<Written, SnapshotError> {
        let state = self
            .store
            .endpoint_state(application, id, moment::now())
            .await?;
        let Some(state) = state else {
            return Ok(Written::Superseded);
        };
        Ok(self.bucket.put_endpoint(&endpoint_entry(state)?).await?)
    }

    /// Tells the fleet of a committed change of an event type's schedule; a failure is logged and
    /// counted. What was never set is not told.
    pub async fn tell_schedule(&self, row: &ScheduleRow) {
        if row.version > 0 {
            note(row.name.as_str(), self.write_schedule(row).await);
        }
    }

    /// Writes an event type's entry, unless a newer one is there.
    pub(crate) async fn write_schedule(&self, row: &ScheduleRow) -> Result<Written, SnapshotError> {
        Ok(self.bucket.put_event_type(&schedule_entry(row)).await?)
    }

    /// Tells the fleet that an event type was forgotten; a failure is logged and counted.
    pub async fn forget_schedule(&self, row: &ScheduleRow) {
        if row.version > 0 {
            let removed = self.remove_schedule(&row.organization, &row.name).await;
            note(row.name.as_str(), removed.map(|()| Written::Stored));
        }
    }

    /// Removes the entry of an event type that was forgotten.
    pub(crate) async fn remove_schedule(
        &self,
        organization: &OrganizationId,
        name: &EventType,
    ) -> Result<(), SnapshotError> {
        Ok(self.bucket.remove_event_type(organization, name).await?)
    }

    pub(crate) fn bucket(&self) -> &ConfigBucket {
        &self.bucket
    }
}

fn note(id: &str, result: Result<Written, SnapshotError>) {
    if let Err(error) = result {
        Counter::ConfigMistakes.add(1, &[("kind", "not_written")]);
        let error: &dyn std::error::Error = &error;
        tracing::error!(
            object.id = id,
            error,
            "configuration entry not written, left to reconcile"
        );
    }
}

/// What the fleet needs to know of an application.
fn application_entry(row: &ApplicationRow) -> ApplicationSnapshot {
    ApplicationSnapshot {
        schema: SchemaVersion,
        id: row.id.clone(),
        organization: row.organization.clone(),
        uid: row.uid.clone(),
        throttle_rate: row.throttle_rate,
        version: row.version,
        deleted: row.deleted,
    }
}

/// What the fleet needs to know of an event type.
fn schedule_entry(row: &ScheduleRow) -> EventTypeSnapshot {
    EventTypeSnapshot {
        schema: SchemaVersion,
        organization: row.organization.clone(),
        name: row.name.clone(),
        version: row.version,
        retry_waits_ms: row.waits_ms.as_deref().map(millis),
        time_to_live: row.time_to_live.map(i32::unsigned_abs),
    }
}

fn millis(waits: &[i64]) -> Vec<u64> {
    waits.iter().map(|ms| ms.unsigned_abs()).collect()
}

/// What the fleet needs to know of an endpoint; secrets and headers stay sealed.
fn endpoint_entry(state: EndpointState) -> Result<EndpointSnapshot, SnapshotError> {
    let row = state.endpoint;
    let mut access = state.access;
    let mut take = |kind| {
        let found = access.iter().position(|(known, _)| *known == kind);
        found.map(|at| access.swap_remove(at).1)
    };
    let secrets = state.secrets.into_iter().map(|secret| SealedSecret {
        sealed: STANDARD.encode(secret.sealed),
        expires_at: secret.expires_at,
    });
    Ok(EndpointSnapshot {
        schema: SchemaVersion,
        id: row.id,
        application: row.application,
        organization: row.organization,
        version: row.version,
        deleted: row.deleted,
        url: row.settings.url,
        disabled: row.settings.disabled,
        event_types: row.settings.event_types,
        channels: row.settings.channels,
        secrets: secrets.collect(),
        sealed_headers: row.sealed_headers.map(|sealed| STANDARD.encode(sealed)),
        sealed_credentials: row.sealed_credentials.map(|sealed| STANDARD.encode(sealed)),
        client_certificate: take(AccessKind::Mtls).map(client_certificate),
        extra_roots: take(AccessKind::Ca).map(|roots| roots.shown),
        oauth: take(AccessKind::OAuth).map(oauth_client).transpose()?,
        cancelled_before: row.cancelled_before,
        released_at: row.released_at,
        retry_waits_ms: row.retry_waits_ms.as_deref().map(millis),
        throttle_rate: row.settings.throttle_rate,
        fifo: row.settings.fifo,
    })
}

fn client_certificate(access: Access) -> ClientCertificate {
    ClientCertificate {
        chain: access.shown,
        sealed_key: STANDARD.encode(access.sealed.unwrap_or_default()),
    }
}

fn oauth_client(access: Access) -> Result<OAuthClient, SnapshotError> {
    Ok(OAuthClient {
        settings: serde_json::from_str(&access.shown).map_err(SnapshotError::OAuth)?,
        sealed_secret: STANDARD.encode(access.sealed.unwrap_or_default()),
    })
}
