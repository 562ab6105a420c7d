//! What came of it all, to be printed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Delivered,
    Exhausted,
    Expired,
    DeadlinePassed,
}

/// What came of it all.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) worlds: u32,
    pub(super) deliveries: u32,
    pub(super) requests: u32,
    pub(super) repeated: u32,
    pub(super) reads: u64,
    pub(super) breakers_opened: u32,
    pub(super) ends: BTreeMap<End, u32>,
    pub(super) hours: u64,
    pub(super) late_for_no_reason: u32,
    pub(super) latest: Duration,
}

impl Summary {
    pub(super) fn add(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.deliveries += other.deliveries;
        self.requests += other.requests;
        self.repeated += other.repeated;
        self.reads += other.reads;
        self.breakers_opened += other.breakers_opened;
        self.hours += other.hours;
        self.late_for_no_reason += other.late_for_no_reason;
        self.latest = self.latest.max(other.latest);
        for (end, count) in &other.ends {
            *self.ends.entry(*end).or_default() += count;
        }
    }

    /// A world in which nothing expires says nothing about expiry.
    pub(super) fn assert_everything_happened(&self) {
        for end in [
            End::Delivered,
            End::Exhausted,
            End::Expired,
            End::DeadlinePassed,
        ] {
            assert!(self.ends.contains_key(&end), "no {end:?}: {self}");
        }
        assert!(self.breakers_opened > 0, "{self}");
        let reads_per_request = self.reads / u64::from(self.requests);
        assert!(reads_per_request < 4, "reads for nothing: {self}");
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} worlds, {} hours, {} deliveries, {} requests ({} repeated), {} reads, {} breakers \
             opened, ends {:?}, latest {:?} late",
            self.worlds,
            self.hours,
            self.deliveries,
            self.requests,
            self.repeated,
            self.reads,
            self.breakers_opened,
            self.ends,
            self.latest,
        )
    }
}
