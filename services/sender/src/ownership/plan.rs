//! Which partitions a sender should have, from what all senders say. Pure.

use std::collections::{BTreeMap, BTreeSet};

use posthorn_event_schema::Partition;

use crate::heart::Said;

/// What a sender should change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) claim: BTreeSet<Partition>,
    pub(super) release: BTreeSet<Partition>,
    /// Partitions that it is to have, and another still holds.
    pub(super) awaited: BTreeSet<Partition>,
}

/// Decides from what all others say and from what this sender holds.
pub(super) fn plan(me: &str, others: &BTreeMap<String, Said>, held: &BTreeSet<Partition>) -> Plan {
    let mut plan = Plan::default();
    for partition in Partition::all() {
        let mine = partition.weight_of(me);
        let staying = others.iter().filter(|(_, said)| !said.leaving);
        let is_best = staying.into_iter().all(|(other, _)| {
            let theirs = partition.weight_of(other);
            (mine, me) > (theirs, other.as_str())
        });
        let taken = others.values().any(|said| said.holds.contains(&partition));
        match (is_best, held.contains(&partition)) {
            (true, false) if taken => plan.awaited.insert(partition),
            (true, false) => plan.claim.insert(partition),
            (false, true) => plan.release.insert(partition),
            (true, true) | (false, false) => false,
        };
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    type Others = BTreeMap<String, Said>;

    fn others(names: &[&str]) -> Others {
        names
            .iter()
            .map(|name| ((*name).to_owned(), Said::default()))
            .collect()
    }

    fn holder(name: &str, holds: &BTreeSet<Partition>, leaving: bool) -> Others {
        let holds = holds.clone();
        Others::from([(name.to_owned(), Said { holds, leaving })])
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
        let release = plan("a", &others(&["b"]), &all).release;
        assert!(!release.is_empty() && release.len() < all.len());
        let waiting = plan("b", &holder("a", &all, false), &BTreeSet::new());
        assert_eq!(waiting.awaited, release);
        assert!(waiting.claim.is_empty() && waiting.release.is_empty());
        let kept: BTreeSet<_> = all.difference(&release).copied().collect();
        let next = plan("b", &holder("a", &kept, false), &BTreeSet::new());
        assert_eq!(next.claim, release);
        assert!(next.awaited.is_empty());
    }

    #[test]
    fn who_stays_waits_for_all_that_a_leaver_still_holds() {
        let all: BTreeSet<_> = Partition::all().collect();
        let waiting = plan("b", &holder("a", &all, true), &BTreeSet::new());
        assert_eq!(waiting.awaited, all);
        let free = plan("b", &holder("a", &BTreeSet::new(), true), &BTreeSet::new());
        assert_eq!(free.claim, all);
    }
}
