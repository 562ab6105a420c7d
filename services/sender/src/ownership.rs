//! Which partitions this sender owns.
//!
//! Every sender says in regular heartbeats that it lives and which partitions it holds; an entry
//! that is not renewed expires. The living split the partitions by rendezvous hashing, so a sender
//! that joins or leaves moves only its own share.
//!
//! A partition is taken only when no other living sender says that it holds it. Claiming means
//! saying so first and then looking again: of two that claim at once, at least one sees the other
//! and steps back. A partition is let go only when its work in flight has ended. So a hand-over
//! between living senders is without overlap, and after a death it takes [`MEMBER_TTL`] and a
//! heartbeat.
//!
//! What a lost race would cost is a duplicate, never a loss: the queue decides what is done.
//!
//! [`MEMBER_TTL`]: posthorn_bus::topology::MEMBER_TTL

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use posthorn_bus::members::{Member, Members};
use posthorn_bus::{Bus, BusError};
use posthorn_chassis::readiness::Gate;
use posthorn_chassis::{error_chain, metric};
use posthorn_event_schema::Partition;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::partition::{Owner, Shared};

/// How often a sender says that it lives; a third of the time after which it counts as dead.
const HEARTBEAT: Duration = Duration::from_secs(2);

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
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Keeps this sender's share of the partitions.
pub(crate) struct Ownership {
    me: Arc<str>,
    members: Members,
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
        Ok(Self {
            me,
            members,
            shared,
            held: BTreeMap::new(),
            gate,
        })
    }

    /// Owns partitions until shutdown, then lets all of them go and leaves.
    pub(crate) async fn run(mut self) {
        let shutdown = self.shared.shutdown.clone();
        while !shutdown.is_requested() {
            match self.round().await {
                Ok(()) => self.gate.ready(),
                Err(error) => {
                    let reason = error_chain::chain(&error);
                    tracing::warn!(reason, "no heartbeat");
                    self.gate.unready("no heartbeat could be sent");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(HEARTBEAT) => {}
                () = shutdown.requested() => {}
            }
        }
        self.leave().await;
    }

    async fn round(&mut self) -> Result<(), BusError> {
        self.held.retain(|_, held| !held.task.is_finished());
        self.say(BTreeSet::new()).await?;
        let others = self.others().await?;
        let held = self.held.keys().copied().collect();
        let plan = plan(&self.me, &others, &held);
        for partition in &plan.release {
            if let Some(held) = self.held.get(partition) {
                held.stop.cancel();
            }
        }
        if !plan.claim.is_empty() {
            self.claim(plan.claim).await?;
        }
        self.report();
        Ok(())
    }

    fn report(&self) {
        let gauge = |count: usize| u64::try_from(count).unwrap_or_default();
        metric::Gauge::SenderPartitions.set(gauge(self.held.len()), &[]);
        metric::Gauge::SenderInFlight.set(gauge(self.shared.places.taken()), &[]);
        metric::Gauge::SenderQueued.set(gauge(self.shared.memory.waiting()), &[]);
    }

    /// Says first that it holds the partitions, then looks whether somebody else says so, too.
    async fn claim(&mut self, wanted: BTreeSet<Partition>) -> Result<(), BusError> {
        self.say(wanted.clone()).await?;
        let others = self.others().await?;
        let taken = |partition: &Partition| others.values().any(|holds| holds.contains(partition));
        let (lost, won): (Vec<_>, Vec<_>) = wanted.into_iter().partition(taken);
        tracing::info!(won = won.len(), lost = lost.len(), "partitions claimed");
        for partition in won {
            let stop = CancellationToken::new();
            let owner = Owner::new(partition, Arc::clone(&self.shared), stop.clone());
            let task = self.shared.shutdown.spawn("partition", owner.run());
            self.held.insert(partition, Held { stop, task });
        }
        if lost.is_empty() {
            Ok(())
        } else {
            self.say(BTreeSet::new()).await
        }
    }

    async fn say(&self, also: BTreeSet<Partition>) -> Result<(), BusError> {
        let holds = self.held.keys().copied().chain(also).collect();
        self.members
            .heartbeat(&self.me, &Member { holds })
            .await
            .map(drop)
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
    async fn leave(mut self) {
        for held in self.held.values() {
            held.stop.cancel();
        }
        let mut beats = tokio::time::interval(HEARTBEAT);
        while !self.held.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(DRAIN_LOOK) => {}
                _ = beats.tick() => {
                    if let Err(error) = self.say(BTreeSet::new()).await {
                        tracing::warn!(error = %error, "no heartbeat while draining");
                    }
                }
            }
            self.held.retain(|_, held| !held.task.is_finished());
        }
        if let Err(error) = self.members.leave(&self.me).await {
            tracing::warn!(error = %error, "not left, the entry expires by itself");
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
