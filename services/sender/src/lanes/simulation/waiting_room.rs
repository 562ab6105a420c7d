//! The waiting room: the stream WAITING, as far as lanes see it.

use std::collections::BTreeMap;

use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{EndpointId, JobMeta};

#[derive(Debug, Default)]
pub(super) struct WaitingRoom {
    stored: BTreeMap<(EndpointId, Lane), BTreeMap<u64, JobMeta>>,
    last: u64,
}

impl WaitingRoom {
    pub(super) fn store(&mut self, lane: Lane, meta: JobMeta) {
        self.last += 1;
        let key = (meta.endpoint.clone(), lane);
        self.stored.entry(key).or_default().insert(self.last, meta);
    }

    /// The first delivery of a lane at or after a place.
    pub(super) fn next(&self, lane: &WaitingSubject, from: u64) -> Option<(u64, JobMeta)> {
        let lane = self.stored.get(&(lane.endpoint.clone(), lane.lane))?;
        let (sequence, meta) = lane.range(from..).next()?;
        Some((*sequence, meta.clone()))
    }

    pub(super) fn delete(&mut self, endpoint: &EndpointId, lane: Lane, sequence: u64) {
        let key = (endpoint.clone(), lane);
        if let Some(stored) = self.stored.get_mut(&key) {
            stored.remove(&sequence);
            if stored.is_empty() {
                self.stored.remove(&key);
            }
        }
    }

    pub(super) fn list(&self) -> Vec<(EndpointId, Lane, u64)> {
        let lanes = self.stored.iter();
        lanes
            .map(|((endpoint, lane), stored)| {
                (
                    endpoint.clone(),
                    *lane,
                    u64::try_from(stored.len()).unwrap(),
                )
            })
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }
}
