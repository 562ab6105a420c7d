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
//! A sender whose heartbeats do not arrive, or that was frozen, stops by itself before the others may
//! begin (`lease`): it starts no attempt any more, and claims anew when it is back.
//! Shown by `a_sender_that_was_frozen_repeats_no_more_than_it_had_in_flight`.
//!
//! What a lost race would cost is a duplicate, never a loss: the queue decides what is done.
//!
//! [`MEMBER_TTL`]: posthorn_bus::topology::MEMBER_TTL

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::members::Members;
use posthorn_bus::{Bus, BusError};
use posthorn_chassis::readiness::Gate;
use posthorn_chassis::{error_chain, metric};
use posthorn_event_schema::Partition;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::heart::Heart;
use crate::lease::{Lease, Tenure};
use crate::partition::{Owner, Shared};

/// How often a sender looks who lives.
const ROUND: Duration = Duration::from_secs(2);

/// How often a sender that leaves looks whether its partitions are empty.
const DRAIN_LOOK: Duration = Duration::from_millis(50);

/// What a sender should change. Pure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    claim: BTreeSet<Partition>,
    release: BTreeSet<Partition>,
}

/// Decides from what all others say and from what this sender holds.
fn plan(
    me: &str,
    others: &BTreeMap<String, BTreeSet<Partition>>,
    held: &BTreeSet<Partition>,
) -> Plan {
    let mut plan = Plan::default();
    for partition in Partition::all() {
        let mine = partition.weight_of(me);
        let is_best = others.keys().all(|other| {
            let theirs = partition.weight_of(other);
            (mine, me) > (theirs, other.as_str())
        });
        let taken = others.values().any(|holds| holds.contains(&partition));
        if is_best && !held.contains(&partition) && !taken {
            plan.claim.insert(partition);
        } else if !is_best && held.contains(&partition) {
            plan.release.insert(partition);
        }
    }
    plan
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
        while !shutdown.is_requested() {
            match self.round().await {
                Ok(true) => self.gate.ready(),
                Ok(false) => self.gate.unready("no heartbeat could be sent"),
                Err(error) => {
                    let reason = error_chain::chain(&error);
                    tracing::warn!(reason, "the senders could not be listed");
                    self.gate.unready("the senders could not be listed");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                () = shutdown.requested() => {}
            }
        }
        self.let_all_go().await;
        drop(at_end);
        // Its panic would have been logged; the entry then expires by itself.
        beating.await.ok();
        if let Err(error) = self.members.leave(&self.me).await {
            tracing::warn!(error = %error, "not left, the entry expires by itself");
        }
    }

    /// Looks who lives, and changes what this sender holds; tells whether it has a valid lease.
    async fn round(&mut self) -> Result<bool, BusError> {
        self.forget_ended();
        self.heart.say(self.holds()).await;
        if !self.lease.check(Instant::now()) && !self.heart.beat().await {
            return Ok(false);
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
        Ok(true)
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
        let holds = self.holds();
        if !self.heart.say(holds.union(wanted).copied().collect()).await {
            return Ok(());
        }
        let others = self.others().await?;
        let taken = |partition: &Partition| others.values().any(|holds| holds.contains(partition));
        let (lost, won): (Vec<_>, Vec<_>) = wanted.iter().copied().partition(taken);
        tracing::info!(won = won.len(), lost = lost.len(), "partitions claimed");
        for partition in won {
            let tenure = term.tenure();
            let owner = Owner::new(partition, Arc::clone(&self.shared), tenure.clone());
            let task = self.shared.shutdown.spawn("partition", owner.run());
            self.held.insert(partition, Held { tenure, task });
        }
        // Takes back what was lost.
        self.heart.say(self.holds()).await;
        Ok(())
    }

    async fn others(&self) -> Result<BTreeMap<String, BTreeSet<Partition>>, BusError> {
        let members = self.members.list().await?;
        let others = members.into_iter().filter(|(name, _)| **name != *self.me);
        Ok(others
            .map(|(name, (member, _))| (name, member.holds.into_iter().collect()))
            .collect())
    }

    /// Lets all partitions go. Until the last of them is empty we go on saying that we hold it:
    /// a successor that began earlier would repeat what is in flight here.
    async fn let_all_go(&mut self) {
        for held in self.held.values() {
            held.tenure.end();
        }
        while !self.held.is_empty() {
            tokio::time::sleep(DRAIN_LOOK).await;
            self.forget_ended();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Others = BTreeMap<String, BTreeSet<Partition>>;

    fn others(names: &[&str]) -> Others {
        names
            .iter()
            .map(|name| ((*name).to_owned(), BTreeSet::new()))
            .collect()
    }

    #[test]
    fn alone_a_sender_claims_everything() {
        let plan = plan("a", &Others::new(), &BTreeSet::new());
        assert_eq!(plan.claim.len(), usize::from(Partition::COUNT));
        assert!(plan.release.is_empty());
    }

    #[test]
    fn together_they_claim_everything_once() {
        let mut claimed = BTreeSet::new();
        for (me, rest) in [("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"])] {
            for partition in plan(me, &others(&rest), &BTreeSet::new()).claim {
                assert!(claimed.insert(partition), "{partition} claimed twice");
            }
        }
        assert_eq!(claimed.len(), usize::from(Partition::COUNT));
    }

    #[test]
    fn a_newcomer_waits_until_the_holder_has_let_go() {
        let all: BTreeSet<_> = Partition::all().collect();
        let holder = Others::from([("a".to_owned(), all.clone())]);
        assert_eq!(plan("b", &holder, &BTreeSet::new()), Plan::default());
        let release = plan("a", &others(&["b"]), &all).release;
        assert!(!release.is_empty() && release.len() < all.len());
        let kept: BTreeSet<_> = all.difference(&release).copied().collect();
        let holder = Others::from([("a".to_owned(), kept)]);
        assert_eq!(plan("b", &holder, &BTreeSet::new()).claim, release);
    }
}
