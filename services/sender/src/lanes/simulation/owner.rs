//! The owner of a partition in a simulated world: hands on to the lanes what happens, and does what
//! they say, as `partition.rs`, `job.rs`, `visit.rs` and `parking.rs` do.

mod work;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{
    ApplicationId, AttemptNumber, CancelReason, DeliveryId, EndpointId, EventId, EventType,
    JobMeta, OrganizationId, SchemaVersion, Timestamp, Trigger,
};

use super::super::{Head, Lanes, Lesson, Limits, Offer, Origin, Start};
use super::Dice;
use super::journal::Journal;
use super::receiver::{HOUR, Receiver};
use super::summary::Summary;
use super::waiting_room::WaitingRoom;
use crate::follow_up::FollowUp;
use crate::retry::RetrySchedule;

pub(super) const LIMITS: Limits = Limits {
    endpoint_in_flight: 32,
    endpoint_queue: 16,
    breaker_open: Duration::from_secs(30),
};
/// The longest that anything at NATS takes.
const NATS: Duration = Duration::from_millis(5);
/// Until a dead sender's partition is claimed.
const TAKE_OVER: Duration = Duration::from_secs(6);
/// Until what it had in hand is handed out again.
const ACK_WAIT: Duration = Duration::from_secs(15);
const RELIST: Duration = Duration::from_secs(60);
const UNREAD_PAUSE: Duration = Duration::from_secs(1);

/// What fails beside receivers.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    /// On average.
    pub(super) hand_over_every: Option<Duration>,
    /// Of these hand-overs, how many because the sender died.
    pub(super) crashes_in_a_hundred: u64,
    /// Attempts that a failure of ours prevents.
    pub(super) kept_in_a_thousand: u64,
    /// Reads that NATS does not answer.
    pub(super) unread_in_a_thousand: u64,
}

impl Trouble {
    pub(super) fn none() -> Self {
        Self {
            hand_over_every: None,
            crashes_in_a_hundred: 0,
            kept_in_a_thousand: 0,
            unread_in_a_thousand: 0,
        }
    }
}

enum Happens {
    Comes(JobMeta),
    Relists,
    HandsOver,
    Begins,
    /// A task of the owner ends; nobody hears of it after a crash.
    Task(u64, Task),
}

enum Task {
    Parked(JobMeta),
    Read {
        lane: WaitingSubject,
        from: u64,
        launched_at: Timestamp,
    },
    Ended(JobMeta, Origin, Came),
}

/// What a started delivery came to.
#[derive(Clone, Copy)]
enum Came {
    Attempted(Lesson, FollowUp),
    Cancelled(CancelReason),
    Kept,
}

pub(super) struct Owner {
    seed: u64,
    now: Timestamp,
    beginning: Timestamp,
    receivers: HashMap<EndpointId, Receiver>,
    trouble: Trouble,
    dice: Dice,
    deployment: RetrySchedule,
    lanes: Lanes<JobMeta>,
    room: WaitingRoom,
    to_come: BTreeMap<(Timestamp, u64), Happens>,
    counter: u64,
    /// Jobs that JOBS has handed out.
    unacked: BTreeMap<String, JobMeta>,
    running: usize,
    /// Which owner this is; those before it have ended.
    reign: u64,
    stopping: bool,
    journal: Journal,
}

impl Owner {
    pub(super) fn new(seed: u64, receivers: &[Receiver], trouble: Trouble, dice: Dice) -> Self {
        let beginning = Timestamp::default().plus(Duration::from_secs(1_800_000_000));
        let mut owner = Self {
            seed,
            now: beginning,
            beginning,
            journal: Journal::new(receivers, trouble.hand_over_every.is_none()),
            receivers: receivers
                .iter()
                .map(|r| (r.id.clone(), r.clone()))
                .collect(),
            trouble,
            dice,
            deployment: RetrySchedule::default(),
            lanes: Lanes::new(LIMITS),
            room: WaitingRoom::default(),
            to_come: BTreeMap::new(),
            counter: 0,
            unacked: BTreeMap::new(),
            running: 0,
            reign: 0,
            stopping: false,
        };
        for receiver in receivers {
            owner.expect_events_of(receiver);
        }
        owner.after(RELIST, Happens::Relists);
        if let Some(every) = owner.trouble.hand_over_every {
            owner.after(every, Happens::HandsOver);
        }
        owner
    }

    fn expect_events_of(&mut self, receiver: &Receiver) {
        let (count, time) = receiver.events;
        for number in 0..count {
            let accepted_at = self.beginning.plus(time / count * number);
            let event = EventId::parse(&format!("event_{number}")).unwrap();
            let kind = ["a", "b"][usize::from(number % 2 == 1)];
            let meta = JobMeta {
                version: SchemaVersion,
                delivery: DeliveryId::scheduled(&event, &receiver.id),
                event,
                organization: OrganizationId::parse("org_1").unwrap(),
                application: ApplicationId::parse("app_1").unwrap(),
                endpoint: receiver.id.clone(),
                event_type: EventType::parse(kind).unwrap(),
                accepted_at,
                callback: None,
                deliver_at: None,
                expires_at: receiver.lives_for.map(|time| accepted_at.plus(time)),
                order: Some(number.into()),
                order_within: 0,
                deadline: accepted_at.plus(48 * HOUR),
                attempt: AttemptNumber::FIRST,
                trigger: Trigger::Scheduled,
                bulk: false,
                line: None,
                not_before: accepted_at,
            };
            let delay = accepted_at.since(self.now);
            self.after(delay, Happens::Comes(meta));
        }
    }

    fn after(&mut self, delay: Duration, what: Happens) {
        self.counter += 1;
        let at = self.now.plus(delay);
        self.to_come.insert((at, self.counter), what);
    }

    fn task(&mut self, takes: Duration, task: Task) {
        self.running += 1;
        self.after(takes, Happens::Task(self.reign, task));
    }

    fn nats(&mut self) -> Duration {
        Duration::from_micros(100) + self.dice.up_to(NATS)
    }

    /// Until every delivery has ended.
    pub(super) fn run(&mut self) {
        while self.journal.has_open() {
            let (next, _) = *self.to_come.keys().next().expect("it lists now and then");
            let timer = self.lanes.next_timer().filter(|_| !self.stopping);
            self.now = timer.map_or(next, |timer| timer.min(next)).max(self.now);
            while let Some(first) = self.to_come.first_entry()
                && first.key().0 <= self.now
            {
                let what = first.remove();
                self.take(what);
            }
            while !self.stopping
                && let Some(start) = self.lanes.next_start(self.now, |_| true, |_| true)
            {
                self.launch(start);
            }
            let given_up = self.beginning.plus(100 * HOUR);
            assert!(self.now < given_up, "seed {}: it never ends", self.seed);
        }
    }

    /// Looks whether nothing is left, also of what was only remembered.
    pub(super) fn finish(mut self) -> Summary {
        assert!(self.room.is_empty(), "seed {}", self.seed);
        assert_eq!((self.running, self.unacked.len()), (0, 0), "{}", self.seed);
        assert_eq!(self.lanes.queued(), 0, "seed {}", self.seed);
        let ended_at = self.now;
        while let Some(timer) = self.lanes.next_timer() {
            self.now = timer;
            while let Some(start) = self.lanes.next_start(self.now, |_| true, |_| true) {
                // The relisting may have counted what has just ended.
                let Start::Head { lane, .. } = start else {
                    panic!("seed {}: a job from nowhere", self.seed);
                };
                let (id, lane) = (lane.endpoint, lane.lane);
                self.lanes.head_read(&id, lane, Head::Empty, self.now);
            }
        }
        let left: Vec<_> = self.lanes.endpoints.iter().collect();
        assert!(left.is_empty(), "seed {}: {left:?}", self.seed);
        self.journal.finish(ended_at.since(self.beginning))
    }

    fn take(&mut self, what: Happens) {
        match what {
            Happens::Comes(meta) if self.stopping => {
                self.after(Duration::from_millis(100), Happens::Comes(meta));
            }
            Happens::Comes(meta) => self.offer(meta),
            Happens::Relists => {
                self.after(RELIST, Happens::Relists);
                for (id, lane, count) in self.room.list() {
                    if !self.stopping {
                        self.lanes.seen(&id, lane, count);
                    }
                }
            }
            Happens::HandsOver => self.hand_over(),
            Happens::Begins => self.begin(),
            Happens::Task(reign, task) if reign == self.reign => {
                self.running -= 1;
                self.done(task);
                if self.stopping && self.running == 0 {
                    self.begin();
                }
            }
            Happens::Task(..) => {}
        }
    }

    fn hand_over(&mut self) {
        let every = self.trouble.hand_over_every.expect("it happens");
        let pause = self.dice.up_to(2 * every);
        self.after(pause, Happens::HandsOver);
        if self.stopping {
            return;
        }
        self.stopping = true;
        let jobs = self.lanes.drain_queues();
        if self.dice.in_a_hundred(self.trouble.crashes_in_a_hundred) {
            self.reign += 1;
            self.running = 0;
            self.journal.sender_died();
            for (_, meta) in std::mem::take(&mut self.unacked) {
                self.after(ACK_WAIT, Happens::Comes(meta));
            }
            self.after(TAKE_OVER, Happens::Begins);
            return;
        }
        for meta in jobs {
            self.unacked.remove(&meta.dedup_id());
            self.after(NATS, Happens::Comes(meta));
        }
        if self.running == 0 {
            self.begin();
        }
    }

    fn begin(&mut self) {
        self.reign += 1;
        self.stopping = false;
        self.lanes = Lanes::new(LIMITS);
        self.journal.handed_over();
        for (id, lane, count) in self.room.list() {
            self.lanes.set_fifo(&id, self.receivers[&id].fifo);
            self.lanes.placed(&id, lane, count, Timestamp::default());
        }
    }

    fn offer(&mut self, meta: JobMeta) {
        let (fifo, rate) = {
            let receiver = &self.receivers[&meta.endpoint];
            (receiver.fifo, receiver.rate)
        };
        let id = meta.endpoint.clone();
        self.journal.came(&meta);
        self.lanes.set_fifo(&id, fifo);
        if fifo {
            self.room.store(Lane::Next, meta);
            self.lanes.placed(&id, Lane::Next, 1, Timestamp::default());
            return;
        }
        self.unacked.insert(meta.dedup_id(), meta.clone());
        self.lanes.set_rate(&id, rate);
        let room = !self.dice.in_a_hundred(5);
        if let Offer::Park(meta) = self.lanes.offer(&id, meta, room, self.now) {
            self.park(meta);
        }
    }
}
