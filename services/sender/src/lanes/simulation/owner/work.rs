//! What the owner's tasks do: an attempt, a visit to the waiting room, parking.

use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{JobMeta, Timestamp};

use super::super::super::{Finish, Head, Lesson, Origin, Start};
use super::super::journal;
use super::{Came, Happens, Owner, Task, UNREAD_PAUSE};
use crate::attempt::OUR_FAILURE_PAUSE;
use crate::classify;
use crate::follow_up;
use crate::retry::{self, Decision};

impl Owner {
    pub(super) fn park(&mut self, meta: JobMeta) {
        let takes = self.nats();
        self.task(takes, Task::Parked(meta));
    }

    pub(super) fn launch(&mut self, start: Start<JobMeta>) {
        match start {
            Start::Job(meta) => self.attempt(meta, Origin::Memory, self.now),
            Start::Head { lane, from } => {
                let takes = self.nats();
                let launched_at = self.now;
                let read = Task::Read {
                    lane,
                    from,
                    launched_at,
                };
                self.task(takes, read);
            }
        }
    }

    fn attempt(&mut self, meta: JobMeta, origin: Origin, launched_at: Timestamp) {
        let stored = self.nats();
        if let Some(reason) = follow_up::too_late(&meta, self.now) {
            self.task(stored, Task::Ended(meta, origin, Came::Cancelled(reason)));
            return;
        }
        if self.dice.in_a_thousand(self.trouble.kept_in_a_thousand) {
            self.task(stored, Task::Ended(meta, origin, Came::Kept));
            return;
        }
        let receiver = &self.receivers[&meta.endpoint];
        let of_type = receiver.type_schedule.as_ref();
        let of_type = of_type.filter(|_| meta.event_type.as_str() == "b");
        let schedule = retry::applicable(receiver.own_schedule.as_ref(), of_type, &self.deployment);
        self.journal.may_get_one(receiver, &meta, launched_at);
        self.journal.starts(receiver, &meta, schedule, self.now);
        let running = self.now.since(self.beginning);
        let (answer, took) = receiver.answer(running, self.now, &mut self.dice);
        let ended_at = self.now.plus(took);
        let follow_up = follow_up::of(&meta, schedule, &answer, ended_at);
        let asked = journal::asked_until(&answer, ended_at);
        self.journal.will_end(&meta, ended_at, asked);
        let lesson = Lesson {
            sign: classify::sign(&answer),
            started_at: self.now,
            took,
        };
        let came = Came::Attempted(lesson, follow_up);
        self.task(took + stored, Task::Ended(meta, origin, came));
    }

    pub(super) fn done(&mut self, task: Task) {
        match task {
            Task::Parked(meta) => {
                let id = meta.endpoint.clone();
                self.unacked.remove(&meta.dedup_id());
                self.room.store(Lane::Next, meta);
                self.lanes.parked(&id, Lane::Next, true, self.now);
            }
            Task::Read {
                lane,
                from,
                launched_at,
            } => self.read(&lane, from, launched_at),
            Task::Ended(meta, origin, came) => self.ended(meta, origin, came),
        }
    }

    fn read(&mut self, subject: &WaitingSubject, from: u64, launched_at: Timestamp) {
        self.journal.reads += 1;
        let (id, lane) = (&subject.endpoint, subject.lane);
        let unread = self.dice.in_a_thousand(self.trouble.unread_in_a_thousand);
        let found = self.room.next(subject, from);
        let head = match &found {
            _ if unread => Head::Unknown {
                again: self.now.plus(UNREAD_PAUSE),
            },
            None => Head::Empty,
            Some((sequence, meta)) if meta.not_before > self.now => Head::NotYet {
                sequence: *sequence,
                due: meta.not_before,
            },
            Some((sequence, meta)) => Head::Due {
                sequence: *sequence,
                due: meta.not_before,
            },
        };
        self.lanes.head_read(id, lane, head, self.now);
        if let (Head::Due { sequence, .. }, Some((_, meta))) = (head, found) {
            self.attempt(meta, Origin::Lane { lane, sequence }, launched_at);
        }
    }

    fn ended(&mut self, meta: JobMeta, origin: Origin, came: Came) {
        let id = meta.endpoint.clone();
        let kept = matches!(came, Came::Kept);
        match origin {
            Origin::Memory => {
                self.unacked.remove(&meta.dedup_id());
                if kept {
                    self.after(OUR_FAILURE_PAUSE, Happens::Comes(meta.clone()));
                }
            }
            Origin::Lane { lane, sequence } if !kept => self.room.delete(&id, lane, sequence),
            Origin::Lane { .. } => {}
        }
        let finish = match came {
            Came::Attempted(lesson, follow_up) => {
                self.journal.ended(&meta, lesson, &follow_up, self.now);
                if let Some(Decision::Retry { at, lane }) = follow_up.decision {
                    self.place(meta, lane, at);
                }
                self.lanes.set_rate(&id, self.receivers[&id].rate);
                Finish {
                    lesson,
                    hold_until: follow_up.hold_until,
                    kept,
                }
            }
            Came::Cancelled(reason) => {
                self.journal.cancelled(&meta, reason, self.now);
                Finish::default()
            }
            Came::Kept => Finish {
                hold_until: Some(self.now.plus(OUR_FAILURE_PAUSE)),
                kept,
                ..Finish::default()
            },
        };
        self.lanes.finished(&id, origin, finish, self.now);
        if self.lanes.take_breakers_opened() > 0 {
            self.journal.breaker_opened(&id, self.now);
        }
        if !self.stopping {
            for meta in self.lanes.held_jobs(&id, self.now) {
                self.park(meta);
            }
        }
    }

    fn place(&mut self, mut meta: JobMeta, lane: Lane, due: Timestamp) {
        let id = meta.endpoint.clone();
        meta.attempt = meta.attempt.next();
        meta.not_before = due;
        self.room.store(lane, meta);
        self.lanes.placed(&id, lane, 1, due);
    }
}
