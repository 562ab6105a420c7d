//! What happened to whom, and whether it was allowed to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use posthorn_event_schema::{CancelReason, DeliveryId, EndpointId, EventId, JobMeta, Timestamp};

use super::super::{Lesson, Sign};
use super::life::{Life, Request};
use super::owner::LIMITS;
use super::receiver::{HOUR, Receiver};
use super::summary::{End, Summary};
use crate::answer::Answer;
use crate::classify;
use crate::follow_up::FollowUp;
use crate::retry::{self, Decision, LAST_CHANCE, MAX_RETRY_AFTER, RetrySchedule};

/// What reading a lane and storing an outcome may add to a wait.
const SLACK: Duration = Duration::from_millis(100);
/// The longest that a breaker is open, without its jitter.
const LONGEST_OPEN: Duration = Duration::from_secs(600);
/// How long after its deadline a delivery may be ended: an open breaker lets through one look at a
/// time, and one of a younger delivery may come first.
const LAST_LOOK: Duration = Duration::from_secs(1_500);

/// What an observer knows of an endpoint.
#[derive(Debug, Default)]
struct Watch {
    receiver: Option<Receiver>,
    in_flight: usize,
    /// The order of those deliveries that have come and not ended.
    open: BTreeSet<u64>,
    /// It asked for a pause, from when until when.
    held: Option<(Timestamp, Timestamp)>,
    breaker: Option<Breaker>,
    ever_opened: bool,
    starts: Vec<Timestamp>,
}

/// A breaker that was seen to open.
#[derive(Debug, Clone, Copy)]
struct Breaker {
    times: u32,
    since: Timestamp,
    /// It lets nothing through before that.
    until: Timestamp,
}

pub(super) struct Journal {
    calm: bool,
    lives: BTreeMap<DeliveryId, Life>,
    watches: HashMap<EndpointId, Watch>,
    to_come: usize,
    pub(super) reads: u64,
    summary: Summary,
}

/// Until when a receiver asked to be left alone.
pub(super) fn asked_until(answer: &Answer, ended_at: Timestamp) -> Option<Timestamp> {
    let Answer::Http {
        retry_after: Some(text),
        ..
    } = answer
    else {
        return None;
    };
    classify::failure(answer)?;
    let wait = retry::parse_retry_after(text, ended_at).expect("it was written here");
    Some(ended_at.plus(wait.min(MAX_RETRY_AFTER)))
}

impl Journal {
    pub(super) fn new(receivers: &[Receiver], calm: bool) -> Self {
        let watch = |receiver: &Receiver| Watch {
            receiver: Some(receiver.clone()),
            ..Watch::default()
        };
        let count = |receiver: &Receiver| usize::try_from(receiver.events.0).unwrap();
        Self {
            calm,
            lives: BTreeMap::new(),
            watches: receivers.iter().map(|r| (r.id.clone(), watch(r))).collect(),
            to_come: receivers.iter().map(count).sum(),
            reads: 0,
            summary: Summary::default(),
        }
    }

    pub(super) fn has_open(&self) -> bool {
        self.to_come > 0 || self.watches.values().any(|watch| !watch.open.is_empty())
    }

    pub(super) fn came(&mut self, meta: &JobMeta) {
        if !self.lives.contains_key(&meta.delivery) {
            self.lives.insert(meta.delivery.clone(), Life::default());
            self.to_come -= 1;
            self.watch(&meta.endpoint).open.insert(meta.order.unwrap());
        }
    }

    pub(super) fn starts(
        &mut self,
        receiver: &Receiver,
        meta: &JobMeta,
        schedule: &RetrySchedule,
        now: Timestamp,
    ) {
        let life = self.lives.get_mut(&meta.delivery).unwrap();
        life.check_start(receiver, meta, schedule, now);
        if let Some(late) = life.lateness(meta, schedule, now)
            && receiver.is_quiet
            && self.calm
        {
            self.summary.latest = self.summary.latest.max(late);
            self.summary.late_for_no_reason += u32::from(late > SLACK);
        }
        life.starts.push(now);
        self.summary.requests += 1;
    }

    /// Whether the endpoint may get a request that was launched at this moment.
    pub(super) fn may_get_one(&mut self, receiver: &Receiver, meta: &JobMeta, launched: Timestamp) {
        let has_earlier = receiver.fifo && {
            let mut open = self.watches[&receiver.id].open.iter();
            open.any(|order| Some(*order) < meta.order)
        };
        assert!(!has_earlier, "{}: out of order", meta.delivery);
        let watch = self.watch(&meta.endpoint);
        let cap = if receiver.fifo {
            1
        } else {
            LIMITS.endpoint_in_flight
        };
        assert!(watch.in_flight < cap, "{}: too many", receiver.id);
        if let Some((since, until)) = watch.held {
            let may = launched < since || until <= launched;
            assert!(may, "{}: held back", receiver.id);
        }
        if let Some(breaker) = watch.breaker.filter(|breaker| breaker.since <= launched) {
            assert!(breaker.until <= launched, "{}: {breaker:?}", receiver.id);
            assert_eq!(watch.in_flight, 0, "{}: one probe at a time", receiver.id);
        }
        watch.in_flight += 1;
        watch.starts.push(launched);
        let rate = receiver.rate.map(usize::from);
        if let Some(rate) = rate.filter(|rate| watch.starts.len() > 10 * rate) {
            let before = watch.starts[watch.starts.len() - 1 - 10 * rate];
            let least = Duration::from_millis(9_900);
            let took = launched.since(before);
            assert!(took >= least, "{}: too fast, {took:?}", receiver.id);
        }
    }

    pub(super) fn will_end(
        &mut self,
        meta: &JobMeta,
        ended_at: Timestamp,
        asked: Option<Timestamp>,
    ) {
        let life = self.lives.get_mut(&meta.delivery).unwrap();
        life.in_flight = Some(Request {
            ended_at,
            asked_until: asked,
        });
    }

    pub(super) fn ended(
        &mut self,
        meta: &JobMeta,
        lesson: Lesson,
        follow_up: &FollowUp,
        now: Timestamp,
    ) {
        let life = self.lives.get_mut(&meta.delivery).unwrap();
        let request = life.in_flight.take().expect("it was in flight");
        life.last = Some(request);
        life.attempts += 1;
        let asked = request.asked_until;
        let watch = self.watch(&meta.endpoint);
        watch.in_flight -= 1;
        if let Some(until) = asked.map(|until| until.min(meta.deadline.minus(LAST_CHANCE))) {
            let held = watch.held.filter(|(_, before)| *before > until);
            watch.held = held.or(Some((now, until)));
        }
        let is_news = |breaker: Breaker| breaker.until <= lesson.started_at;
        if lesson.sign == Sign::Accepted && watch.breaker.is_some_and(is_news) {
            watch.breaker = None;
        }
        match follow_up.decision {
            None => self.end(meta, End::Delivered, now),
            Some(Decision::Exhausted) => self.end(meta, End::Exhausted, now),
            Some(Decision::Expired { .. }) => self.end(meta, End::Expired, now),
            Some(Decision::Retry { .. }) => {}
        }
    }

    pub(super) fn cancelled(&mut self, meta: &JobMeta, reason: CancelReason, now: Timestamp) {
        let end = match reason {
            CancelReason::Expired => End::Expired,
            CancelReason::DeadlinePassed => End::DeadlinePassed,
            other => panic!("nobody asked for {other:?}"),
        };
        let watch = self.watch(&meta.endpoint);
        let receiver = watch.receiver.as_ref().unwrap();
        if end == End::DeadlinePassed && !receiver.fifo {
            assert!(watch.ever_opened, "{}: no chance", meta.delivery);
            let late = now.since(meta.deadline);
            assert!(late <= LAST_LOOK, "{}: {late:?} late", meta.delivery);
        }
        self.end(meta, end, now);
    }

    fn end(&mut self, meta: &JobMeta, end: End, now: Timestamp) {
        let watch = self.watch(&meta.endpoint);
        watch.open.remove(&meta.order.unwrap());
        if watch.open.is_empty() {
            // It is forgotten some time after that, which only makes it get more.
            watch.breaker = None;
        }
        let recovers = watch.receiver.as_ref().and_then(Receiver::recovers_after);
        if recovers.is_some_and(|after| after <= 25 * HOUR) {
            assert_eq!(end, End::Delivered, "{} at {now}", meta.delivery);
        }
        let life = self.lives.get_mut(&meta.delivery).unwrap();
        assert_eq!(
            life.end.replace(end),
            None,
            "{}: ended twice",
            meta.delivery
        );
        *self.summary.ends.entry(end).or_default() += 1;
    }

    pub(super) fn breaker_opened(&mut self, id: &EndpointId, now: Timestamp) {
        self.summary.breakers_opened += 1;
        let watch = self.watch(id);
        let times = watch.breaker.map_or(1, |breaker| breaker.times + 1);
        let wait = LIMITS.breaker_open * 2_u32.pow((times - 1).min(10));
        let until = now.plus(wait.min(LONGEST_OPEN).mul_f64(0.8));
        watch.breaker = Some(Breaker {
            times,
            since: now,
            until,
        });
        watch.ever_opened = true;
    }

    /// What was in flight counts as if it had never been.
    pub(super) fn sender_died(&mut self) {
        for life in self.lives.values_mut() {
            self.summary.repeated += u32::from(life.in_flight.take().is_some());
        }
        for watch in self.watches.values_mut() {
            watch.in_flight = 0;
        }
    }

    /// The new owner knows nothing of how endpoints do.
    pub(super) fn handed_over(&mut self) {
        for watch in self.watches.values_mut() {
            watch.breaker = None;
            watch.held = None;
            watch.starts.clear();
        }
    }

    pub(super) fn finish(mut self, took: Duration) -> Summary {
        for (id, life) in &self.lives {
            assert!(life.end.is_some(), "{id} never ended");
        }
        self.check_the_table();
        self.summary.worlds = 1;
        self.summary.deliveries = u32::try_from(self.lives.len()).unwrap();
        self.summary.reads = self.reads;
        self.summary.hours = took.as_secs() / 3_600;
        self.summary
    }

    /// The default schedule makes 12 attempts over 42 h 42 min 35 s, more or less by a tenth.
    fn check_the_table(&self) {
        for name in ["quiet-fails", "quiet-hangs"] {
            let id = DeliveryId::scheduled(
                &EventId::parse("event_0").unwrap(),
                &EndpointId::parse(&format!("ep_{name}")).unwrap(),
            );
            let life = &self.lives[&id];
            assert_eq!((life.attempts, life.end), (12, Some(End::Exhausted)));
            if self.calm {
                let total = life.starts[11].since(life.starts[0]);
                let table = Duration::from_secs(42 * 3_600 + 42 * 60 + 35);
                let (least, most) = (table.mul_f64(0.9), table.mul_f64(1.1) + 2 * LAST_CHANCE);
                assert!((least..=most).contains(&total), "{name}: {total:?}");
            }
        }
    }

    fn watch(&mut self, id: &EndpointId) -> &mut Watch {
        self.watches.get_mut(id).unwrap()
    }
}
