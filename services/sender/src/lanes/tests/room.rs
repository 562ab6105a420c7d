//! When there is no room for visits to lanes.

use super::*;

/// Starts whatever may, with room for so many visits to lanes of retries.
fn starts_with(lanes: &mut Lanes<u32>, mut room: usize) -> Vec<Start<u32>> {
    let mut found = Vec::new();
    let mut ask = |rank| {
        assert_eq!(rank, Rank::Retry);
        let has = room > 0;
        room = room.saturating_sub(1);
        has
    };
    while let Some(start) = lanes.next_start(at(100), &mut ask, |_| true) {
        found.push(start);
    }
    found
}

fn endpoints(starts: &[Start<u32>]) -> Vec<EndpointId> {
    let of = |start: &Start<u32>| match start {
        Start::Head { lane, .. } => lane.endpoint.clone(),
        Start::Job(job) => panic!("job {job}"),
    };
    starts.iter().map(of).collect()
}

#[test]
fn without_room_no_lane_is_read_and_jobs_start_all_the_same() {
    let mut lanes = lanes(8, 8);
    lanes.placed(&ep("a"), retry(2), 5, at(0));
    assert_eq!(starts_with(&mut lanes, 0), []);
    lanes.offer(&ep("a"), 1, true, at(100));
    assert_eq!(starts_with(&mut lanes, 0), [Start::Job(1)]);
    assert!(lanes.lacks_room(Rank::Retry));
    assert!(!lanes.lacks_room(Rank::First));
}

#[test]
fn who_waits_longest_gets_the_room_and_one_gets_one() {
    let mut lanes = lanes(8, 8);
    for name in ["a", "b", "c"] {
        lanes.placed(&ep(name), retry(2), 5, at(0));
    }
    assert_eq!(starts_with(&mut lanes, 0), []);
    let mut order = Vec::new();
    for _ in 0..3 {
        assert!(lanes.has_room(Rank::Retry));
        order.extend(endpoints(&starts_with(&mut lanes, 1)));
    }
    assert_eq!(order, [ep("a"), ep("b"), ep("c")]);
}

#[test]
fn room_that_nobody_wants_is_told_so() {
    let mut lanes = lanes(8, 8);
    lanes.placed(&ep("a"), retry(2), 1, at(0));
    assert_eq!(starts_with(&mut lanes, 0), []);
    assert!(lanes.has_room(Rank::Retry));
    assert_eq!(endpoints(&starts_with(&mut lanes, 1)), [ep("a")]);
    let none = Head::Empty;
    lanes.head_read(&ep("a"), retry(2), none, at(100));
    assert!(!lanes.has_room(Rank::Retry));
    assert!(!lanes.has_room(Rank::First));
}
