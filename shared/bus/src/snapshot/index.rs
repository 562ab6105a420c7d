//! What the entries of the bucket come to. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use posthorn_event_schema::{
    ApplicationId, ApplicationSnapshot, EndpointId, EndpointSnapshot, EventType, EventTypeSnapshot,
    OrganizationId, SnapshotKey, Uid,
};

#[derive(Default)]
pub(super) struct Index {
    pub(super) applications: HashMap<ApplicationId, Arc<ApplicationSnapshot>>,
    pub(super) uids: HashMap<(OrganizationId, Uid), ApplicationId>,
    pub(super) endpoints: HashMap<ApplicationId, HashMap<EndpointId, Arc<EndpointSnapshot>>>,
    pub(super) event_types: HashMap<(OrganizationId, EventType), EventTypeSnapshot>,
    /// Endpoints of which more has to be known than their id tells, without their application:
    /// those that were released, and those that keep an order.
    pub(super) special: HashMap<EndpointId, Arc<EndpointSnapshot>>,
}

impl Index {
    pub(super) fn apply(&mut self, key: &str, value: &[u8]) -> Result<(), serde_json::Error> {
        match SnapshotKey::parse(key) {
            Some(SnapshotKey::Application(_)) => {
                self.apply_application(serde_json::from_slice(value)?);
            }
            Some(SnapshotKey::Endpoint(..)) => self.apply_endpoint(serde_json::from_slice(value)?),
            Some(SnapshotKey::EventType(..)) => {
                self.apply_event_type(serde_json::from_slice(value)?);
            }
            None => {}
        }
        Ok(())
    }

    /// Only entries of event types are ever removed: the others stay, and say that they are deleted.
    pub(super) fn remove(&mut self, key: &str) {
        if let Some(SnapshotKey::EventType(organization, name)) = SnapshotKey::parse(key) {
            self.event_types.remove(&(organization, name));
        }
    }

    fn apply_event_type(&mut self, new: EventTypeSnapshot) {
        let key = (new.organization.clone(), new.name.clone());
        let known = self.event_types.get(&key);
        if known.is_none_or(|old| old.version <= new.version) {
            self.event_types.insert(key, new);
        }
    }

    fn apply_application(&mut self, new: ApplicationSnapshot) {
        if let Some(old) = self.applications.get(&new.id) {
            if old.version > new.version {
                return;
            }
            if let Some(uid) = &old.uid {
                let held = (old.organization.clone(), uid.clone());
                if self.uids.get(&held) == Some(&new.id) {
                    self.uids.remove(&held);
                }
            }
        }
        if new.deleted {
            self.applications.remove(&new.id);
            return;
        }
        if let Some(uid) = &new.uid {
            self.uids
                .insert((new.organization.clone(), uid.clone()), new.id.clone());
        }
        self.applications.insert(new.id.clone(), Arc::new(new));
    }

    fn apply_endpoint(&mut self, new: EndpointSnapshot) {
        let endpoints = self.endpoints.entry(new.application.clone()).or_default();
        if endpoints
            .get(&new.id)
            .is_some_and(|old| old.version > new.version)
        {
            return;
        }
        self.special.remove(&new.id);
        if new.deleted {
            endpoints.remove(&new.id);
            return;
        }
        let new = Arc::new(new);
        if new.fifo || new.released_at.is_some() {
            self.special.insert(new.id.clone(), Arc::clone(&new));
        }
        endpoints.insert(new.id.clone(), new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(version: i64, uid: Option<&str>, deleted: bool) -> Vec<u8> {
        serde_json::to_vec(&ApplicationSnapshot {
            schema: posthorn_event_schema::SchemaVersion,
            id: ApplicationId::parse("app_1").unwrap(),
            organization: OrganizationId::parse("org_1").unwrap(),
            uid: uid.map(|text| Uid::parse(text).unwrap()),
            version,
            deleted,
        })
        .unwrap()
    }

    fn by_uid(index: &Index, uid: &str) -> bool {
        let organization = OrganizationId::parse("org_1").unwrap();
        index
            .uids
            .contains_key(&(organization, Uid::parse(uid).unwrap()))
    }

    #[test]
    fn a_renamed_application_is_found_by_its_new_uid_only() {
        let mut index = Index::default();
        index
            .apply("app.app_1", &application(1, Some("old"), false))
            .unwrap();
        index
            .apply("app.app_1", &application(2, Some("new"), false))
            .unwrap();
        assert!(!by_uid(&index, "old") && by_uid(&index, "new"));
        index
            .apply("app.app_1", &application(1, Some("old"), false))
            .unwrap();
        assert!(by_uid(&index, "new"), "an older version changes nothing");
        index
            .apply("app.app_1", &application(3, None, true))
            .unwrap();
        assert!(index.applications.is_empty() && index.uids.is_empty());
    }
}
