//! Which of a line's jobs may be moved, and in which order. Pure.

/// A job in JOBS, as far as its order is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// In JOBS.
    pub(super) sequence: u64,
    /// Its event's place in EVENTS, and within the message there; `None` for what has none, such as a
    /// resend.
    pub(super) order: Option<(u64, u32)>,
}

/// The places in JOBS of what may be moved, in order, and of the others.
///
/// `found` is everything that JOBS held after fan-out had come as far as `fanned_out_to`. What has no
/// place in EVENTS goes behind what is there: it was wished for later.
pub(super) fn plan(found: &[Place], fanned_out_to: u64) -> (Vec<u64>, Vec<u64>) {
    let (mut movable, left): (Vec<Place>, Vec<Place>) = found
        .iter()
        .copied()
        .partition(|place| place.order.is_none_or(|(event, _)| event <= fanned_out_to));
    movable.sort_unstable_by_key(|place| (place.order.unwrap_or((u64::MAX, 0)), place.sequence));
    let sequences = |places: Vec<Place>| places.iter().map(|place| place.sequence).collect();
    (sequences(movable), sequences(left))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(sequence: u64, order: impl Into<Option<u64>>) -> Place {
        Place {
            sequence,
            order: order.into().map(|event| (event, 0)),
        }
    }

    #[test]
    fn jobs_go_in_the_order_of_their_events_and_wait_for_those_before_them() {
        let found = [place(1, 12), place(2, 11), place(3, None), place(4, 15)];
        assert_eq!(plan(&found, 14), (vec![2, 1, 3], vec![4]));
        assert_eq!(plan(&found, u64::MAX), (vec![2, 1, 4, 3], vec![]));
        assert_eq!(plan(&found, 10), (vec![3], vec![1, 2, 4]));
        assert_eq!(plan(&[], 10), (vec![], vec![]));
    }

    #[test]
    fn events_of_one_message_go_in_their_order_within_it() {
        let of_message = |sequence, within| Place {
            sequence,
            order: Some((7, within)),
        };
        let found = [of_message(1, 4), place(2, 8), of_message(3, 0)];
        assert_eq!(plan(&found, 8), (vec![3, 1, 2], vec![]));
    }

    proptest! {
        /// Fan-out publishes in any order; whatever it has acked is in the stream.
        #[test]
        fn however_fan_out_and_moving_are_mixed_the_order_is_kept(
            published in Just((1_u64..40).collect::<Vec<_>>()).prop_shuffle(),
            looks in proptest::collection::vec(0_usize..40, 0..12),
        ) {
            let mut looks = looks;
            looks.sort_unstable();
            looks.push(published.len());
            let mut delivered: Vec<u64> = Vec::new();
            for seen in looks {
                let stored = &published[..seen];
                let floor = (1..).find(|order| !stored.contains(order)).unwrap_or(1) - 1;
                let found: Vec<Place> = stored
                    .iter()
                    .enumerate()
                    .filter(|(_, order)| !delivered.contains(order))
                    .map(|(index, order)| place(index as u64 + 1, *order))
                    .collect();
                let (sequences, _) = plan(&found, floor);
                let order = |at: &u64| published[usize::try_from(*at).unwrap() - 1];
                delivered.extend(sequences.iter().map(order));
            }
            prop_assert!(delivered.is_sorted(), "{delivered:?}");
            prop_assert_eq!(delivered.len(), published.len());
        }
    }
}
