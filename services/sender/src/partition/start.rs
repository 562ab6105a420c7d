//! What a partition starts, and what it waits with until it may.

use std::sync::Arc;
use std::time::Duration;

use posthorn_chassis::{error_chain, metric};
use posthorn_event_schema::subject::Rank;
use posthorn_event_schema::{EndpointId, Timestamp};

use super::{Owner, now};
use crate::lanes::Start;
use crate::report::{Happened, Report, Taken};
use crate::{job, visit};

impl Owner {
    /// Starts whatever may start now.
    pub(super) fn start(&mut self) {
        loop {
            let now = now();
            for endpoint in self.slots.woken(now) {
                self.lanes.wake(&endpoint);
            }
            let (room, slots) = (&mut self.room, &mut self.slots);
            let snapshot = &self.shared.attempts.snapshot;
            let room = |rank| room.ask(rank);
            let slot = |id: &EndpointId| {
                let throttled = snapshot.throttled(id);
                let may = throttled.is_none_or(|application| slots.take(application, id, now));
                if !may {
                    metric::Counter::LimitReached.add(1, &[("limit", "application_rate")]);
                }
                may
            };
            if let Some(start) = self.lanes.next_start(now, room, slot) {
                self.launch(start);
            } else if !self.use_room() {
                break;
            }
        }
        self.ask_for_slots();
    }

    fn ask_for_slots(&mut self) {
        for wanted in self.slots.wanted(now()) {
            self.running += 1;
            let none = Happened::Slots {
                application: wanted.application.clone(),
                given: None,
            };
            let (report, bus) = (
                Report::new(self.report.clone(), none),
                self.shared.bus.clone(),
            );
            self.shared.shutdown.spawn("ask for slots", async move {
                match bus.ask_for_slots(&wanted).await {
                    Ok(given) => report.tell(Happened::Slots {
                        application: wanted.application,
                        given: Some(given),
                    }),
                    Err(error) => {
                        let reason = error_chain::chain(&error);
                        tracing::debug!(reason, "no share of an application's rate yet");
                    }
                }
            });
        }
    }

    /// A head that was read is not due: its moment is another's.
    pub(super) fn nothing_started(&mut self, endpoint: &EndpointId, now: Timestamp) {
        if let Some((application, _)) = self.shared.attempts.snapshot.throttled(endpoint) {
            self.slots.give_back(&application, now);
        }
    }

    /// Lets those have room who wait for it; whether that may have started something.
    fn use_room(&mut self) -> bool {
        let mut used = false;
        for rank in Rank::ALL {
            if !self.lanes.lacks_room(rank) {
                self.room.leave(rank);
            } else if self.room.ask(rank) {
                used |= self.lanes.has_room(rank);
            }
        }
        used
    }

    fn launch(&mut self, start: Start<Box<Taken>>) {
        self.running += 1;
        let (shared, report) = (Arc::clone(&self.shared), self.report.clone());
        match start {
            Start::Job(taken) => {
                let term = self.tenure.term().clone();
                let attempt = job::run(shared, term, taken, report);
                self.shared.shutdown.spawn("attempt", attempt);
            }
            Start::Head { lane, from } => {
                let room = self.room.take(lane.lane.rank());
                let tenure = self.tenure.clone();
                let visit = visit::visit(shared, lane, from, room, tenure, report);
                self.shared.shutdown.spawn("visit", visit);
            }
        }
    }

    pub(super) fn until_timer(&self) -> Duration {
        const IDLE: Duration = Duration::from_secs(3_600);
        let timers = self
            .lanes
            .next_timer()
            .into_iter()
            .chain(self.slots.next_timer());
        timers.min().map_or(IDLE, |due| due.since(now()))
    }
}
