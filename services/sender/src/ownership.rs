//! Which partitions this sender owns.
//!
//! Every sender says in regular heartbeats (`heart`) that it lives and which
//! partitions it holds; an entry that is not renewed expires. The living split the partitions by
//! rendezvous hashing, so a sender that joins or leaves moves only its own share.
//!
//! A partition is taken only when no other living sender says that it holds it. Claiming means
//! saying so first and then looking again: of two that claim at once, at least one sees the other
//! and steps back. A partition is let go only when its work in flight has ended. So a hand-over
//! between living senders is without overlap, and after a death it takes [`MEMBER_TTL`] and a
//! heartbeat.
//!
//! A partition rests from the moment at which its holder stops until its successor has seen that, so both
//! look often meanwhile, and a sender that leaves says so before it stops.
//! Shown by `a_hand_over_takes_a_moment`.
//!
//! A sender whose heartbeats do not arrive, or that was frozen, stops by itself before the others may
//! begin (`lease`): it starts no attempt any more, and claims anew when it is back.
//! Shown by `a_sender_that_was_frozen_repeats_no_more_than_it_had_in_flight`.
//!
//! What a lost race would cost is a duplicate, never a loss: the queue decides what is done.
//!
//! [`MEMBER_TTL`]: posthorn_bus::topology::MEMBER_TTL

mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::members::{Member, Members};
use posthorn_bus::{Bus, BusError};
use posthorn_chassis::readiness::Gate;
use posthorn_chassis::{error_chain, metric};
use posthorn_event_schema::Partition;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::heart::{Heart, Said};
use crate::lease::{Lease, Tenure};
use crate::partition::{Owner, Shared};
use plan::plan;

/// How often a sender looks who lives.
const ROUND: Duration = Duration::from_secs(2);

/// How often a sender looks whether partitions that it lets go are empty.
const DRAIN_LOOK: Duration = Duration::from_millis(50);

/// How often a sender looks, at first and at last, whether partitions that it is to have are free. With twenty
/// senders and one that died, that makes 800 small reads a second for six seconds.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_millis(500);

/// What a look at the others came to.
enum Look {
    /// No heartbeat of this sender arrives.
    Cut,
    /// Every partition is where it belongs.
    Settled,
    /// It is to have partitions that others still hold.
    Waiting,
}

/// A partition that this sender holds.
struct Held {
    tenure: Tenure,
    task: JoinHandle<()>,
}

/// Keeps this sender's share of the partitions.
pub(crate) struct Ownership {
    me: Arc<str>,
    members: Members,
    heart: Heart,
    lease: Arc<Lease>,
    shared: Arc<Shared>,
    held: BTreeMap<Partition, Held>,
    leaving: bool,
    gate: Gate,
}

impl Ownership {
    pub(crate) async fn new(
        bus: &Bus,
        me: Arc<str>,
        shared: Arc<Shared>,
        gate: Gate,
    ) -> Result<Self, BusError> {
        let members = bus.members().await?;
        let lease = Arc::new(Lease::default());
        Ok(Self {
            heart: Heart::new(
                Arc::clone(&me),
                members.clone(),
                Arc::clone(&lease),
                shared.attempts.schedule.millis(),
            ),
            me,
            members,
            lease,
            shared,
            held: BTreeMap::new(),
            leaving: false,
            gate,
        })
    }

    /// Owns partitions until shutdown, then lets all of them go and leaves.
    pub(crate) async fn run(mut self) {
        let shutdown = self.shared.shutdown.clone();
        let at_end = CancellationToken::new();
        let beating = self.heart.clone().run(at_end.clone());
        let beating = shutdown.spawn("heartbeat", beating);
        // Also in a panic: a sender that looks after nothing must not seem to live.
        let at_end = at_end.drop_guard();
        let mut pause = ROUND;
        while !shutdown.is_requested() {
            let look = self.round().await;
            pause = match &look {
                Ok(Look::Waiting) if pause == ROUND => FIRST_LOOK,
                Ok(Look::Waiting) => LAST_LOOK.min(pause * 2),
                Ok(Look::Settled | Look::Cut) | Err(_) => ROUND,
            };
            match look {
                Ok(Look::Settled | Look::Waiting) => self.gate.ready(),
                Ok(Look::Cut) => self.gate.unready("no heartbeat could be sent"),
                Err(error) => {
                    let reason = error_chain::chain(&error);
                    tracing::warn!(reason, "the senders could not be listed");
                    self.gate.unready("the senders could not be listed");
                }
            }
            tokio::select! {
                () = self.rest(pause) => {}
                () = shutdown.requested() => {}
            }
        }
        self.announce_leave().await;
        self.let_all_go().await;
        drop(at_end);
        // Its panic would have been logged; the entry then expires by itself.
        beating.await.ok();
        if let Err(error) = self.members.leave(&self.me).await {
            tracing::warn!(error = %error, "not left, the entry expires by itself");
        }
    }

    /// Waits for the next round, and says meanwhile which partitions are let go as soon as they are.
    async fn rest(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        while self.held.values().any(|held| held.tenure.is_over()) {
            let next = Instant::now() + DRAIN_LOOK;
            tokio::time::sleep_until(next.min(until)).await;
            if Instant::now() >= until {
                return;
            }
            self.say_what_is_held().await;
        }
        tokio::time::sleep_until(until).await;
    }

    /// Looks who lives, and changes what this sender holds.
    async fn round(&mut self) -> Result<Look, BusError> {
        self.say_what_is_held().await;
        if !self.lease.check(Instant::now()) && !self.heart.beat().await {
            return Ok(Look::Cut);
        }
        let others = self.others().await?;
        let plan = plan(&self.me, &others, &self.holds());
        for partition in &plan.release {
            if let Some(held) = self.held.get(partition) {
                held.tenure.end();
            }
        }
        if !plan.claim.is_empty() {
            self.claim(&plan.claim).await?;
        }
        self.report();
        Ok(if plan.awaited.is_empty() {
            Look::Settled
        } else {
            Look::Waiting
        })
    }

    async fn say_what_is_held(&mut self) {
        self.forget_ended();
        self.heart.say(self.said()).await;
    }

    fn said(&self) -> Said {
        Said {
            holds: self.holds(),
            leaving: self.leaving,
        }
    }

    fn holds(&self) -> BTreeSet<Partition> {
        self.held.keys().copied().collect()
    }

    fn forget_ended(&mut self) {
        self.held.retain(|_, held| !held.task.is_finished());
    }

    fn report(&self) {
        let gauge = |count: usize| u64::try_from(count).unwrap_or_default();
        metric::Gauge::SenderPartitions.set(gauge(self.held.len()), &[]);
        metric::Gauge::SenderInFlight.set(gauge(self.shared.places.taken()), &[]);
        metric::Gauge::SenderQueued.set(gauge(self.shared.memory.waiting()), &[]);
    }

    /// Says first that it holds the partitions, then looks whether somebody else says so, too.
    async fn claim(&mut self, wanted: &BTreeSet<Partition>) -> Result<(), BusError> {
        // From before the claim is made: if the lease runs out meanwhile, nothing is claimed.
        let term = self.lease.term();
        let mut said = self.said();
        said.holds.extend(wanted);
        if !self.heart.say(said).await {
            return Ok(());
        }
        let others = self.others().await?;
        let taken = |partition: &Partition| {
            let holds = |said: &Said| said.holds.contains(partition);
            others.values().any(holds)
        };
        let (lost, won): (Vec<_>, Vec<_>) = wanted.iter().copied().partition(taken);
        tracing::info!(won = won.len(), lost = lost.len(), "partitions claimed");
        for partition in won {
            let tenure = term.tenure();
            let owner = Owner::new(partition, Arc::clone(&self.shared), tenure.clone());
            let task = self.shared.shutdown.spawn("partition", owner.run());
            self.held.insert(partition, Held { tenure, task });
        }
        // Takes back what was lost.
        self.heart.say(self.said()).await;
        Ok(())
    }

    async fn others(&self) -> Result<BTreeMap<String, Said>, BusError> {
        let members = self.members.list().await?;
        let others = members.into_iter().filter(|(name, _)| **name != *self.me);
        let said = |member: Member| Said {
            holds: member.holds.into_iter().collect(),
            leaving: member.leaving,
        };
        Ok(others
            .map(|(name, (member, _))| (name, said(member)))
            .collect())
    }

    /// Says that this sender is about to stop, and works on until every other sender must have seen it.
    async fn announce_leave(&mut self) {
        self.leaving = true;
        let stay = |others: BTreeMap<String, Said>| others.values().any(|said| !said.leaving);
        let others = timeout(ROUND, self.others()).await;
        let has_successor = others.is_ok_and(|others| others.is_ok_and(stay));
        if has_successor && !self.held.is_empty() && self.heart.say(self.said()).await {
            tokio::time::sleep(ROUND).await;
        }
    }

    /// Lets all partitions go. Until one of them is empty we go on saying that we hold it:
    /// a successor that began earlier would repeat what is in flight here.
    async fn let_all_go(&mut self) {
        for held in self.held.values() {
            held.tenure.end();
        }
        while !self.held.is_empty() {
            tokio::time::sleep(DRAIN_LOOK).await;
            self.say_what_is_held().await;
        }
    }
}
