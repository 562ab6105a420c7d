//! The task that owns one partition: takes its jobs, reads its waiting room, starts attempts.
//!
//! It alone holds the partition's [`Lanes`]; everything it starts reports back to it. Each step
//! outside runs in a task of its own, so nothing that takes time holds up the partition.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::topology::ACK_WAIT;
use posthorn_bus::{Bus, Message, trace_context};
use posthorn_chassis::shutdown::Shutdown;
use posthorn_chassis::{clock, metric};
use posthorn_event_schema::subject::{Lane, WaitingSubject};
use posthorn_event_schema::{DeliveryJob, EndpointId, Partition, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::attempt::{Attempts, Ended, Kept};
use crate::lanes::{Head, Lanes, Limits, Offer, Origin, Start};
use crate::{intake, parking, visit};

/// How often the server is told that we still have the jobs that wait in memory.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(ACK_WAIT.as_secs() / 3);

/// How often a partition's waiting room is listed anew, in case that what we know of it is wrong:
/// a read may be answered by a replica that lags behind.
const RELIST: Duration = Duration::from_secs(60);

/// What all partitions of a process share.
pub(crate) struct Shared {
    pub(crate) bus: Bus,
    pub(crate) attempts: Attempts,
    pub(crate) shutdown: Shutdown,
    pub(crate) limits: Limits,
    pub(crate) pull_window: usize,
    pub(crate) places: Places,
    /// Requests in flight: fresh jobs.
    pub(crate) fresh: Arc<Semaphore>,
    /// Requests in flight: retries and parked deliveries.
    pub(crate) waiting: Arc<Semaphore>,
    /// Jobs that wait in memory.
    pub(crate) room: Arc<Semaphore>,
}

/// How many places there are in a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    pub(crate) fresh: usize,
    pub(crate) waiting: usize,
    pub(crate) room: usize,
}

impl Shared {
    /// Requests in flight now, fresh ones and others.
    pub(crate) fn places_taken(&self) -> usize {
        let all = self.places.fresh + self.places.waiting;
        let free = self.fresh.available_permits() + self.waiting.available_permits();
        all.saturating_sub(free)
    }

    /// Jobs that wait in memory now.
    pub(crate) fn jobs_in_memory(&self) -> usize {
        self.places
            .room
            .saturating_sub(self.room.available_permits())
    }
}

/// A job taken from JOBS, not yet acked.
pub(crate) struct Taken {
    pub(crate) message: Message,
    pub(crate) job: DeliveryJob,
    /// Its place among the jobs that the partition has not decided on.
    pub(crate) hand: Option<OwnedSemaphorePermit>,
    /// Its place among the jobs that wait in memory.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// What is reported to the owner.
pub(crate) enum Happened {
    /// A job came.
    Came(Box<Taken>),
    /// Parking a job ended; `stored` tells whether its lane has one delivery more.
    Parked {
        endpoint: EndpointId,
        dedup_id: String,
        stored: bool,
    },
    /// The waiting room was listed.
    Listed(Vec<(WaitingSubject, u64)>),
    /// A lane's head was read.
    HeadRead {
        endpoint: EndpointId,
        lane: Lane,
        head: Head,
    },
    /// A job from JOBS ended.
    JobEnded {
        endpoint: EndpointId,
        dedup_id: String,
        ended: Ended,
    },
    /// A delivery from the waiting room ended.
    VisitEnded {
        endpoint: EndpointId,
        lane: Lane,
        ended: Ended,
    },
}

/// The owner of one partition.
pub(crate) struct Owner {
    partition: Partition,
    shared: Arc<Shared>,
    stop: CancellationToken,
    lanes: Lanes<Box<Taken>>,
    /// Jobs that we have, by their message id: one handed out again meanwhile is not a new one.
    in_hand: HashSet<String>,
    /// Tasks that have yet to report.
    running: usize,
    report: UnboundedSender<Happened>,
    reports: UnboundedReceiver<Happened>,
}

impl Owner {
    pub(crate) fn new(partition: Partition, shared: Arc<Shared>, stop: CancellationToken) -> Self {
        let (report, reports) = unbounded_channel();
        Self {
            partition,
            stop,
            lanes: Lanes::new(shared.limits),
            shared,
            in_hand: HashSet::new(),
            running: 0,
            report,
            reports,
        }
    }

    /// Works on the partition until told to stop, then finishes what is in flight.
    ///
    /// *Guarantee*: when it returns, nothing of the partition is in this process any more.
    pub(crate) async fn run(mut self) {
        if self.learn_lanes().await.is_none() {
            return;
        }
        let intake = intake::start(self.partition, &self.shared, &self.stop, &self.report);
        let mut keep_alive = tokio::time::interval(KEEP_ALIVE);
        let mut relist = tokio::time::interval_at(Instant::now() + RELIST, RELIST);
        while !self.stop.is_cancelled() {
            while let Some(start) = self.lanes.next_start(now()) {
                self.launch(start);
            }
            let timer = self.until_timer();
            tokio::select! {
                Some(happened) = self.reports.recv() => self.take(happened),
                () = tokio::time::sleep(timer) => {}
                _ = keep_alive.tick() => self.keep_queued_alive().await,
                _ = relist.tick() => self.relist(),
                () = self.stop.cancelled() => {}
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
                        let due = Timestamp::default();
                        self.lanes
                            .placed(&subject.endpoint, subject.lane, count, due);
                    }
                    return Some(());
                }
                Err(error) => tracing::warn!(error = %error, "waiting room not listed yet"),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    fn relist(&mut self) {
        self.running += 1;
        let (bus, report) = (self.shared.bus.clone(), self.report.clone());
        let partition = self.partition;
        self.shared.shutdown.spawn("relist", async move {
            let found = bus.waiting_lanes(partition).await.unwrap_or_else(|error| {
                tracing::debug!(error = %error, "waiting room not listed");
                Vec::new()
            });
            // The owner waits for this report, so it is there to take it.
            report.send(Happened::Listed(found)).ok();
        });
    }

    fn take(&mut self, happened: Happened) {
        let now = now();
        match happened {
            Happened::Came(taken) => self.offer(taken),
            Happened::Parked {
                endpoint,
                dedup_id,
                stored,
            } => {
                self.running -= 1;
                self.in_hand.remove(&dedup_id);
                self.lanes.parked(&endpoint, stored, now);
            }
            Happened::Listed(found) => {
                self.running -= 1;
                for (subject, count) in found {
                    self.lanes.seen(&subject.endpoint, subject.lane, count);
                }
            }
            Happened::HeadRead {
                endpoint,
                lane,
                head,
            } => {
                if !matches!(head, Head::Due { .. }) {
                    self.running -= 1;
                }
                self.lanes.head_read(&endpoint, lane, head, now);
            }
            Happened::JobEnded {
                endpoint,
                dedup_id,
                ended,
            } => {
                self.in_hand.remove(&dedup_id);
                self.ended(&endpoint, Origin::Memory, ended, now);
            }
            Happened::VisitEnded {
                endpoint,
                lane,
                ended,
            } => {
                self.ended(&endpoint, Origin::Lane(lane), ended, now);
            }
        }
    }

    fn ended(&mut self, endpoint: &EndpointId, origin: Origin, ended: Ended, now: Timestamp) {
        self.running -= 1;
        if let Some((lane, due)) = ended.placed {
            self.lanes.placed(endpoint, lane, 1, due);
        }
        self.lanes.finished(endpoint, origin, ended.hold_until, now);
    }

    fn offer(&mut self, mut taken: Box<Taken>) {
        let dedup_id = taken.job.meta.dedup_id();
        if self.stop.is_cancelled() || !self.in_hand.insert(dedup_id) {
            // Either it is given back by not answering, or the ack of our first copy covers it.
            return;
        }
        taken.room = Arc::clone(&self.shared.room).try_acquire_owned().ok();
        let room = taken.room.is_some();
        if room {
            taken.hand = None;
        } else {
            metric::Counter::LimitReached.add(1, &[("limit", "sender_queue")]);
        }
        let endpoint = taken.job.meta.endpoint.clone();
        if let Offer::Park(taken) = self.lanes.offer(&endpoint, taken, room) {
            self.running += 1;
            let parking = parking::park(Arc::clone(&self.shared), taken, self.report.clone());
            self.shared.shutdown.spawn("park", parking);
        }
    }

    fn launch(&mut self, start: Start<Box<Taken>>) {
        self.running += 1;
        let (shared, report) = (Arc::clone(&self.shared), self.report.clone());
        match start {
            Start::Job(taken) => {
                self.shared
                    .shutdown
                    .spawn("attempt", run_job(shared, taken, report));
            }
            Start::Head { lane, from } => {
                self.shared
                    .shutdown
                    .spawn("visit", visit::visit(shared, lane, from, report));
            }
        }
    }

    fn until_timer(&self) -> Duration {
        const IDLE: Duration = Duration::from_secs(3_600);
        self.lanes.next_timer().map_or(IDLE, |due| due.since(now()))
    }

    async fn keep_queued_alive(&self) {
        for taken in self.lanes.queued_jobs() {
            taken.message.in_progress().await;
        }
    }

    /// Gives back what has not begun and waits for what has.
    async fn wind_down(&mut self) {
        for taken in self.lanes.drain_queues() {
            taken.message.give_back(Duration::ZERO).await;
        }
        while self.running > 0 {
            let Some(happened) = self.reports.recv().await else {
                return;
            };
            self.take(happened);
        }
    }
}

/// Attempts a job from JOBS once there is a place in flight, and acks it.
async fn run_job(shared: Arc<Shared>, taken: Box<Taken>, report: UnboundedSender<Happened>) {
    let Taken {
        message,
        job,
        hand,
        room,
    } = *taken;
    let span = job_span(&job, "process jobs", "jobs");
    trace_context::adopt(&span, message.headers());
    let work = async {
        let _place = shared.fresh.acquire().await;
        drop((hand, room));
        shared.attempts.run(&job).await
    };
    let ended = keep_alive_during(&message, work.instrument(span)).await;
    let ended = match ended {
        Ok(ended) => {
            message.ack().await;
            ended
        }
        // Not acked: it comes again.
        Err(Kept) => Ended::default(),
    };
    let (dedup_id, endpoint) = (job.meta.dedup_id(), job.meta.endpoint);
    // The owner waits for this report, so it is there to take it.
    report
        .send(Happened::JobEnded {
            endpoint,
            dedup_id,
            ended,
        })
        .ok();
}

/// Runs `work` while telling the server now and then that we still have the message.
pub(crate) async fn keep_alive_during<T>(message: &Message, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(KEEP_ALIVE) => message.in_progress().await,
        }
    }
}

/// The span of working on a delivery.
pub(crate) fn job_span(job: &DeliveryJob, name: &'static str, destination: &'static str) -> Span {
    tracing::info_span!(
        "process",
        otel.name = name,
        otel.kind = "consumer",
        messaging.system = "nats",
        messaging.destination.name = destination,
        posthorn.app.id = %job.meta.application,
        posthorn.event.id = %job.meta.event,
        posthorn.event.type = %job.meta.event_type,
        posthorn.delivery.id = %job.meta.delivery,
        posthorn.endpoint.id = %job.meta.endpoint,
        posthorn.attempt.number = job.meta.attempt.get(),
        posthorn.attempt.outcome = tracing::field::Empty,
    )
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_micros(clock::unix_micros())
}
