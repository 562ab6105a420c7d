//! The task that owns one partition: takes its jobs, reads its waiting room, starts attempts.
//!
//! It alone holds the partition's [`Lanes`]; everything it starts reports back to it. Each step
//! outside runs in a task of its own, so nothing that takes time holds up the partition.

mod ended;
mod offer;
mod start;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::{Bus, LastAck};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{clock, metric};
use posthorn_event_schema::subject::{Lane, Rank, WaitingSubject};
use posthorn_event_schema::{EndpointId, OrderingLine, Partition, Shard, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::attempt::{Attempts, Ended, Kept, OUR_FAILURE_PAUSE};
use crate::job::KEEP_ALIVE;
use crate::lanes::{Finish, Head, Lanes, Limits, Origin};
use crate::lease::Tenure;
use crate::memory::Memory;
use crate::ordered::{self, Line, Moved, Ordered};
use crate::pace::Pace;
use crate::places::Places;
use crate::report::{Happened, Report, Taken};
use crate::room::{Queue, Rooms};
use crate::slots::Slots;
use crate::{grants, intake};

use ended::LastEnded;

/// How often a partition's waiting room is listed anew, in case that what we know of it is wrong:
/// a read may be answered by a replica that lags behind.
const RELIST: Duration = Duration::from_secs(60);
/// How often a partition looks whether somebody wants what waits at once.
const RELEASES: Duration = Duration::from_millis(500);

/// What all partitions of a process share.
pub(crate) struct Shared {
    pub(crate) bus: Bus,
    pub(crate) attempts: Attempts,
    pub(crate) shutdown: Shutdown,
    pub(crate) limits: Limits,
    pub(crate) pull_window: usize,
    pub(crate) places: Places,
    pub(crate) rooms: Rooms,
    pub(crate) pace: Pace,
    pub(crate) memory: Memory,
    /// For each stream of JOBS.
    pub(crate) last_acks: [LastAck; Shard::ALL.len()],
}

/// The owner of one partition.
pub(crate) struct Owner {
    partition: Partition,
    shared: Arc<Shared>,
    tenure: Tenure,
    lanes: Lanes<Box<Taken>>,
    ordered: Ordered,
    /// Where it waits for room to visit lanes.
    room: Queue,
    slots: Slots,
    /// Jobs that we have, by their message id: one handed out again meanwhile is not a new one.
    in_hand: HashSet<String>,
    last_ended: LastEnded,
    /// Tasks that have yet to report.
    running: usize,
    report: UnboundedSender<Happened>,
    reports: UnboundedReceiver<Happened>,
}

impl Owner {
    pub(crate) fn new(partition: Partition, shared: Arc<Shared>, tenure: Tenure) -> Self {
        let (report, reports) = unbounded_channel();
        Self {
            partition,
            tenure,
            lanes: Lanes::new(shared.limits),
            room: shared.rooms.queue(),
            slots: Slots::default(),
            shared,
            ordered: Ordered::default(),
            in_hand: HashSet::new(),
            last_ended: LastEnded::default(),
            running: 0,
            report,
            reports,
        }
    }

    /// Works on the partition until told to stop, then finishes what is in flight.
    ///
    /// *Guarantee*: when it returns, nothing of the partition is in this process any more but, for 100 ms, the ack
    /// of a job that has ended.
    pub(crate) async fn run(mut self) {
        if self.learn_lanes().await.is_none() {
            return;
        }
        let intake = intake::start(self.partition, &self.shared, &self.tenure, &self.report);
        let grants = grants::serve(self.shared.bus.clone(), self.partition, self.tenure.clone());
        self.shared.shutdown.spawn("rates of applications", grants);
        let mut keep_alive = tokio::time::interval(KEEP_ALIVE);
        let mut releases = tokio::time::interval(RELEASES);
        let mut revision = 0;
        let mut relist = tokio::time::interval_at(Instant::now() + RELIST, RELIST);
        while !self.tenure.is_over() {
            self.start();
            let timer = self.until_timer();
            tokio::select! {
                Some(happened) = self.reports.recv() => self.take(happened),
                () = self.room.found() => {}
                () = tokio::time::sleep(timer) => {}
                _ = keep_alive.tick() => {
                    self.last_ended.forget(Instant::now());
                    self.keep_queued_alive().await;
                }
                _ = relist.tick() => self.relist(),
                _ = releases.tick() => self.release(&mut revision),
                () = self.tenure.over() => {}
            }
            while let Ok(happened) = self.reports.try_recv() {
                self.take(happened);
            }
        }
        if intake.await.is_err() {
            tracing::error!(partition = %self.partition, "the intake of a partition failed");
        }
        self.wind_down().await;
    }

    /// Learns from the stream what waits: after a hand-over it is the whole state.
    async fn learn_lanes(&mut self) -> Option<()> {
        loop {
            match self.shared.bus.waiting_lanes(self.partition).await {
                Ok(found) => {
                    for (subject, count) in found {
                        self.found(&subject, count);
                    }
                    return Some(());
                }
                Err(error) => tracing::warn!(error = %error, "waiting room not listed yet"),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = self.tenure.over() => return None,
            }
        }
    }

    fn found(&mut self, subject: &WaitingSubject, count: u64) {
        let (endpoint, lane) = (&subject.endpoint, subject.lane);
        if let Some(line) = self.line(endpoint, lane.line()) {
            if self.ordered.found(&line, lane, count) {
                self.move_jobs(&line, Duration::ZERO);
            }
        } else {
            self.lanes
                .placed(endpoint, lane, count, Timestamp::default());
        }
    }

    /// The line that a delivery stands in, if its order matters.
    fn line(&mut self, endpoint: &EndpointId, key: Option<OrderingLine>) -> Option<Line> {
        let fifo = self.keeps_order(endpoint);
        (fifo || key.is_some()).then(|| Line {
            endpoint: endpoint.clone(),
            key: key.filter(|_| !fifo),
        })
    }

    fn keeps_order(&mut self, endpoint: &EndpointId) -> bool {
        let fifo = self.shared.attempts.snapshot.is_fifo(endpoint);
        self.lanes.set_fifo(endpoint, fifo);
        fifo
    }

    fn move_jobs(&mut self, line: &Line, pause: Duration) {
        self.running += 1;
        let (tenure, report) = (self.tenure.clone(), self.report.clone());
        let shared = Arc::clone(&self.shared);
        let moving = ordered::move_jobs(shared, line.clone(), pause, tenure, report);
        self.shared.shutdown.spawn("move jobs", moving);
    }

    fn moved(&mut self, line: &Line, moved: &Moved) {
        self.running -= 1;
        let (receipts, found, again) = self.ordered.moved(line, moved);
        let new = (moved.stored > 0).then_some((line.lane(), moved.stored));
        for (lane, count) in found.into_iter().chain(new) {
            self.lanes
                .placed(&line.endpoint, lane, count, Timestamp::default());
        }
        if !receipts.is_empty() {
            self.shared.shutdown.spawn("ack moved jobs", async move {
                for receipt in receipts {
                    receipt.ack().await;
                }
            });
        }
        if let Some(pause) = again.filter(|_| !self.tenure.is_over()) {
            self.move_jobs(line, pause);
        }
    }

    /// Releases what the configuration says, if it has changed since `revision`.
    fn release(&mut self, revision: &mut u64) {
        let snapshot = &self.shared.attempts.snapshot;
        let newest = snapshot.revision();
        if std::mem::replace(revision, newest) != newest {
            self.lanes.release(|id| snapshot.released_at(id), now());
            self.lanes.set_all_fifo(|id| snapshot.is_fifo(id));
            for endpoint in self.slots.all_waiting() {
                self.lanes.wake(&endpoint);
            }
        }
    }

    fn relist(&mut self) {
        self.running += 1;
        let (bus, report) = (self.shared.bus.clone(), self.report.clone());
        let partition = self.partition;
        let report = Report::new(report, Happened::Listed(Vec::new()));
        self.shared.shutdown.spawn("relist", async move {
            match bus.waiting_lanes(partition).await {
                Ok(found) => report.tell(Happened::Listed(found)),
                Err(error) => tracing::debug!(error = %error, "waiting room not listed"),
            }
        });
    }

    fn take(&mut self, happened: Happened) {
        let now = now();
        match happened {
            Happened::Came(came) => self.came(*came),
            Happened::Parked {
                endpoint,
                lane,
                dedup_id,
                stored,
            } => {
                self.running -= 1;
                self.in_hand.remove(&dedup_id);
                if stored {
                    self.last_ended.remember(&dedup_id, Instant::now());
                }
                self.lanes.parked(&endpoint, lane, stored, now);
            }
            Happened::Listed(found) => {
                self.running -= 1;
                for (subject, count) in found {
                    self.lanes.seen(&subject.endpoint, subject.lane, count);
                }
            }
            Happened::Slots { application, given } => {
                self.running -= 1;
                self.slots.given(&application, given, now);
            }
            Happened::Moved { line, moved } => self.moved(&line, &moved),
            Happened::HeadRead {
                endpoint,
                lane,
                head,
            } => {
                if !matches!(head, Head::Due { .. }) {
                    self.running -= 1;
                    self.nothing_started(&endpoint, now);
                }
                self.lanes.head_read(&endpoint, lane, head, now);
            }
            Happened::JobEnded {
                endpoint,
                dedup_id,
                ended,
            } => {
                self.in_hand.remove(&dedup_id);
                if ended.is_ok() {
                    self.last_ended.remember(&dedup_id, Instant::now());
                }
                self.ended(&endpoint, Origin::Memory, ended, now);
            }
            Happened::VisitEnded {
                endpoint,
                lane,
                sequence,
                ended,
            } => {
                self.ended(&endpoint, Origin::Lane { lane, sequence }, ended, now);
            }
        }
    }

    fn ended(
        &mut self,
        endpoint: &EndpointId,
        origin: Origin,
        ended: Result<Ended, Kept>,
        now: Timestamp,
    ) {
        self.running -= 1;
        let finish = match ended {
            Ok(ended) => {
                if let Some((lane, due)) = ended.placed {
                    self.lanes.placed(endpoint, lane, 1, due);
                }
                if let Some(rate) = ended.rate {
                    self.lanes.set_rate(endpoint, rate);
                }
                ended.finish
            }
            Err(Kept) => Finish {
                hold_until: Some(now.plus(OUR_FAILURE_PAUSE)),
                kept: true,
                ..Finish::default()
            },
        };
        self.lanes.finished(endpoint, origin, finish, now);
        let opened = self.lanes.take_breakers_opened();
        metric::Counter::SenderBreakersOpened.add(opened, &[]);
        if !self.tenure.is_over() {
            for taken in self.lanes.held_jobs(endpoint, now) {
                self.park(taken, Lane::Next);
            }
        }
    }

    async fn keep_queued_alive(&self) {
        for taken in self.lanes.queued_jobs() {
            taken.share.message().in_progress().await;
        }
    }

    /// Gives back what has not begun and waits for what has.
    async fn wind_down(&mut self) {
        for rank in Rank::ALL {
            self.room.leave(rank);
        }
        for taken in self.lanes.drain_queues() {
            // A new owner may have been handed it meanwhile; giving it back would take it away.
            if self.tenure.term().is_valid() {
                let Taken { share, job, .. } = *taken;
                if let Some(rest) = share.give_back(&job, Duration::ZERO).await {
                    let bus = self.shared.bus.clone();
                    let storing = async move { rest.store(&bus).await };
                    self.shared.shutdown.spawn("store rest", storing);
                }
            }
        }
        while self.running > 0 {
            let Some(happened) = self.reports.recv().await else {
                return;
            };
            self.take(happened);
        }
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_micros(clock::unix_micros())
}
