use std::time::Duration;

use posthorn_event_schema::AttemptNumber;
use posthorn_event_schema::subject::Rank;

use super::*;

mod line;
mod room;

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
        breaker_open: Duration::from_secs(30),
    })
}

fn from_lane(lane: Lane, sequence: u64) -> Origin {
    Origin::Lane { lane, sequence }
}

/// It was due long ago.
fn due(sequence: u64) -> Head {
    let due = at(0);
    Head::Due { sequence, due }
}

fn retry(number: u16) -> Lane {
    Lane::attempt(AttemptNumber::new(number), Duration::from_secs(1))
}

fn starts(lanes: &mut Lanes<u32>, now: Timestamp) -> Vec<Start<u32>> {
    std::iter::from_fn(|| lanes.next_start(now, |_| true, |_| true)).collect()
}

#[test]
fn an_endpoint_never_has_more_in_flight_than_its_cap() {
    let mut lanes = lanes(2, 10);
    for job in 0..5 {
        assert_eq!(lanes.offer(&ep("a"), job, true, at(0)), Offer::Taken);
    }
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(0), Start::Job(1)]);
    lanes.finished(&ep("a"), Origin::Memory, Finish::default(), at(0));
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(2)]);
    assert_eq!(lanes.queued(), 2);
}

#[test]
fn what_does_not_fit_is_parked_and_newer_jobs_join_behind_it() {
    let mut lanes = lanes(1, 1);
    assert_eq!(lanes.offer(&ep("a"), 0, true, at(0)), Offer::Taken);
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(0)]);
    assert_eq!(lanes.offer(&ep("a"), 1, true, at(0)), Offer::Taken);
    assert_eq!(lanes.offer(&ep("a"), 2, true, at(0)), Offer::Park(2));
    lanes.parked(&ep("a"), Lane::Next, true, at(0));
    lanes.finished(&ep("a"), Origin::Memory, Finish::default(), at(0));
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(1)]);
    assert_eq!(
        lanes.offer(&ep("a"), 3, true, at(0)),
        Offer::Park(3),
        "2 is parked, so 3 goes behind it"
    );
    lanes.parked(&ep("a"), Lane::Next, true, at(0));
    lanes.finished(&ep("a"), Origin::Memory, Finish::default(), at(0));
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
    lanes.head_read(&ep("a"), Lane::Next, due(7), at(0));
    lanes.finished(&ep("a"), from_lane(Lane::Next, 7), Finish::default(), at(0));
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
        lanes.offer(&ep("a"), 0, false, at(0)),
        Offer::Taken,
        "it starts at once"
    );
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(0)]);
    assert_eq!(lanes.offer(&ep("a"), 1, false, at(0)), Offer::Park(1));
}

#[test]
fn a_busy_endpoint_does_not_hold_up_the_others() {
    let mut lanes = lanes(3, 10);
    for job in 0..3 {
        lanes.offer(&ep("a"), job, true, at(0));
    }
    lanes.offer(&ep("b"), 10, true, at(0));
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
    lanes.head_read(&ep("a"), retry(2), due(5), at(10));
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
    lanes.offer(&ep("a"), 0, true, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.offer(&ep("a"), 1, true, at(0));
    let finish = Finish {
        hold_until: Some(at(60)),
        ..Finish::default()
    };
    lanes.finished(&ep("a"), Origin::Memory, finish, at(0));
    assert_eq!(lanes.held_jobs(&ep("a"), at(0)), [1], "not kept in memory");
    assert_eq!(lanes.offer(&ep("a"), 2, true, at(0)), Offer::Park(2));
    for _ in 0..2 {
        lanes.parked(&ep("a"), Lane::Next, true, at(0));
    }
    assert_eq!(starts(&mut lanes, at(59)), []);
    assert_eq!(lanes.next_timer(), Some(at(60)));
    assert_eq!(starts(&mut lanes, at(60)).len(), 1);
}

#[test]
fn retries_use_a_quarter_of_the_slots_while_first_attempts_wait() {
    let mut lanes = lanes(8, 100);
    lanes.placed(&ep("a"), retry(2), 50, at(0));
    for job in 0..50 {
        lanes.offer(&ep("a"), job, true, at(0));
    }
    let mut heads = 0;
    let mut jobs = 0;
    let mut sequence = 0;
    while let Some(start) = lanes.next_start(at(0), |_| true, |_| true) {
        match start {
            Start::Job(_) => jobs += 1,
            Start::Head { .. } => {
                heads += 1;
                sequence += 1;
                lanes.head_read(&ep("a"), retry(2), due(sequence), at(0));
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
        lanes.head_read(&ep("a"), lane, due(7), at(1));
    }
    let known = |lanes: &Lanes<u32>| lanes.endpoints[&ep("a")].lanes.len();
    lanes.finished(&ep("a"), from_lane(first, 7), Finish::default(), at(1));
    assert_eq!(known(&lanes), 1);
    // The stream still has the other, which must not be read from the beginning again.
    lanes.placed(&ep("a"), second, 1, at(0));
    let again = starts(&mut lanes, at(1));
    assert!(
        matches!(again[..], [Start::Head { from: 8, .. }]),
        "{again:?}"
    );
}

#[test]
fn a_delivery_that_was_kept_is_read_again_once_nothing_else_of_its_lane_is_in_flight() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), Lane::Next, 3, at(0));
    for sequence in [5, 6] {
        assert_eq!(starts(&mut lanes, at(0)).len(), 1);
        lanes.head_read(&ep("a"), Lane::Next, due(sequence), at(0));
    }
    let kept = Finish {
        hold_until: Some(at(5)),
        kept: true,
        ..Finish::default()
    };
    // The third is being read when the first is kept.
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.finished(&ep("a"), from_lane(Lane::Next, 5), kept, at(0));
    lanes.head_read(&ep("a"), Lane::Next, due(7), at(0));
    assert_eq!(starts(&mut lanes, at(5)), [], "6 and 7 are in flight");
    lanes.finished(&ep("a"), from_lane(Lane::Next, 6), Finish::default(), at(5));
    lanes.finished(&ep("a"), from_lane(Lane::Next, 7), Finish::default(), at(5));
    let again = starts(&mut lanes, at(5));
    assert!(
        matches!(again[..], [Start::Head { from: 5, .. }]),
        "{again:?}"
    );
}

#[test]
fn a_release_makes_everything_due_that_waits_and_is_answered_once() {
    let mut lanes = lanes(4, 4);
    let heads = |lanes: &mut Lanes<u32>| starts(lanes, at(0)).len();
    lanes.placed(&ep("a"), retry(2), 2, at(100));
    lanes.placed(&ep("b"), retry(2), 1, at(100));
    assert_eq!(heads(&mut lanes), 0);
    let of_a = |id: &EndpointId| (*id == ep("a")).then(|| at(1));
    lanes.release(of_a, at(0));
    assert_eq!(heads(&mut lanes), 1, "only the endpoint that was meant");
    // It was found before the wish came: what the read tells of its time is not true any more.
    let later = |id: &EndpointId| (*id == ep("a")).then(|| at(2));
    lanes.release(later, at(0));
    let not_yet = Head::NotYet {
        sequence: 1,
        due: at(100),
    };
    lanes.head_read(&ep("a"), retry(2), not_yet, at(0));
    assert_eq!(heads(&mut lanes), 1, "it is read again");
    lanes.head_read(&ep("a"), retry(2), not_yet, at(0));
    lanes.release(later, at(0));
    assert_eq!(heads(&mut lanes), 0, "the wish was answered");
}

#[test]
fn in_order_a_retry_holds_back_what_came_later_and_its_time_is_kept() {
    let mut lanes = lanes(4, 4);
    lanes.set_fifo(&ep("a"), true);
    lanes.placed(&ep("a"), Lane::Next, 3, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1, "one at a time");
    lanes.head_read(&ep("a"), Lane::Next, due(1), at(0));
    assert_eq!(starts(&mut lanes, at(0)), []);
    lanes.placed(&ep("a"), retry(2), 1, at(10));
    let failed = Finish::default();
    lanes.finished(&ep("a"), from_lane(Lane::Next, 1), failed, at(0));
    assert_eq!(starts(&mut lanes, at(9)), [], "the retry comes first");
    assert_eq!(lanes.next_timer(), Some(at(10)));
    let again = WaitingSubject {
        lane: retry(2),
        endpoint: ep("a"),
    };
    let heads = starts(&mut lanes, at(10));
    assert_eq!(
        heads,
        [Start::Head {
            lane: again,
            from: 0
        }]
    );
    lanes.head_read(&ep("a"), retry(2), due(4), at(10));
    lanes.finished(&ep("a"), from_lane(retry(2), 4), failed, at(10));
    assert_eq!(starts(&mut lanes, at(10)).len(), 1, "then the next one");
}

#[test]
fn an_order_is_kept_also_when_nothing_goes_on_in_between() {
    let mut lanes = lanes(4, 4);
    lanes.set_fifo(&ep("a"), true);
    lanes.placed(&ep("a"), Lane::Next, 1, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.head_read(&ep("a"), Lane::Next, due(1), at(0));
    let done = from_lane(Lane::Next, 1);
    lanes.finished(&ep("a"), done, Finish::default(), at(0));
    assert_eq!(starts(&mut lanes, at(0)), []);
    assert!(lanes.endpoints.is_empty(), "it is forgotten");
    lanes.placed(&ep("a"), Lane::Next, 3, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.head_read(&ep("a"), Lane::Next, due(2), at(0));
    assert_eq!(starts(&mut lanes, at(0)), [], "one at a time, still");
}

#[test]
fn an_open_breaker_lets_one_delivery_through_when_its_time_is_over() {
    let mut lanes = lanes(4, 100);
    let attempt = |sign, second| Finish {
        lesson: Lesson {
            sign,
            started_at: at(second),
            took: Duration::from_secs(1),
        },
        ..Finish::default()
    };
    for job in 0..20 {
        lanes.offer(&ep("a"), job, true, at(0));
    }
    for second in 0..5 {
        starts(&mut lanes, at(second));
        lanes.finished(
            &ep("a"),
            Origin::Memory,
            attempt(Sign::Silent, second),
            at(second),
        );
    }
    assert_eq!(lanes.take_breakers_opened(), 1);
    let parked = lanes.held_jobs(&ep("a"), at(5)).len();
    assert!(parked > 0 && lanes.queued() == 0);
    for _ in 0..parked {
        lanes.parked(&ep("a"), Lane::Next, true, at(5));
    }
    assert_eq!(starts(&mut lanes, at(20)), []);
    lanes.ask_for_probe(&ep("a"), at(20));
    assert_eq!(starts(&mut lanes, at(20)), [], "one was made a moment ago");
    let probe = lanes.next_timer().unwrap();
    assert!(probe.since(at(4)) >= Duration::from_secs(24), "{probe:?}");
    // Those that were in flight when it opened have ended by now.
    while lanes.endpoints[&ep("a")].in_flight > 0 {
        lanes.finished(&ep("a"), Origin::Memory, attempt(Sign::Silent, 4), at(9));
    }
    let wanted = at(9).plus(Duration::from_secs(30));
    lanes.ask_for_probe(&ep("a"), wanted);
    assert!(lanes.endpoints[&ep("a")].held_until() <= wanted);
    let probing = starts(&mut lanes, probe);
    assert_eq!(probing.len(), 1, "one at a time");
    lanes.head_read(&ep("a"), Lane::Next, due(1), probe);
    assert_eq!(starts(&mut lanes, probe), []);
    let success = Finish {
        lesson: Lesson {
            sign: Sign::Accepted,
            started_at: probe,
            took: Duration::from_millis(5),
        },
        ..Finish::default()
    };
    lanes.finished(&ep("a"), from_lane(Lane::Next, 1), success, probe);
    assert_eq!(starts(&mut lanes, probe).len(), 1, "slowly at first");
}

#[test]
fn of_several_lanes_the_one_that_is_due_for_longest_goes_first() {
    let mut lanes = lanes(1, 4);
    lanes.placed(&ep("a"), retry(2), 9, at(10));
    lanes.placed(&ep("a"), retry(3), 9, at(5));
    let mut read = Vec::new();
    // Deliveries of attempt 2 are due each second, and those of attempt 3 every other one.
    let (mut second, mut third) = (10, 5);
    while read.len() < 6 {
        let Some(Start::Head { lane, from }) = lanes.next_start(at(100), |_| true, |_| true) else {
            panic!("something is due");
        };
        let (id, lane) = (lane.endpoint, lane.lane);
        let due = if lane == retry(2) {
            second += 1;
            at(second - 1)
        } else {
            third += 2;
            at(third - 2)
        };
        read.push(lane);
        let sequence = from + 1;
        lanes.head_read(&id, lane, Head::Due { sequence, due }, at(100));
        let ended = Finish::default();
        lanes.finished(&id, from_lane(lane, sequence), ended, at(100));
    }
    let [a2, a3] = [retry(2), retry(3)];
    assert_eq!(read, [a3, a3, a3, a3, a2, a2]);
}

#[test]
fn a_rate_is_kept_also_when_nothing_goes_on_in_between() {
    let mut lanes = lanes(4, 100);
    let mut started = Vec::new();
    let tick = |n: u64| at(0).plus(Duration::from_millis(n * 10));
    for n in 0..100 {
        lanes.set_rate(&ep("a"), Some(5));
        if lanes.offer(&ep("a"), 0, true, tick(n)) == Offer::Park(0) {
            // Not stored: it is offered again in our stead.
            lanes.parked(&ep("a"), Lane::Next, false, tick(n));
        }
        while lanes.next_start(tick(n), |_| true, |_| true).is_some() {
            started.push(n);
            lanes.finished(&ep("a"), Origin::Memory, Finish::default(), tick(n));
        }
    }
    assert_eq!(started, [0, 20, 40, 60, 80]);
}

#[test]
fn replays_go_behind_everything_else_and_hold_up_nothing() {
    let mut lanes = lanes(1, 10);
    lanes.parked(&ep("a"), Lane::Replay, true, at(0));
    lanes.placed(&ep("a"), retry(2), 1, at(0));
    assert_eq!(
        lanes.offer(&ep("a"), 1, true, at(0)),
        Offer::Taken,
        "a replay that waits parks no newcomer"
    );
    let mut order = Vec::new();
    while let Some(start) = lanes.next_start(at(0), |_| true, |_| true) {
        let origin = match start {
            Start::Job(_) => {
                order.push(None);
                Origin::Memory
            }
            Start::Head { lane, .. } => {
                order.push(Some(lane.lane));
                lanes.head_read(
                    &ep("a"),
                    lane.lane,
                    Head::Due {
                        sequence: 1,
                        due: at(0),
                    },
                    at(0),
                );
                from_lane(lane.lane, 1)
            }
        };
        lanes.finished(&ep("a"), origin, Finish::default(), at(0));
    }
    assert_eq!(order, [Some(retry(2)), None, Some(Lane::Replay)]);
}
