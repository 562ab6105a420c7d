use std::time::Duration;

use posthorn_event_schema::AttemptNumber;

use super::*;

fn ep(name: &str) -> EndpointId {
    EndpointId::parse(&format!("ep_{name}")).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::default().plus(Duration::from_secs(seconds))
}

fn lanes(cap: usize, queue: usize) -> Lanes<u32> {
    Lanes::new(Limits {
        endpoint_in_flight: cap,
        endpoint_queue: queue,
    })
}

fn retry(number: u16) -> Lane {
    Lane::attempt(AttemptNumber::new(number), Duration::from_secs(1))
}

fn starts(lanes: &mut Lanes<u32>, now: Timestamp) -> Vec<Start<u32>> {
    std::iter::from_fn(|| lanes.next_start(now)).collect()
}

#[test]
fn an_endpoint_never_has_more_in_flight_than_its_cap() {
    let mut lanes = lanes(2, 10);
    for job in 0..5 {
        assert_eq!(lanes.offer(&ep("a"), job, true), Offer::Taken);
    }
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(0), Start::Job(1)]);
    lanes.finished(&ep("a"), Origin::Memory, None, at(0));
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(2)]);
    assert_eq!(lanes.queued(), 2);
}

#[test]
fn what_does_not_fit_is_parked_and_newer_jobs_join_behind_it() {
    let mut lanes = lanes(1, 1);
    assert_eq!(lanes.offer(&ep("a"), 0, true), Offer::Taken);
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(0)]);
    assert_eq!(lanes.offer(&ep("a"), 1, true), Offer::Taken);
    assert_eq!(lanes.offer(&ep("a"), 2, true), Offer::Park(2));
    lanes.parked(&ep("a"), true, at(0));
    lanes.finished(&ep("a"), Origin::Memory, None, at(0));
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(1)]);
    assert_eq!(
        lanes.offer(&ep("a"), 3, true),
        Offer::Park(3),
        "2 is parked, so 3 goes behind it"
    );
    lanes.parked(&ep("a"), true, at(0));
    lanes.finished(&ep("a"), Origin::Memory, None, at(0));
    let next = WaitingSubject {
        lane: Lane::Next,
        endpoint: ep("a"),
    };
    assert_eq!(
        starts(&mut lanes, at(0)),
        [Start::Head {
            lane: next.clone(),
            from: 0
        }]
    );
    lanes.head_read(&ep("a"), Lane::Next, Head::Due { sequence: 7 }, at(0));
    lanes.finished(&ep("a"), Origin::Lane(Lane::Next), None, at(0));
    assert_eq!(
        starts(&mut lanes, at(0)),
        [Start::Head {
            lane: next,
            from: 8
        }]
    );
}

#[test]
fn a_full_process_parks_what_cannot_start_at_once() {
    let mut lanes = lanes(1, 10);
    assert_eq!(
        lanes.offer(&ep("a"), 0, false),
        Offer::Taken,
        "it starts at once"
    );
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(0)]);
    assert_eq!(lanes.offer(&ep("a"), 1, false), Offer::Park(1));
}

#[test]
fn a_busy_endpoint_does_not_hold_up_the_others() {
    let mut lanes = lanes(3, 10);
    for job in 0..3 {
        lanes.offer(&ep("a"), job, true);
    }
    lanes.offer(&ep("b"), 10, true);
    assert_eq!(
        starts(&mut lanes, at(0)),
        [Start::Job(0), Start::Job(10), Start::Job(1), Start::Job(2)]
    );
}

#[test]
fn a_lane_is_read_when_its_head_is_due_and_not_before() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), retry(2), 2, at(10));
    assert_eq!(starts(&mut lanes, at(9)), []);
    assert_eq!(lanes.next_timer(), Some(at(10)));
    let lane = WaitingSubject {
        lane: retry(2),
        endpoint: ep("a"),
    };
    assert_eq!(
        starts(&mut lanes, at(10)),
        [Start::Head {
            lane: lane.clone(),
            from: 0
        }]
    );
    lanes.head_read(&ep("a"), retry(2), Head::Due { sequence: 5 }, at(10));
    assert_eq!(
        starts(&mut lanes, at(10)),
        [Start::Head {
            lane: lane.clone(),
            from: 6
        }]
    );
    let later = Head::NotYet {
        sequence: 9,
        due: at(12),
    };
    lanes.head_read(&ep("a"), retry(2), later, at(10));
    assert_eq!(starts(&mut lanes, at(11)), []);
    assert_eq!(starts(&mut lanes, at(12)), [Start::Head { lane, from: 9 }]);
}

#[test]
fn a_lane_found_empty_is_forgotten() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), retry(2), 1, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.head_read(&ep("a"), retry(2), Head::Empty, at(0));
    assert_eq!(starts(&mut lanes, at(0)), []);
    assert!(lanes.endpoints.is_empty(), "memory follows activity");
}

#[test]
fn a_silent_server_is_asked_again_later() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), Lane::Next, 1, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.head_read(&ep("a"), Lane::Next, Head::Unknown { again: at(1) }, at(0));
    assert_eq!(starts(&mut lanes, at(0)), []);
    assert_eq!(starts(&mut lanes, at(1)).len(), 1);
}

#[test]
fn a_receivers_wish_holds_back_all_its_deliveries() {
    let mut lanes = lanes(4, 4);
    lanes.offer(&ep("a"), 0, true);
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.finished(&ep("a"), Origin::Memory, Some(at(60)), at(0));
    assert_eq!(lanes.offer(&ep("a"), 1, true), Offer::Taken);
    assert_eq!(starts(&mut lanes, at(59)), []);
    assert_eq!(starts(&mut lanes, at(60)), [Start::Job(1)]);
}

#[test]
fn retries_use_a_quarter_of_the_slots_while_first_attempts_wait() {
    let mut lanes = lanes(8, 100);
    lanes.placed(&ep("a"), retry(2), 50, at(0));
    for job in 0..50 {
        lanes.offer(&ep("a"), job, true);
    }
    let mut heads = 0;
    let mut jobs = 0;
    let mut sequence = 0;
    while let Some(start) = lanes.next_start(at(0)) {
        match start {
            Start::Job(_) => jobs += 1,
            Start::Head { .. } => {
                heads += 1;
                sequence += 1;
                lanes.head_read(&ep("a"), retry(2), Head::Due { sequence }, at(0));
            }
        }
    }
    assert_eq!((heads, jobs), (2, 6));
}

#[test]
fn a_lane_of_which_nothing_is_left_is_forgotten_and_one_with_a_start_is_not() {
    let mut lanes = lanes(4, 10);
    let (first, second) = (Lane::at(at(0)), Lane::at(at(100)));
    for lane in [first, second] {
        lanes.placed(&ep("a"), lane, 1, at(0));
    }
    assert_eq!(starts(&mut lanes, at(1)).len(), 2);
    for lane in [first, second] {
        lanes.head_read(&ep("a"), lane, Head::Due { sequence: 7 }, at(1));
    }
    let known = |lanes: &Lanes<u32>| lanes.endpoints[&ep("a")].lanes.len();
    lanes.finished(&ep("a"), Origin::Lane(first), None, at(1));
    assert_eq!(known(&lanes), 1);
    // The stream still has the other, which must not be read from the beginning again.
    lanes.placed(&ep("a"), second, 1, at(0));
    let again = starts(&mut lanes, at(1));
    assert!(
        matches!(again[..], [Start::Head { from: 8, .. }]),
        "{again:?}"
    );
}
