use super::*;

const CAP: usize = 32;
const FIRST_OPEN: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> Timestamp {
    Timestamp::default().plus(Duration::from_secs(1_000 + seconds))
}

fn endpoint() -> EndpointId {
    EndpointId::parse("ep_a").unwrap()
}

/// An attempt that began a second ago.
fn learn(health: &mut Health, sign: Sign, seconds: u64) -> bool {
    let lesson = Lesson {
        sign,
        started_at: at(seconds.saturating_sub(1)),
        took: Duration::from_millis(20),
    };
    health.learn(&endpoint(), lesson, (CAP, FIRST_OPEN), at(seconds))
}

#[test]
fn the_limit_doubles_until_the_first_sign_of_overload_and_then_grows_by_one_a_round() {
    let mut health = Health::default();
    assert_eq!(health.allowed(CAP), 8);
    for _ in 0..8 {
        learn(&mut health, Sign::Accepted, 1);
    }
    assert_eq!(health.allowed(CAP), 16);
    learn(&mut health, Sign::Overloaded, 2);
    assert_eq!(health.allowed(CAP), 8);
    for _ in 0..9 {
        learn(&mut health, Sign::Accepted, 4);
    }
    assert_eq!(health.allowed(CAP), 9);
    for _ in 0..1_000 {
        learn(&mut health, Sign::Accepted, 4);
    }
    assert_eq!(health.allowed(CAP), CAP);
    assert_eq!(health.allowed(4), 4, "the cap may be lowered at any time");
}

#[test]
fn requests_that_were_in_flight_together_cut_once() {
    let mut health = Health::default();
    for _ in 0..4 {
        let lesson = Lesson {
            sign: Sign::Overloaded,
            started_at: at(1),
            took: Duration::from_secs(1),
        };
        health.learn(&endpoint(), lesson, (CAP, FIRST_OPEN), at(2));
    }
    assert_eq!(health.allowed(CAP), 4);
}

#[test]
fn answers_that_become_slow_are_a_sign_of_overload() {
    let mut health = Health::default();
    let mut answer = |millis, seconds| {
        let lesson = Lesson {
            sign: Sign::Accepted,
            started_at: at(seconds),
            took: Duration::from_millis(millis),
        };
        health.learn(&endpoint(), lesson, (CAP, FIRST_OPEN), at(seconds + 1));
        health.allowed(CAP)
    };
    assert_eq!(answer(50, 1), 9);
    assert_eq!(answer(240, 3), 10, "noise");
    assert_eq!(answer(260, 5), 5, "more than four times as slow");
}

#[test]
fn refusals_leave_the_limit_alone() {
    let mut health = Health::default();
    for _ in 0..5 {
        learn(&mut health, Sign::Refused, 1);
    }
    assert_eq!(health.allowed(CAP), 8);
}

#[test]
fn five_unanswered_in_a_row_open_the_breaker_and_one_answer_between_them_does_not() {
    let mut health = Health::default();
    for n in 0..4 {
        assert!(!learn(&mut health, Sign::Silent, n));
    }
    learn(&mut health, Sign::Accepted, 4);
    for n in 5..9 {
        assert!(!learn(&mut health, Sign::Silent, n));
    }
    assert!(learn(&mut health, Sign::Silent, 9));
    assert_eq!(health.allowed(CAP), 1);
    let open = health.open_until().since(at(9)).as_secs_f64();
    assert!((24.0..=36.0).contains(&open), "{open}");
}

#[test]
fn mostly_failures_open_the_breaker_once_there_are_ten() {
    let mut health = Health::default();
    for n in 0..2 {
        learn(&mut health, Sign::Accepted, n);
    }
    for n in 2..9 {
        assert!(!learn(&mut health, Sign::Refused, n));
    }
    assert!(learn(&mut health, Sign::Refused, 9), "8 of 10");
    let mut health = Health::default();
    for n in 0..30 {
        assert!(!learn(&mut health, Sign::Refused, n * 10), "too seldom");
    }
}

#[test]
fn a_probe_that_fails_doubles_the_time_and_one_that_succeeds_begins_slowly() {
    let mut health = Health::default();
    for n in 0..5 {
        learn(&mut health, Sign::Silent, n);
    }
    assert!(!learn(&mut health, Sign::Silent, 6), "it began before");
    let mut now = 50;
    for expected in [60.0, 120.0, 240.0, 480.0, 600.0, 600.0] {
        assert!(learn(&mut health, Sign::Overloaded, now));
        let open = health.open_until().since(at(now)).as_secs_f64();
        assert!((expected * 0.8..=expected * 1.2).contains(&open), "{open}");
        now += 1_000;
    }
    assert!(!learn(&mut health, Sign::Accepted, now));
    assert_eq!(health.open_until(), Timestamp::default());
    assert_eq!(health.allowed(CAP), 1);
    learn(&mut health, Sign::Accepted, now + 1);
    assert_eq!(health.allowed(CAP), 2);
}

#[test]
fn only_what_is_out_of_the_ordinary_is_remembered() {
    let mut health = Health::default();
    learn(&mut health, Sign::Accepted, 1);
    assert_eq!(health.remembered_until(), Timestamp::default());
    learn(&mut health, Sign::Silent, 2);
    assert_eq!(health.remembered_until(), at(62));
}

#[test]
fn without_a_time_there_is_no_breaker() {
    let mut health = Health::default();
    for n in 0..100 {
        let lesson = Lesson {
            sign: Sign::Silent,
            started_at: at(n),
            took: Duration::from_secs(1),
        };
        assert!(!health.learn(&endpoint(), lesson, (CAP, Duration::ZERO), at(n + 1)));
    }
    assert_eq!(health.allowed(CAP), 1);
    assert_eq!(health.open_until(), Timestamp::default());
}
