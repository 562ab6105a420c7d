//! Whole lives of deliveries, hour by hour, with the clock passed in: the real lanes, retry policy,
//! health and throttle against receivers of many kinds.
//!
//! The world around them is small: a waiting room in memory ([`waiting_room`]), receivers that answer
//! as they are told ([`receiver`]), an owner that hands on what happens as the partition's task does
//! ([`owner`]), and a journal that objects as soon as a rule is broken ([`journal`]). Everything is
//! drawn from a seed, so a seed that fails is a test.

mod dice;
mod journal;
mod life;
mod owner;
mod receiver;
mod summary;
mod waiting_room;

use std::time::Duration;

use dice::Dice;
use owner::{Owner, Trouble};
use summary::Summary;

/// Worlds in which nothing but receivers fails.
const CALM: std::ops::Range<u64> = 0..12;
/// Worlds in which senders die, hand over and fail as well.
const TROUBLED: std::ops::Range<u64> = 100..112;

fn summary_of(seeds: std::ops::Range<u64>, trouble: &Trouble) -> Summary {
    let mut all = Summary::default();
    for seed in seeds {
        let mut dice = Dice::new(seed);
        let receivers = receiver::mix(&mut dice);
        let mut owner = Owner::new(seed, &receivers, trouble.clone(), dice);
        owner.run();
        all.add(&owner.finish());
    }
    all
}

#[test]
fn attempts_follow_their_schedules_through_48_hours() {
    let all = summary_of(CALM, &Trouble::none());
    println!("calm: {all}");
    all.assert_everything_happened();
    assert_eq!(all.late_for_no_reason, 0);
}

#[test]
fn attempts_follow_their_schedules_though_senders_fail() {
    let trouble = Trouble {
        hand_over_every: Some(Duration::from_secs(20 * 60)),
        crashes_in_a_hundred: 40,
        kept_in_a_thousand: 5,
        unread_in_a_thousand: 5,
    };
    let all = summary_of(TROUBLED, &trouble);
    println!("troubled: {all}");
    all.assert_everything_happened();
    assert!(
        all.repeated > 0,
        "no sender died in the middle of something"
    );
}
