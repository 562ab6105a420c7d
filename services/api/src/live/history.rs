//! The last items, so that a watcher who comes back misses nothing. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Item, Position};

/// Items that are kept: some megabytes at most.
const KEPT: usize = 4_096;

/// The last items in the order of their places, without a gap from `floor` on.
pub(super) struct History {
    /// Whatever has a place after this one is here, or is still to come.
    floor: Position,
    /// The last message that was seen.
    last: u64,
    items: VecDeque<Arc<Item>>,
}

impl History {
    /// Nothing after this message has been missed.
    pub(super) fn after(last: u64) -> Self {
        Self {
            floor: Position::end_of(last),
            last,
            items: VecDeque::new(),
        }
    }

    /// Whether nothing is missing before this message.
    pub(super) fn follows(&self, sequence: u64) -> bool {
        // What came between listening and asking where the stream ends is seen as well.
        sequence <= self.last + 1
    }

    /// Notes that a message was seen, with those of its items that are to be told.
    pub(super) fn push(&mut self, sequence: u64, items: &[Arc<Item>]) {
        if !self.follows(sequence) {
            self.items.clear();
            self.floor = Position::end_of(sequence - 1);
        }
        self.last = self.last.max(sequence);
        for item in items {
            if self.items.len() == KEPT
                && let Some(oldest) = self.items.pop_front()
            {
                self.floor = self.floor.max(oldest.place);
            }
            self.items.push_back(Arc::clone(item));
        }
    }

    /// The items after a place, and whether they are all that came after it.
    pub(super) fn since(&self, after: Option<Position>) -> (Vec<Arc<Item>>, bool) {
        let Some(after) = after.filter(|after| *after >= self.floor) else {
            return (Vec::new(), false);
        };
        let later = self.items.iter().filter(|item| item.place > after);
        (later.cloned().collect(), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(found: &(Vec<Arc<Item>>, bool)) -> (Vec<u64>, bool) {
        (
            found.0.iter().map(|item| item.place.sequence).collect(),
            found.1,
        )
    }

    #[expect(clippy::unnecessary_wraps, reason = "as callers ask")]
    fn after(sequence: u64) -> Option<Position> {
        Some(Position::end_of(sequence))
    }

    fn seen(history: &mut History, sequence: u64) {
        assert!(history.follows(sequence));
        history.push(sequence, &[Arc::new(Item::gap(sequence))]);
    }

    #[test]
    fn who_comes_back_in_time_misses_nothing() {
        let mut history = History::after(10);
        assert_eq!(places(&history.since(after(10))), (vec![], true));
        assert_eq!(places(&history.since(after(9))), (vec![], false));
        assert_eq!(places(&history.since(None)), (vec![], false));
        for sequence in 11..=13 {
            seen(&mut history, sequence);
        }
        // A place that is nothing to tell counts all the same.
        history.push(14, &[]);
        assert!(history.follows(15));
        assert_eq!(places(&history.since(after(11))), (vec![12, 13], true));
        // Another process may have been faster.
        assert_eq!(places(&history.since(after(20))), (vec![], true));
    }

    #[test]
    fn after_a_gap_nobody_is_told_that_all_is_there() {
        let mut history = History::after(0);
        seen(&mut history, 1);
        assert!(!history.follows(3));
        history.push(3, &[Arc::new(Item::gap(3))]);
        assert_eq!(places(&history.since(after(1))), (vec![], false));
        assert_eq!(places(&history.since(after(2))), (vec![3], true));
    }

    #[test]
    fn who_comes_back_within_a_message_is_told_the_rest_of_it() {
        let mut history = History::after(0);
        let items: Vec<_> = Position::of_items(1, 3)
            .map(|place| {
                Arc::new(Item {
                    place,
                    ..Item::gap(1)
                })
            })
            .collect();
        history.push(1, &items);
        for (told, item) in items.iter().enumerate() {
            let (rest, complete) = history.since(Some(item.place));
            assert!(complete);
            assert_eq!(rest.len(), items.len() - told - 1);
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut history = History::after(0);
        let most = u64::try_from(KEPT).unwrap();
        for sequence in 1..=most + 5 {
            seen(&mut history, sequence);
        }
        assert_eq!(history.items.len(), KEPT);
        assert!(!history.since(after(4)).1);
        assert_eq!(history.since(after(5)).0.len(), KEPT);
    }
}
