//! Repairs the bucket `config` from PostgreSQL, at the start and from time to time.
//!
//! A request commits and then writes its entry; dying in between, or a bucket that was lost, leaves
//! an entry missing or old. Here every object's version is compared with its entry's, and what lags
//! is written. Several processes may do it at once: an older version never replaces a newer one.
//!
//! *Not needed* for a change to reach the fleet while NATS answers; only for healing.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use posthorn_bus::config_bucket::Written;
use posthorn_chassis::Shutdown;
use posthorn_event_schema::{ApplicationId, EndpointId, SnapshotKey};
use posthorn_store::Store;
use posthorn_store::event_type_schedule::ScheduleRow;

use crate::snapshot::{SnapshotError, SnapshotWriter};

/// Rows read at one time.
const PAGE: u16 = 1_000;

/// Compares and repairs.
#[derive(Clone)]
pub struct Reconciler {
    store: Store,
    snapshot: SnapshotWriter,
}

/// What one pass found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Applications whose entry was missing or old.
    pub applications: usize,
    /// Endpoints whose entry was missing or old.
    pub endpoints: usize,
    /// Event types whose entry was missing or old, or is of a type that was forgotten.
    pub event_types: usize,
}

impl Reconciler {
    /// Makes a reconciler.
    #[must_use]
    pub fn new(store: Store, snapshot: SnapshotWriter) -> Self {
        Self { store, snapshot }
    }

    /// Repairs now and every `interval`, until shutdown.
    pub async fn run(self, interval: Duration, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                _ = ticks.tick() => {}
            }
            let pass = tokio::select! {
                () = shutdown.requested() => return,
                pass = self.repair() => pass,
            };
            match pass {
                Ok(repaired) if repaired == Repaired::default() => {}
                Ok(Repaired {
                    applications,
                    endpoints,
                    event_types,
                }) => {
                    let what = "configuration snapshot repaired";
                    tracing::info!(applications, endpoints, event_types, what);
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "configuration snapshot not reconciled, trying later");
                }
            }
        }
    }

    /// Writes every entry that is missing or older than its row.
    ///
    /// # Errors
    /// The first failure; what was repaired until then stays.
    pub async fn repair(&self) -> Result<Repaired, SnapshotError> {
        let entries = self.snapshot.bucket().versions().await?;
        Ok(Repaired {
            applications: self.repair_applications(&entries).await?,
            endpoints: self.repair_endpoints(&entries).await?,
            event_types: self.repair_schedules(&entries).await?,
        })
    }

    async fn repair_applications(&self, entries: &Entries) -> Result<usize, SnapshotError> {
        let mut repaired = 0;
        let mut last: Option<ApplicationId> = None;
        loop {
            let rows = self
                .store
                .applications_to_reconcile(last.as_ref(), PAGE)
                .await?;
            for row in &rows {
                let key = SnapshotKey::Application(row.id.clone());
                if lags(entries, &key, row.version) {
                    let written = self.snapshot.write_application(row).await?;
                    repaired += usize::from(written == Written::Stored);
                }
            }
            match rows.into_iter().last() {
                Some(row) => last = Some(row.id),
                None => return Ok(repaired),
            }
        }
    }

    async fn repair_endpoints(&self, entries: &Entries) -> Result<usize, SnapshotError> {
        let mut repaired = 0;
        let mut last: Option<EndpointId> = None;
        loop {
            let rows = self.store.endpoint_versions(last.as_ref(), PAGE).await?;
            for (application, id, version) in &rows {
                let key = SnapshotKey::Endpoint(application.clone(), id.clone());
                if lags(entries, &key, *version) {
                    let written = self.snapshot.write_endpoint(application, id).await?;
                    repaired += usize::from(written == Written::Stored);
                }
            }
            match rows.into_iter().last() {
                Some((_, id, _)) => last = Some(id),
                None => return Ok(repaired),
            }
        }
    }
}

impl Reconciler {
    /// A type that was forgotten has no row that could lag, so entries are looked at as well.
    async fn repair_schedules(&self, entries: &Entries) -> Result<usize, SnapshotError> {
        let mut repaired = 0;
        let mut last: Option<ScheduleRow> = None;
        let mut seen = HashSet::new();
        loop {
            let rows = self
                .store
                .schedules_to_reconcile(last.as_ref(), PAGE)
                .await?;
            for row in &rows {
                let key = SnapshotKey::EventType(row.organization.clone(), row.name.clone());
                if lags(entries, &key, row.version) {
                    let written = self.snapshot.write_schedule(row).await?;
                    repaired += usize::from(written == Written::Stored);
                }
                seen.insert(key);
            }
            match rows.into_iter().last() {
                Some(row) => last = Some(row),
                None => break,
            }
        }
        for key in entries.keys().filter(|key| !seen.contains(key)) {
            if let SnapshotKey::EventType(organization, name) = key {
                let row = self.store.retry_schedule(organization, name).await?;
                if row.is_none_or(|row| row.version == 0) {
                    self.snapshot.remove_schedule(organization, name).await?;
                    repaired += 1;
                }
            }
        }
        Ok(repaired)
    }
}

type Entries = HashMap<SnapshotKey, i64>;

fn lags(entries: &Entries, key: &SnapshotKey, version: i64) -> bool {
    entries.get(key).is_none_or(|stored| *stored < version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_or_older_entry_lags() {
        let key = |id| SnapshotKey::Application(ApplicationId::parse(id).unwrap());
        let entries = Entries::from([(key("app_1"), 5)]);
        for (id, version, expected) in [
            ("app_1", 4, false),
            ("app_1", 5, false),
            ("app_1", 6, true),
            ("app_2", 1, true),
        ] {
            assert_eq!(
                lags(&entries, &key(id), version),
                expected,
                "{id} {version}"
            );
        }
    }
}
