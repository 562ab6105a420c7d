//! Receivers of many kinds, and what is sent to them.

use std::time::Duration;

use posthorn_event_schema::{EndpointId, FailureClass, Timestamp};
use time::format_description::well_known::Rfc2822;

use super::Dice;
use crate::answer::{Answer, Kept};
use crate::retry::RetrySchedule;

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
/// The deadline of a request.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(super) enum Behaviour {
    Accepts,
    /// 500, so many times in a hundred.
    Fails(u64),
    /// Says nothing until the request is given up.
    Hangs,
    /// Up for the first duration, down for the second, and so on.
    Flaps(Duration, Duration),
    /// 429, so many times in a hundred.
    IsBusy(u64),
    /// This status and `Retry-After` in seconds.
    AsksForSeconds(u16, u64),
    /// This status and `Retry-After` as a date, so much later.
    AsksForDate(u16, Duration),
    /// Fails at first, and takes everything later.
    RecoversAfter(Duration),
    /// Hangs at first, and takes everything later.
    AnswersAfter(Duration),
}

/// An endpoint and what it gets.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    pub(super) id: EndpointId,
    pub(super) behaviour: Behaviour,
    pub(super) own_schedule: Option<RetrySchedule>,
    /// Every other event is of a type that has this schedule.
    pub(super) type_schedule: Option<RetrySchedule>,
    pub(super) rate: Option<u16>,
    pub(super) fifo: bool,
    /// It gets so little that only its schedule holds an attempt back.
    pub(super) is_quiet: bool,
    /// Nobody wants its events any more after that.
    pub(super) lives_for: Option<Duration>,
    /// So many events, evenly over so much time.
    pub(super) events: (u32, Duration),
}

impl Receiver {
    fn new(name: &str, behaviour: Behaviour, events: (u32, Duration)) -> Self {
        Self {
            id: EndpointId::parse(&format!("ep_{name}")).unwrap(),
            behaviour,
            own_schedule: None,
            type_schedule: None,
            rate: None,
            fifo: false,
            is_quiet: false,
            lives_for: None,
            events,
        }
    }

    /// One event.
    fn quiet(name: &str, behaviour: Behaviour) -> Self {
        Self {
            is_quiet: true,
            ..Self::new(name, behaviour, (1, MINUTE))
        }
    }

    /// Whether it takes everything from then on.
    pub(super) fn recovers_after(&self) -> Option<Duration> {
        match self.behaviour {
            Behaviour::Accepts => Some(Duration::ZERO),
            Behaviour::RecoversAfter(after) | Behaviour::AnswersAfter(after) => Some(after),
            _ => None,
        }
    }

    /// The answer to a request that starts `running` after the beginning, and how long it takes.
    pub(super) fn answer(
        &self,
        running: Duration,
        now: Timestamp,
        dice: &mut Dice,
    ) -> (Answer, Duration) {
        let took = Duration::from_millis(1) + dice.up_to(Duration::from_millis(80));
        let answer = match &self.behaviour {
            Behaviour::Accepts => http(200, None),
            Behaviour::Fails(share) if dice.in_a_hundred(*share) => http(500, None),
            Behaviour::IsBusy(share) if dice.in_a_hundred(*share) => http(429, None),
            Behaviour::Hangs => return (silence(), TIMEOUT),
            Behaviour::AnswersAfter(after) if running < *after => return (silence(), TIMEOUT),
            Behaviour::RecoversAfter(after) if running < *after => http(503, None),
            Behaviour::Flaps(up, down) => {
                let phase = running.as_secs() % (up.as_secs() + down.as_secs());
                http(if phase < up.as_secs() { 204 } else { 502 }, None)
            }
            Behaviour::AsksForSeconds(status, seconds) => http(*status, Some(seconds.to_string())),
            Behaviour::AsksForDate(status, after) => {
                let date = now.plus(*after).to_date_time().format(&Rfc2822).unwrap();
                http(*status, Some(date.replace("+0000", "GMT")))
            }
            Behaviour::Fails(_)
            | Behaviour::IsBusy(_)
            | Behaviour::AnswersAfter(_)
            | Behaviour::RecoversAfter(_) => http(200, None),
        };
        (answer, took)
    }
}

fn http(status: u16, retry_after: Option<String>) -> Answer {
    Answer::Http {
        status,
        body: Kept::default(),
        retry_after,
        wish: None,
    }
}

fn silence() -> Answer {
    Answer::Failed {
        class: FailureClass::Timeout,
        words: String::new(),
    }
}

fn schedule(text: &str) -> RetrySchedule {
    RetrySchedule::parse(text).unwrap()
}

/// One world's receivers.
pub(super) fn mix(dice: &mut Dice) -> Vec<Receiver> {
    let mut all = quiet_ones(dice);
    all.extend(busy_ones(dice));
    all.extend(ordered_ones(dice));
    all
}

fn quiet_ones(dice: &mut Dice) -> Vec<Receiver> {
    let seconds = 1 + dice.below(20_000);
    vec![
        Receiver::quiet("quiet-fails", Behaviour::Fails(100)),
        Receiver::quiet("quiet-hangs", Behaviour::Hangs),
        Receiver::quiet("asks-seconds", Behaviour::AsksForSeconds(429, seconds)),
        Receiver::quiet("asks-long", Behaviour::AsksForSeconds(503, 11 * 3_600)),
        Receiver::quiet("asks-too-long", Behaviour::AsksForSeconds(503, 50 * 3_600)),
        Receiver::quiet("asks-date", Behaviour::AsksForDate(503, 2 * HOUR)),
        Receiver::quiet("asks-past", Behaviour::AsksForDate(429, Duration::ZERO)),
        Receiver {
            own_schedule: Some(schedule("200ms,400ms,800ms,800ms")),
            ..Receiver::quiet("sub-second", Behaviour::Fails(100))
        },
        Receiver {
            own_schedule: Some(schedule("5500ms,6s,10s,40h")),
            ..Receiver::quiet("own-schedule", Behaviour::Fails(100))
        },
        Receiver {
            own_schedule: Some(schedule("1h,30h,30h")),
            ..Receiver::quiet("own-too-long", Behaviour::Fails(100))
        },
        Receiver {
            lives_for: Some(HOUR),
            ..Receiver::quiet("expires", Behaviour::Fails(100))
        },
        Receiver {
            type_schedule: Some(schedule("1s,10s,1h")),
            events: (2, MINUTE),
            ..Receiver::quiet("types", Behaviour::Fails(100))
        },
    ]
}

fn busy_ones(dice: &mut Dice) -> Vec<Receiver> {
    let hours = |dice: &mut Dice| HOUR * u32::try_from(1 + dice.below(24)).unwrap();
    let (up, down) = (MINUTE + dice.up_to(HOUR), MINUTE + dice.up_to(HOUR));
    vec![
        Receiver::new("accepts", Behaviour::Accepts, (300, HOUR)),
        Receiver::new("fails", Behaviour::Fails(100), (200, 10 * MINUTE)),
        Receiver::new("hangs", Behaviour::Hangs, (200, 10 * MINUTE)),
        Receiver::new("flaps", Behaviour::Flaps(up, down), (600, 24 * HOUR)),
        Receiver::new("busy", Behaviour::IsBusy(70), (200, MINUTE)),
        Receiver::new(
            "recovers",
            Behaviour::RecoversAfter(hours(dice)),
            (100, 30 * MINUTE),
        ),
        Receiver::new(
            "answers",
            Behaviour::AnswersAfter(hours(dice)),
            (400, 2 * HOUR),
        ),
        Receiver::new("asks-often", Behaviour::AsksForSeconds(503, 20), (30, HOUR)),
        Receiver {
            rate: Some(1),
            ..Receiver::new("throttled", Behaviour::Accepts, (400, MINUTE))
        },
        Receiver {
            rate: Some(3),
            ..Receiver::new("throttled-fails", Behaviour::Fails(30), (400, MINUTE))
        },
    ]
}

fn ordered_ones(dice: &mut Dice) -> Vec<Receiver> {
    let after = dice.up_to(10 * HOUR);
    let ordered = |receiver| Receiver {
        fifo: true,
        ..receiver
    };
    vec![
        ordered(Receiver::new("fifo", Behaviour::Fails(15), (60, HOUR))),
        ordered(Receiver::new("fifo-hangs", Behaviour::Hangs, (5, HOUR))),
        ordered(Receiver::new(
            "fifo-recovers",
            Behaviour::RecoversAfter(after),
            (50, HOUR),
        )),
    ]
}
