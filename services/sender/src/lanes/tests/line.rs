//! Lines of ordering keys, against a model of the waiting room.

use std::collections::BTreeMap;

use posthorn_event_schema::{OrderingKey, OrderingLine};
use proptest::prelude::*;

use super::*;

/// What one line has in the waiting room: place in the stream, event, when it is due.
#[derive(Debug, Default)]
struct Stored {
    first: BTreeMap<u64, u32>,
    retry: Option<(u64, u32, Timestamp)>,
}

struct World {
    lanes: Lanes<u32>,
    stored: BTreeMap<OrderingLine, Stored>,
    in_flight: Vec<(Lane, u64, u32)>,
    last_sequence: u64,
    now: Timestamp,
    /// Events in the order in which they ended.
    ended: BTreeMap<OrderingLine, Vec<u32>>,
}

impl World {
    fn new() -> Self {
        Self {
            lanes: lanes(4, 10),
            stored: BTreeMap::new(),
            in_flight: Vec::new(),
            last_sequence: 0,
            now: at(1),
            ended: BTreeMap::new(),
        }
    }

    fn store(&mut self, line: OrderingLine, event: u32) {
        self.last_sequence += 1;
        let stored = self.stored.entry(line).or_default();
        stored.first.insert(self.last_sequence, event);
        let lane = Lane::InLine { line, retry: None };
        self.lanes.placed(&ep("a"), lane, 1, Timestamp::default());
    }

    fn start_all(&mut self) {
        while let Some(start) = self.lanes.next_start(self.now, |_| true, |_| true) {
            let Start::Head { lane, from } = start else {
                panic!("nothing is in memory");
            };
            let head = self.read(lane.lane, from);
            self.lanes.head_read(&ep("a"), lane.lane, head, self.now);
        }
    }

    fn read(&mut self, lane: Lane, from: u64) -> Head {
        let line = lane.line().unwrap();
        let stored = &self.stored[&line];
        let found = match lane.rank() {
            Rank::Retry => stored.retry.filter(|(sequence, ..)| *sequence >= from),
            _ => stored
                .first
                .range(from..)
                .next()
                .map(|(s, e)| (*s, *e, self.now)),
        };
        match found {
            None => Head::Empty,
            Some((sequence, _, due)) if due > self.now => Head::NotYet { sequence, due },
            Some((sequence, event, due)) => {
                let beside = self
                    .in_flight
                    .iter()
                    .find(|(lane, ..)| lane.line() == Some(line));
                assert_eq!(beside, None, "two of a line at a time");
                self.in_flight.push((lane, sequence, event));
                Head::Due { sequence, due }
            }
        }
    }

    /// One in flight ends: delivered, or to be attempted again a second later.
    fn end_one(&mut self, which: usize, fails: bool) {
        if self.in_flight.is_empty() {
            return;
        }
        let (lane, sequence, event) = self.in_flight.remove(which % self.in_flight.len());
        let line = lane.line().unwrap();
        let stored = self.stored.get_mut(&line).unwrap();
        stored.first.remove(&sequence);
        stored.retry = None;
        if fails {
            self.last_sequence += 1;
            let due = self.now.plus(Duration::from_secs(1));
            stored.retry = Some((self.last_sequence, event, due));
            let number = match lane {
                Lane::InLine {
                    retry: Some(number),
                    ..
                } => number.next(),
                _ => AttemptNumber::new(2),
            };
            let retry = Lane::InLine {
                line,
                retry: Some(number),
            };
            self.lanes.placed(&ep("a"), retry, 1, due);
        } else {
            self.ended.entry(line).or_default().push(event);
        }
        self.lanes.finished(
            &ep("a"),
            from_lane(lane, sequence),
            Finish::default(),
            self.now,
        );
    }
}

proptest! {
    #[test]
    fn a_line_is_served_in_order_one_at_a_time_and_to_its_end(
        steps in proptest::collection::vec((0_u8..8, 0_usize..8), 0..200),
    ) {
        let key = |n: usize| OrderingKey::parse(&format!("key {n}")).unwrap().line();
        let mut world = World::new();
        let mut events: BTreeMap<OrderingLine, Vec<u32>> = BTreeMap::new();
        for (number, (step, which)) in steps.into_iter().enumerate() {
            match step {
                0..=2 => {
                    let (line, event) = (key(which % 3), u32::try_from(number).unwrap());
                    events.entry(line).or_default().push(event);
                    world.store(line, event);
                }
                3 | 4 => world.end_one(which, false),
                5 | 6 => world.end_one(which, true),
                _ => world.now = world.now.plus(Duration::from_millis(700)),
            }
            world.start_all();
        }
        for _ in 0..1_000 {
            world.end_one(0, false);
            let timer = world.lanes.next_timer();
            world.now = timer.map_or(world.now, |timer| world.now.max(timer));
            world.start_all();
        }
        prop_assert_eq!(world.ended, events);
    }
}

#[test]
fn keys_do_not_wait_for_each_other() {
    let mut world = World::new();
    let key = |n| OrderingKey::parse(&format!("key {n}")).unwrap().line();
    for number in 0..6 {
        world.store(key(number % 3), number);
    }
    world.start_all();
    assert_eq!(world.in_flight.len(), 3);
    world.end_one(0, true);
    world.start_all();
    assert_eq!(world.in_flight.len(), 2, "the second of its key waits");
    world.end_one(0, false);
    world.start_all();
    assert_eq!(
        world.in_flight.len(),
        2,
        "the second of another key goes on"
    );
}
