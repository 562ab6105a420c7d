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
    Lane::Attempt(AttemptNumber::new(number))
}

fn starts(lanes: &mut Lanes<u32>, now: Timestamp) -> Vec<Start<u32>> {
    let mut started = Vec::new();
    while Pool::ALL.iter().any(|pool| lanes.wants(*pool, now)) {
        started.extend(
            Pool::ALL
                .iter()
                .filter_map(|pool| lanes.next_start(*pool, now)),
        );
    }
    started
}

#[test]
fn an_endpoint_never_has_more_in_flight_than_its_cap() {
    let mut lanes = lanes(2, 10);
    for job in 0..5 {
        assert_eq!(lanes.offer(&ep("a"), job, true, at(0)), Offer::Taken);
    }
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(0), Start::Job(1)]);
    lanes.finished(&ep("a"), Origin::Memory, Lesson::Accepted, None, at(0));
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
    lanes.parked(&ep("a"), true, at(0));
    lanes.finished(&ep("a"), Origin::Memory, Lesson::Accepted, None, at(0));
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(1)]);
    assert_eq!(
        lanes.offer(&ep("a"), 3, true, at(0)),
        Offer::Park(3),
        "2 is parked, so 3 goes behind it"
    );
    lanes.parked(&ep("a"), true, at(0));
    lanes.finished(&ep("a"), Origin::Memory, Lesson::Accepted, None, at(0));
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
    let parked = Origin::Lane {
        lane: Lane::Next,
        sequence: 7,
    };
    lanes.finished(&ep("a"), parked, Lesson::Accepted, None, at(0));
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
fn a_lane_found_empty_is_read_again_before_that_is_believed() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), retry(2), 1, at(0));
    let mut now = at(0);
    let mut reads = 0;
    while !lanes.endpoints.is_empty() {
        if let Some(timer) = lanes.next_timer() {
            now = now.max(timer);
        }
        reads += starts(&mut lanes, now).len();
        lanes.head_read(&ep("a"), retry(2), Head::Empty, now);
    }
    assert_eq!(reads, 6, "then it is forgotten: memory follows activity");
    assert!(now <= at(4), "within seconds");
}

#[test]
fn a_replica_that_lags_behind_delays_a_delivery_only_a_moment() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), retry(2), 1, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.head_read(&ep("a"), retry(2), Head::Empty, at(0));
    assert_eq!(starts(&mut lanes, at(0)), []);
    assert_eq!(starts(&mut lanes, at(1)).len(), 1);
    lanes.head_read(&ep("a"), retry(2), Head::Due { sequence: 3 }, at(1));
    let visited = Origin::Lane {
        lane: retry(2),
        sequence: 3,
    };
    lanes.finished(&ep("a"), visited, Lesson::Accepted, None, at(1));
    assert!(lanes.endpoints.is_empty());
}

#[test]
fn what_is_in_flight_is_not_seen_as_waiting() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), Lane::Next, 1, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.head_read(&ep("a"), Lane::Next, Head::Due { sequence: 3 }, at(0));
    lanes.seen(&ep("a"), Lane::Next, 1);
    assert_eq!(lanes.offer(&ep("a"), 0, true, at(0)), Offer::Taken);
    lanes.seen(&ep("b"), Lane::Next, 1);
    assert_eq!(starts(&mut lanes, at(0)).len(), 2, "the job, and b's head");
}

#[test]
fn a_new_delivery_does_not_wait_for_doubts_about_its_lane() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), Lane::Next, 1, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
    lanes.head_read(&ep("a"), Lane::Next, Head::Empty, at(0));
    assert_eq!(starts(&mut lanes, at(0)), []);
    assert_eq!(lanes.offer(&ep("a"), 0, true, at(0)), Offer::Park(0));
    lanes.parked(&ep("a"), true, at(0));
    assert_eq!(starts(&mut lanes, at(0)).len(), 1);
}

#[test]
fn a_lane_counted_too_high_is_corrected_under_steady_traffic() {
    let mut lanes = lanes(4, 4);
    lanes.placed(&ep("a"), Lane::Next, 2, at(0));
    let mut now = at(0);
    let mut parked = 1;
    for sequence in 1..1_000 {
        now = now.plus(Duration::from_millis(10));
        while !starts(&mut lanes, now).is_empty() {
            let head = if parked == 0 {
                Head::Empty
            } else {
                Head::Due { sequence }
            };
            lanes.head_read(&ep("a"), Lane::Next, head, now);
            if parked > 0 {
                parked -= 1;
                let visited = Origin::Lane {
                    lane: Lane::Next,
                    sequence,
                };
                lanes.finished(&ep("a"), visited, Lesson::Accepted, None, now);
            }
        }
        if lanes.offer(&ep("a"), 0, true, now) == Offer::Taken {
            assert!(now < at(5), "{now}");
            return;
        }
        lanes.parked(&ep("a"), true, now);
        parked += 1;
    }
    panic!("all jobs are parked for ever");
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
fn a_receivers_wish_holds_back_all_its_deliveries_on_disk() {
    let mut lanes = lanes(1, 4);
    for job in 0..3 {
        lanes.offer(&ep("a"), job, true, at(0));
    }
    assert_eq!(starts(&mut lanes, at(0)), [Start::Job(0)]);
    let wish = Some(at(60));
    lanes.finished(&ep("a"), Origin::Memory, Lesson::Nothing, wish, at(0));
    assert_eq!(lanes.held_jobs(&ep("a"), at(0)), [1, 2]);
    assert_eq!(lanes.offer(&ep("a"), 3, true, at(1)), Offer::Park(3));
    assert_eq!(lanes.queued(), 0, "nothing waits in memory for so long");
    for _ in 1..=3 {
        lanes.parked(&ep("a"), true, at(1));
    }
    assert_eq!(starts(&mut lanes, at(59)), []);
    assert_eq!(starts(&mut lanes, at(60)).len(), 1);
}

#[test]
fn endpoints_take_turns_at_places_that_are_scarce() {
    let mut lanes = lanes(32, 100);
    for endpoint in ["hangs1", "hangs2", "hangs3", "works"] {
        lanes.placed(&ep(endpoint), Lane::Next, 1_000, at(0));
    }
    let mut started = std::collections::HashMap::new();
    // One place at a time becomes free.
    for sequence in 1..=32 {
        let Some(Start::Head { lane, .. }) = lanes.next_start(Pool::Parked, at(0)) else {
            panic!("something waits");
        };
        lanes.head_read(&lane.endpoint, Lane::Next, Head::Due { sequence }, at(0));
        *started.entry(lane.endpoint).or_insert(0) += 1;
    }
    assert!(started.values().all(|count| *count == 8), "{started:?}");
    assert!(!lanes.wants(Pool::Retry, at(0)) && !lanes.wants(Pool::Fresh, at(0)));
}

#[test]
fn an_endpoint_that_times_out_keeps_one_place() {
    let mut lanes = lanes(32, 100);
    for job in 0..50 {
        lanes.offer(&ep("a"), job, true, at(0));
    }
    let mut in_flight = starts(&mut lanes, at(0)).len();
    while in_flight > 0 {
        in_flight -= 1;
        lanes.finished(&ep("a"), Origin::Memory, Lesson::TimedOut, None, at(5));
    }
    assert_eq!(starts(&mut lanes, at(5)).len(), 1);
    lanes.finished(&ep("a"), Origin::Memory, Lesson::Accepted, None, at(6));
    assert_eq!(starts(&mut lanes, at(6)).len(), 2, "it grows back");
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
    for pool in Pool::ALL.into_iter().cycle().take(60) {
        match lanes.next_start(pool, at(0)) {
            None => {}
            Some(Start::Job(_)) => jobs += 1,
            Some(Start::Head { .. }) => {
                heads += 1;
                sequence += 1;
                lanes.head_read(&ep("a"), retry(2), Head::Due { sequence }, at(0));
            }
        }
    }
    assert_eq!((heads, jobs), (2, 6));
}

#[test]
fn what_is_kept_is_read_again_once_nothing_of_its_lane_is_in_flight() {
    let mut lanes = lanes(3, 4);
    lanes.placed(&ep("a"), Lane::Next, 3, at(0));
    for sequence in [5, 6] {
        assert_eq!(starts(&mut lanes, at(0)).len(), 1);
        lanes.head_read(&ep("a"), Lane::Next, Head::Due { sequence }, at(0));
    }
    let parked = |sequence| Origin::Lane {
        lane: Lane::Next,
        sequence,
    };
    lanes.kept(&ep("a"), parked(6), at(5), at(0));
    assert_eq!(starts(&mut lanes, at(4)), [], "the endpoint is held back");
    assert_eq!(starts(&mut lanes, at(5)), [], "5 is still in flight");
    lanes.kept(&ep("a"), parked(5), at(6), at(5));
    let lane = WaitingSubject {
        lane: Lane::Next,
        endpoint: ep("a"),
    };
    for sequence in [5, 6, 7] {
        let head = Start::Head {
            lane: lane.clone(),
            from: sequence,
        };
        assert_eq!(starts(&mut lanes, at(6)), [head], "one at a time");
        lanes.head_read(&ep("a"), Lane::Next, Head::Due { sequence }, at(6));
        lanes.finished(&ep("a"), parked(sequence), Lesson::Nothing, None, at(6));
    }
    assert!(lanes.endpoints.is_empty(), "nothing is left behind");
}
