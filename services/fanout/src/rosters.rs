//! Which rosters history has, so that they need not be told again. Pure.
//!
//! Only saves bytes: a roster is told with the first decision of a day that is about it, by each process,
//! and with those that follow until that one is stored; and it is told anew every hour, should the
//! history have been put back to what it was.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use posthorn_event_schema::{ApplicationId, FanoutVerdict, RosterId};

/// How long a roster counts as known.
const KEPT: Duration = Duration::from_secs(3_600);
/// Rosters remembered; beyond them all are forgotten. About 100 bytes each.
const MOST: usize = 20_000;
const MICROS_OF_A_DAY: i64 = 24 * 3_600 * 1_000_000;

/// Of an application, on the UTC day of the events.
type Key = (ApplicationId, RosterId, i64);

/// The rosters that were stored.
#[derive(Debug, Default)]
pub struct Rosters(Mutex<HashMap<Key, Instant>>);

impl Rosters {
    /// Takes the roster out of a decision if history has it.
    pub fn take_out_known(&self, decision: &mut FanoutVerdict, now: Instant) {
        let Some(key) = key(decision) else { return };
        let stored = self.lock().get(&key).copied();
        if stored.is_some_and(|at| now.saturating_duration_since(at) < KEPT)
            && let Some(left_out) = &mut decision.left_out
        {
            left_out.endpoints = None;
        }
    }

    /// Notes that a decision is stored, and with it the roster that it brought along; `false` when so
    /// many were known that all of them were forgotten.
    pub fn note_stored(&self, decision: &FanoutVerdict, now: Instant) -> bool {
        let brought = |decision: &FanoutVerdict| {
            let left_out = decision.left_out.as_ref();
            left_out.is_some_and(|left_out| left_out.endpoints.is_some())
        };
        let Some(key) = key(decision).filter(|_| brought(decision)) else {
            return true;
        };
        let mut known = self.lock();
        let fits = known.len() < MOST;
        if !fits {
            known.clear();
        }
        known.insert(key, now);
        fits
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(decision: &FanoutVerdict) -> Option<Key> {
    let roster = decision.left_out.as_ref()?.roster;
    let day = decision
        .accepted_at
        .as_unix_micros()
        .div_euclid(MICROS_OF_A_DAY);
    Some((decision.application.clone(), roster, day))
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::Timestamp;

    use super::*;

    fn decision(roster: u8, day: i64) -> FanoutVerdict {
        let json = format!(
            r#"{{"v":1,"event":"e","organization":"org_1","application":"app_1","type":"a","accepted_at":{},
                "decided_at":0,"part":0,"endpoints":[],
                "left_out":{{"roster":"{roster:032x}","endpoints":["ep_1"],"verdicts":"t"}}}}"#,
            Timestamp::from_unix_micros(day * MICROS_OF_A_DAY + 5).as_unix_micros()
        );
        serde_json::from_str(&json).unwrap()
    }

    fn brings(rosters: &Rosters, mut decision: FanoutVerdict, now: Instant) -> bool {
        rosters.take_out_known(&mut decision, now);
        decision.left_out.unwrap().endpoints.is_some()
    }

    #[test]
    fn a_roster_is_told_until_it_is_stored_and_anew_each_day_and_hour() {
        let rosters = Rosters::default();
        let now = Instant::now();
        assert!(brings(&rosters, decision(1, 7), now));
        assert!(rosters.note_stored(&decision(1, 7), now));
        assert!(!brings(&rosters, decision(1, 7), now));
        assert!(brings(&rosters, decision(2, 7), now), "another roster");
        assert!(brings(&rosters, decision(1, 8), now), "another day");
        assert!(brings(&rosters, decision(1, 7), now + KEPT));
        // What did not bring it along does not make it younger.
        let mut known = decision(1, 7);
        rosters.take_out_known(&mut known, now);
        assert!(rosters.note_stored(&known, now + KEPT / 2));
        assert!(brings(&rosters, decision(1, 7), now + KEPT));
    }

    #[test]
    fn so_many_are_remembered() {
        let rosters = Rosters::default();
        let now = Instant::now();
        for day in 0..i64::try_from(MOST).unwrap() {
            assert!(rosters.note_stored(&decision(1, day), now));
        }
        assert!(!rosters.note_stored(&decision(2, 0), now));
        assert!(!brings(&rosters, decision(2, 0), now));
        assert!(brings(&rosters, decision(1, 0), now));
    }
}
