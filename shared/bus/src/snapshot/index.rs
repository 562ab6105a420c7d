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
    /// The applications of endpoints whose application has a rate.
    pub(super) throttled: HashMap<EndpointId, Arc<ApplicationSnapshot>>,
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
        let new = Arc::new(new);
        self.apply_rate(&new);
        if new.deleted {
            self.applications.remove(&new.id);
            return;
        }
        if let Some(uid) = &new.uid {
            self.uids
                .insert((new.organization.clone(), uid.clone()), new.id.clone());
        }
        self.applications.insert(new.id.clone(), new);
    }

    fn apply_rate(&mut self, application: &Arc<ApplicationSnapshot>) {
        let had = self.applications.get(&application.id);
        let had = had.is_some_and(|old| old.throttle_rate.is_some());
        let has = application.throttle_rate.is_some() && !application.deleted;
        if !had && !has {
            return;
        }
        for id in self
            .endpoints
            .get(&application.id)
            .into_iter()
            .flat_map(HashMap::keys)
        {
            if has {
                self.throttled.insert(id.clone(), Arc::clone(application));
            } else {
                self.throttled.remove(id);
            }
        }
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
        self.throttled.remove(&new.id);
        if new.deleted {
            endpoints.remove(&new.id);
            return;
        }
        let application = self.applications.get(&new.application);
        if let Some(throttled) = application.filter(|known| known.throttle_rate.is_some()) {
            self.throttled.insert(new.id.clone(), Arc::clone(throttled));
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
            throttle_rate: None,
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

    fn endpoint(version: i64, deleted: bool) -> Vec<u8> {
        let entry = serde_json::json!({
            "v": 1, "id": "ep_1", "application": "app_1", "organization": "org_1",
            "version": version, "deleted": deleted, "disabled": false,
            "url": "https://example.com/", "secrets": [],
        });
        entry.to_string().into_bytes()
    }

    fn application_with(version: i64, rate: Option<u16>, deleted: bool) -> Vec<u8> {
        let mut entry: ApplicationSnapshot =
            serde_json::from_slice(&application(version, None, deleted)).unwrap();
        entry.throttle_rate = rate;
        serde_json::to_vec(&entry).unwrap()
    }

    #[test]
    fn the_rate_of_an_application_is_found_by_its_endpoints() {
        let id = EndpointId::parse("ep_1").unwrap();
        let rate = |index: &Index| index.throttled.get(&id).and_then(|app| app.throttle_rate);
        let steps = [
            ("app.app_1", application_with(1, Some(7), false), None),
            ("ep.app_1.ep_1", endpoint(1, false), Some(7)),
            ("app.app_1", application_with(2, Some(9), false), Some(9)),
            ("app.app_1", application_with(3, None, false), None),
            ("app.app_1", application_with(4, Some(5), false), Some(5)),
            ("ep.app_1.ep_1", endpoint(2, true), None),
            ("ep.app_1.ep_1", endpoint(3, false), Some(5)),
            ("app.app_1", application_with(5, Some(5), true), None),
        ];
        let mut index = Index::default();
        for (number, (key, value, expected)) in steps.into_iter().enumerate() {
            index.apply(key, &value).unwrap();
            assert_eq!(rate(&index), expected, "step {number}");
        }
    }
}
